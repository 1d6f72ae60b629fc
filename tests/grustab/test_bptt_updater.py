"""The updater: its loss, its truncation, and what it does when the loss is not finite."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import optimizers

from experiments.training.models import LanguageModel
from grustab.errors import DivergenceError
from grustab.generators import Generators
from grustab.iterators import StreamIterator, TuneIterator
from grustab.updaters import BPTTUpdater

WORDS = 6


class Line(chainer.Chain):
    """``sum((w x - t)^2)`` over the steps that count: a gradient that is done by hand."""

    def __init__(self, w=0.5):
        super().__init__()
        with self.init_scope():
            self.w = chainer.Parameter(np.array(w, np.float64))
        self.calls = []

    def reset_state(self):
        self.calls.append("reset")

    def forward(self, xs, ts, mask):
        self.calls.append((xs, ts, mask))
        errors = (F.broadcast_to(self.w, xs.shape) * xs - ts) ** 2
        return F.sum(errors if mask is None else errors * mask[..., None])

    def by_hand(self, w, xs, ts, mask):
        """Summed loss and its derivative."""
        mask = 1 if mask is None else mask[..., None]
        error = w * xs.astype("d") - ts
        return (mask * error**2).sum(), (2 * mask * error * xs).sum()


def rolls():
    rng = np.random.default_rng(0)
    return [(rng.random((n, 3)) < 0.5).astype(np.uint8) for n in (9, 2, 17, 6)]


def stream(n=101):
    return [np.random.default_rng(0).integers(0, WORDS, n).astype(np.int32)]


def language(layers=1):
    model = LanguageModel(WORDS, 8, layers, 1.0, 0.5, 0.0, (), True, Generators(0))
    optimizer = optimizers.SGD(0.5).setup(model)
    return model, BPTTUpdater(StreamIterator(stream(), 4, 5), optimizer)


@pytest.mark.parametrize("mean_over_steps", [False, True])
@pytest.mark.parametrize("sum_over_batch", [False, True])
@pytest.mark.parametrize("iterator", [
    lambda: StreamIterator(rolls(), 4, 5),
    lambda: TuneIterator(rolls(), 4, 30),  # one batch that the tunes fill in part
], ids=["stream", "tunes"])  # fmt: skip
def test_gradient_is_that_of_the_sum_or_mean_over_steps_and_over_the_batch(
    iterator, sum_over_batch, mean_over_steps
):
    model = Line()
    optimizer = optimizers.SGD(lr=1e-3).setup(model)
    updater = BPTTUpdater(
        iterator(), optimizer, mean_over_steps=mean_over_steps, sum_over_batch=sum_over_batch
    )
    w, observation, reporter = 0.5, {}, chainer.Reporter()
    reporter.add_observer("main", model)
    for _ in range(3):
        with reporter.scope(observation):
            updater.update()
        xs, ts, mask = model.calls[-1]
        loss, gradient = model.by_hand(w, xs, ts, mask)
        n_steps = xs.shape[0] * xs.shape[1] if mask is None else mask.sum()
        assert observation["main/loss"] == pytest.approx(loss / n_steps)
        divisor = n_steps / xs.shape[1] if mean_over_steps else 1
        divisor *= 1 if sum_over_batch else xs.shape[1]
        w -= 1e-3 * gradient / divisor
        assert float(model.w.array) == pytest.approx(w, rel=1e-12)


def test_state_is_carried_over_updates_but_the_gradient_stops_there():
    (model, updater), (twin, _) = language(layers=2), language(layers=2)
    iterator = StreamIterator(stream(), 4, 5)
    first, second = next(iterator), next(iterator)
    assert (first.first, second.first) == (True, False)
    updater.update()
    states = [gru.h.copy() for gru in model.gru]
    for p, q in zip(twin.params(), model.params(), strict=True):
        p.array[...] = q.array
    # The second step as if these states had fallen from heaven.
    twin.gru.set_state(states)
    twin.cleargrads()
    (twin(second.xs, second.ts) / 4).backward()
    updater.update()
    assert any(np.abs(h).max() > 0.01 for h in states)
    for p, q in zip(model.params(), twin.params(), strict=True):
        np.testing.assert_array_equal(p.array, q.array - np.float32(0.5) * q.grad)


class Chainers(chainer.Chain):
    """A model whose state is a Variable: it holds on to the steps before."""

    def __init__(self):
        super().__init__(gru=L.StatefulGRU(3, 4), output=L.Linear(4, 3))

    def reset_state(self):
        self.gru.reset_state()

    def forward(self, xs, ts, mask):
        return sum(F.sum((self.output(self.gru(x)) - t) ** 2) for x, t in zip(xs, ts))


def test_no_graph_is_left_whatever_the_link():
    model = Chainers()
    rolls = [np.random.default_rng(0).random((80, 3)).astype("f")]
    updater = BPTTUpdater(StreamIterator(rolls, 2, 5), optimizers.SGD(0.01).setup(model))
    for _ in range(3):
        updater.update()
    assert model.gru.h.creator is None


def test_a_loss_scale_is_refused():
    optimizer = optimizers.SGD().setup(Line())
    optimizer.set_loss_scale(8)
    with pytest.raises(ValueError, match="loss scale"):
        BPTTUpdater(StreamIterator(stream(), 4, 5), optimizer)


def test_state_is_reset_where_a_batch_says_so_and_nowhere_else():
    model = Line()
    updater = BPTTUpdater(TuneIterator(rolls(), 2, 4), optimizers.SGD(0).setup(model))
    iterator = TuneIterator(rolls(), 2, 4)
    expected = []
    for _ in range(20):
        updater.update()
        expected += ["reset", "call"] if next(iterator).first else ["call"]
    assert [c if isinstance(c, str) else "call" for c in model.calls] == expected
    assert expected.count("reset") > 4


def test_epochs_of_the_optimizer_and_the_updater_follow_the_iterator():
    _, updater = language()
    updater.synchronize = True  # there is nothing to wait for on a CPU
    per_epoch = 100 // 4 // 5
    for i in range(1, 3 * per_epoch + 1):
        updater.update()
        assert (updater.iteration, updater.epoch) == (i, i // per_epoch)
        assert updater.get_optimizer("main").epoch == i // per_epoch
        assert updater.is_new_epoch == (i % per_epoch == 0)
        assert updater.epoch_detail == pytest.approx(i / per_epoch)
    assert updater.get_optimizer("main").t == 3 * per_epoch
    assert updater.seconds > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_before_any_weight_changes(bad):
    model, updater = language()
    updater.update()
    model.output.b.array[2] = bad
    before = [p.array.copy() for p in model.params()]
    with np.errstate(invalid="ignore"), pytest.raises(DivergenceError, match="loss") as caught:
        updater.update()
    assert caught.value.quantity == "loss"
    assert not np.isfinite(caught.value.value)
    np.testing.assert_equal([p.array for p in model.params()], before)
    assert updater.get_optimizer("main").t == 1


@pytest.mark.parametrize(("saved", "live"), [(2, 4), (1, 4), (4, 1), (None, 4), (4, None)])
def test_a_state_is_loaded_whatever_the_one_before_it(tmp_path, saved, live):
    """Chainer by itself would write into the state that is there, row by row."""
    model, updater = language()
    (gru,) = model.gru
    state, other = (None if n is None else np.full((n, 8), n, "f") for n in (saved, live))
    gru.h = state
    chainer.serializers.save_npz(tmp_path / "updater.npz", updater)
    gru.h = other
    chainer.serializers.load_npz(tmp_path / "updater.npz", updater)
    np.testing.assert_equal(gru.h, state)


@pytest.mark.parametrize(("state", "words"), [
    (np.ones((4, 8)), "state of layer /gru/0 is float64 there, float32 here"),
    (np.ones((4, 9), np.float32), r"expected a state of shape \(B, 8\)"),
])  # fmt: skip
def test_a_state_of_another_precision_or_size_is_refused(tmp_path, state, words):
    model, updater = language()
    model.gru[0].h = state
    chainer.serializers.save_npz(tmp_path / "updater.npz", updater)
    with pytest.raises(ValueError, match=words):
        chainer.serializers.load_npz(tmp_path / "updater.npz", updater)
