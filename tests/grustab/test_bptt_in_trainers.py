"""The updater in Chainer's trainers, with what it works with and what it refuses."""

import chainer
import numpy as np
import pytest
from chainer import optimizers, training

from experiments.training.models import LanguageModel
from grustab.extensions import PlateauDecay, SequenceEvaluator, SpectralProjection, SpectrumMonitor
from grustab.generators import Generators
from grustab.iterators import StreamIterator, TuneIterator
from grustab.updaters import BPTTUpdater
from tests.grustab.test_bptt_updater import WORDS, Line, rolls, stream


@pytest.mark.parametrize(("iterator", "kind", "words"), [
    (chainer.iterators.SerialIterator([0] * 4, 2), TypeError,
     "expected a SequenceBatch.*StreamIterator.*got list"),
    (TuneIterator(rolls(), 4, 30, repeat=False), RuntimeError,
     "iterator ended before training, expected repeat=True"),
], ids=["of Chainer", "of one epoch"])  # fmt: skip
def test_another_iterator_is_refused_in_words(iterator, kind, words):
    updater = BPTTUpdater(iterator, optimizers.SGD().setup(Line()))
    with pytest.raises(kind, match=words):
        for _ in range(2):
            updater.update()


@pytest.mark.parametrize("names", [("main", "other"), ("other",)])
def test_several_optimizers_or_iterators_are_refused_in_words(names):
    iterator, optimizer = StreamIterator(stream(), 4, 5), optimizers.SGD().setup(Line())
    for given in ((iterator, dict.fromkeys(names, optimizer)),
                  (dict.fromkeys(names, iterator), optimizer)):  # fmt: skip
        with pytest.raises(ValueError, match=r"expected one \w+, 'main', got .*'other'"):
            BPTTUpdater(*given)


def test_chainers_own_extensions_follow_a_training(tmp_path):
    """And a snapshot with autoload goes on to where a training that never stopped arrives."""
    ext = training.extensions

    def train(folder, n_epochs):
        generators = Generators(0)
        model = LanguageModel(WORDS, 8, 2, 1.0, 0.5, 0.3, ("input", "gru"), True, generators)
        shuffled = StreamIterator(np.split(stream(100)[0], 5), 4, 5, rng=generators.order)
        updater = BPTTUpdater(shuffled, optimizers.SGD(0.5).setup(model))
        trainer = training.Trainer(updater, (n_epochs, "epoch"), out=folder)
        trainer.extend(generators)
        valid = StreamIterator(stream(), 4, 5, repeat=False)
        trainer.extend(SequenceEvaluator(valid, model), trigger=(3, "iteration"))
        trainer.extend(SpectralProjection(model, 0.2), trigger=(2, "iteration"))
        trainer.extend(SpectrumMonitor(model), trigger=(0.5, "epoch"))
        trainer.extend(PlateauDecay(2.0, 2, monitor="main/loss"), trigger=(1, "iteration"))
        trainer.extend(ext.LogReport(trigger=(1, "epoch")))
        trainer.extend(ext.PrintReport(["epoch", "main/loss", "validation/main/loss"]))
        trainer.extend(ext.ProgressBar(update_interval=1))
        trainer.extend(ext.observe_lr())
        trainer.extend(ext.snapshot(n_retains=1, autoload=True), trigger=(1, "epoch"))
        trainer.run()
        assert trainer.updater.epoch == n_epochs
        return [p.array for p in model.params()], trainer.updater.get_optimizer("main").lr

    whole, rate = train(tmp_path / "a", 4)
    _, rate_then = train(tmp_path / "b", 3)
    resumed, same_rate = train(tmp_path / "b", 4)
    np.testing.assert_equal((resumed, same_rate), (whole, rate))
    assert 0.5 > rate_then > rate, "the test is to show rates that are divided"
    assert "validation/main/loss" in (tmp_path / "b" / "log").read_text()
