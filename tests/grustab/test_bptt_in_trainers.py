"""The updater in Chainer's trainers, with what it works with and what it refuses."""

import chainer
import numpy as np
import pytest
from chainer import optimizers, training

from grustab.extensions import (
    PlateauDecay,
    SequenceEvaluator,
    SpectralProjection,
    SpectrumMonitor,
)
from grustab.iterators import StreamIterator, TuneIterator
from grustab.updaters import BPTTUpdater
from tests.grustab.test_bptt_updater import Line, language, rolls, stream


@pytest.mark.parametrize(("batches", "given"), [([0] * 4, "list"), ([stream()] * 4, "list")])
def test_batches_of_another_iterator_are_refused_in_words(batches, given):
    iterator = chainer.iterators.SerialIterator(batches, 2)
    updater = BPTTUpdater(iterator, optimizers.SGD().setup(Line()))
    with pytest.raises(TypeError, match=f"expected a SequenceBatch.*StreamIterator.*got {given}"):
        updater.update()


def test_an_iterator_that_ends_before_training_does_says_so():
    updater = BPTTUpdater(
        TuneIterator(rolls(), 4, 30, repeat=False), optimizers.SGD().setup(Line())
    )
    updater.update()
    with pytest.raises(RuntimeError, match="iterator ended before training, expected repeat=True"):
        updater.update()


@pytest.mark.parametrize("names", [("main", "other"), ("other",)])
def test_several_optimizers_or_iterators_are_refused_in_words(names):
    def one_optimizer():
        return optimizers.SGD().setup(Line())

    many = {name: one_optimizer() for name in names}
    with pytest.raises(ValueError, match=r"expected one optimizer, 'main', got .*'other'"):
        BPTTUpdater(StreamIterator(stream(), 4, 5), many)
    many = {name: StreamIterator(stream(), 4, 5) for name in names}
    with pytest.raises(ValueError, match=r"expected one iterator, 'main', got .*'other'"):
        BPTTUpdater(many, one_optimizer())


def test_chainers_own_extensions_follow_a_training(tmp_path):
    """And a snapshot with autoload goes on to where a training that never stopped arrives."""
    ext = training.extensions

    def train(folder, n_epochs):
        model, updater = language(layers=2)
        trainer = training.Trainer(updater, (n_epochs, "epoch"), out=folder)
        valid = StreamIterator(stream(), 4, 5, repeat=False)
        trainer.extend(SequenceEvaluator(valid, model), trigger=(3, "iteration"))
        trainer.extend(SpectralProjection(model, 0.2), trigger=(2, "iteration"))
        trainer.extend(SpectrumMonitor(model), trigger=(0.5, "epoch"))
        trainer.extend(PlateauDecay(2.0, 2), trigger=(4, "iteration"))
        trainer.extend(ext.LogReport(trigger=(1, "epoch")))
        trainer.extend(ext.PrintReport(["epoch", "main/loss", "validation/main/loss"]))
        trainer.extend(ext.ProgressBar(update_interval=1))
        trainer.extend(ext.observe_lr())
        trainer.extend(ext.snapshot(n_retains=1, autoload=True), trigger=(1, "epoch"))
        trainer.run()
        assert trainer.updater.epoch == n_epochs
        return [p.array for p in model.params()], trainer.updater.get_optimizer("main").lr

    whole, rate = train(tmp_path / "a", 4)
    train(tmp_path / "b", 3)
    resumed, same_rate = train(tmp_path / "b", 4)
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert same_rate == rate
    assert "validation/main/loss" in (tmp_path / "b" / "log").read_text()
