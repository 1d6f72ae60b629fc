"""Evaluation of whole sequences."""

import chainer
import numpy as np
import pytest
from chainer.iterators import SerialIterator

from experiments.training.models import LanguageModel, MusicModel
from grustab.extensions import SequenceEvaluator
from grustab.generators import Generators
from grustab.iterators import StreamIterator, TuneIterator


def language(dropout=0.0):
    return LanguageModel(6, 8, 2, 1.0, 0.5, dropout, ("input", "gru"), True, Generators(0))


def music():
    return MusicModel(5, 8, 2, 1.0, 0.5, 0.0, (), True, Generators(0))


def words(n):
    return np.random.default_rng(0).integers(0, 6, n).astype(np.int32)


def tunes():
    rng = np.random.default_rng(0)
    return [(rng.random((n, 5)) < 0.4).astype(np.uint8) for n in (9, 2, 17, 6, 12, 3, 8)]


def negative_log_likelihood(model, xs, ts):
    """Summed over all of one sequence from h = 0."""
    model.reset_state()
    with chainer.no_backprop_mode(), chainer.using_config("train", False):
        return float(model(xs, ts).array)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("n_steps", [1, 4, 35])
def test_evaluation_of_tunes_does_not_depend_on_the_batches(n_steps, batch_size):
    model = music()
    rolls = [tune[:, None].astype(np.float32) for tune in tunes()]
    total = sum(negative_log_likelihood(model, roll[:-1], roll[1:]) for roll in rolls)
    expected = total / sum(len(roll) - 1 for roll in rolls)
    iterator = TuneIterator(tunes(), batch_size, n_steps, repeat=False)
    result = SequenceEvaluator(iterator, model)()
    assert result == {"validation/main/loss": pytest.approx(expected, rel=1e-5)}


@pytest.mark.parametrize("batch_size", [1, 3, 4])
@pytest.mark.parametrize("n_steps", [1, 7, 100])
def test_evaluation_of_a_stream_counts_every_step_of_every_part_once(n_steps, batch_size):
    model, stream = language(), words(60)
    length = -(-59 // batch_size)
    total = 0
    for start in range(0, 59, length):
        end = min(start + length, 59)
        x, t = stream[start:end, None], stream[start + 1 : end + 1, None]
        total += negative_log_likelihood(model, x, t)
    iterator = StreamIterator([stream], batch_size, n_steps, repeat=False)
    result = SequenceEvaluator(iterator, model, name="test")()
    assert result == {"test/main/loss": pytest.approx(total / 59, rel=1e-5)}


def test_evaluation_passes_on_what_the_model_reports():
    class Reporting(type(language())):
        def forward(self, xs, ts, mask=None):
            loss = super().forward(xs, ts, mask)
            chainer.report({"size": xs.shape[0]}, self)
            chainer.report({"batch": xs.shape[1]}, self.gru)
            return loss

    model = language()
    model.__class__ = Reporting
    result = SequenceEvaluator(StreamIterator([words(61)], 4, 5, repeat=False), model)()
    loss = result.pop("validation/main/loss")
    assert loss == pytest.approx(np.log(6), rel=0.2)
    assert result == {"validation/main/size": 5, "validation/main/gru/batch": 4}


class Empty(chainer.dataset.Iterator):
    """No batches."""

    def reset(self):
        pass

    def __next__(self):
        raise StopIteration


@pytest.mark.filterwarnings("ignore:The `repeat` property")  # Chainer's, of the same mistake
@pytest.mark.parametrize(("iterator", "error", "said"), [
    (lambda: StreamIterator([words(60)], 4, 5), ValueError, "that does not repeat"),
    (lambda: SerialIterator([0], 1), ValueError, "that does not repeat"),
    (lambda: SerialIterator([0], 1, repeat=False), TypeError, "SequenceBatch.*Stream.*got list"),
    (Empty, ValueError, "'validation' found no step"),
])  # fmt: skip
def test_evaluation_refuses_in_words_what_it_cannot_read(iterator, error, said):
    with pytest.raises(error, match=said):
        SequenceEvaluator(iterator(), language())()


def test_evaluation_leaves_training_as_it_was():
    model = language(dropout=0.5)
    xs = words(12).reshape(6, 2)
    model.cleargrads()
    model(xs, xs).backward()
    states = [gru.h.copy() for gru in model.gru]
    parameters = [(p.array.copy(), p.grad.copy()) for p in model.params()]
    drawn = model.masks.drawn
    evaluator = SequenceEvaluator(StreamIterator([words(60)], 4, 5, repeat=False), model)
    first = evaluator()
    seconds = evaluator.seconds
    assert evaluator() == first
    assert evaluator.seconds > seconds > 0
    for gru, h in zip(model.gru, states, strict=True):
        np.testing.assert_array_equal(gru.h, h)
    for p, (array, grad) in zip(model.params(), parameters, strict=True):
        np.testing.assert_array_equal(p.array, array)
        np.testing.assert_array_equal(p.grad, grad)
    assert model.masks.drawn == drawn
    assert chainer.config.train
