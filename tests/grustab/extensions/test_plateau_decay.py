"""The schedule of the learning rate in music modelling with SGD."""

import math
from types import SimpleNamespace

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import optimizers

from grustab.extensions import PlateauDecay


class Line(chainer.Chain):
    """A loss that does not improve, reported as a Variable, as plain models do."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.w = chainer.Parameter(1.0, ())

    def forward(self, x):
        loss = F.mean(x * F.broadcast_to(self.w, x.shape))
        chainer.report({"loss": loss}, self)
        return loss


def trainer_of(optimizer, **observation):
    updater = SimpleNamespace(get_optimizer=lambda name: optimizer)
    return SimpleNamespace(observation=observation, updater=updater)


def plateau(values, **options):
    """The learning rates after each of the observed values."""
    optimizer = optimizers.SGD(lr=1.0)
    optimizer.alpha = 1.0
    decay = PlateauDecay(2.0, 3, **options)
    rates = []
    for value in values:
        seen = {} if value is None else {"validation/main/loss": value}
        decay(trainer_of(optimizer, **seen))
        rates.append(getattr(optimizer, decay.attr))
    return rates, decay


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ([5, 4, 3, 2, 1], [1, 1, 1, 1, 1]),
        ([5, 5, 5, 5, 5], [1, 1, 1, 0.5, 0.5]),
        ([5, 6, 7, 8, 9, 9, 9, 9], [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        ([5, 6, 6, 4, 6, 6, 6], [1, 1, 1, 1, 1, 1, 0.5]),
        ([5, 6, 6, 6, 4, 5, 5, 5], [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        ([5, math.nan, math.inf, math.nan], [1, 1, 1, 0.5]),
        # Not observed: no check.
        ([None, 5, None, None, None, 5, 5, None, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0.5]),
    ],
)
@pytest.mark.parametrize("attr", ["lr", "alpha"])
def test_plateau_decay_divides_after_patience_checks_without_a_new_best(values, rates, attr):
    measured, decay = plateau(values, attr=attr)
    assert measured == rates
    assert decay.best == np.nanmin([v for v in values if v is not None])


@pytest.mark.parametrize(
    ("values", "rate", "count"), [([5, 5, 5, 5, 6], 0.5, 1), ([5], 1, 0), ([5, 5], 1, 1)]
)
def test_plateau_decay_puts_the_rate_back_when_a_trainer_goes_on(tmp_path, values, rate, count):
    _, decay = plateau(values)
    chainer.serializers.save_npz(tmp_path / "decay.npz", decay)
    other = PlateauDecay(2.0, 3)
    chainer.serializers.load_npz(tmp_path / "decay.npz", other)
    optimizer = optimizers.SGD(lr=0.3)  # Chainer's optimizers do not save their rate
    other.initialize(trainer_of(optimizer))
    assert (optimizer.lr, other.best, other.count) == (rate, 5, count)


def test_plateau_decay_goes_back_to_an_earlier_state(tmp_path):
    optimizer = optimizers.SGD(lr=1.0)
    trainer = trainer_of(optimizer, **{"validation/main/loss": 5.0})
    decay = PlateauDecay(2.0, 1)
    decay.initialize(trainer)
    chainer.serializers.save_npz(tmp_path / "decay.npz", decay)
    for _ in range(3):
        decay(trainer)
    assert optimizer.lr == 0.25
    chainer.serializers.load_npz(tmp_path / "decay.npz", decay)
    assert (optimizer.lr, decay.count, decay.best) == (1.0, 0, float("inf"))


@pytest.mark.parametrize("stop", [4, 7])
def test_plateau_decay_goes_on_with_chainers_own_snapshots(tmp_path, stop):
    def train(n_epochs, folder):
        model = Line()
        optimizer = optimizers.SGD(lr=1e-12).setup(model)
        iterator = chainer.iterators.SerialIterator(np.ones((2, 1), np.float32), 2)
        updater = chainer.training.updaters.StandardUpdater(iterator, optimizer)
        trainer = chainer.training.Trainer(updater, (n_epochs, "epoch"), out=folder)
        trainer.extend(PlateauDecay(2.0, 2, monitor="main/loss"))
        snapshot = chainer.training.extensions.snapshot(n_retains=1, autoload=True)
        trainer.extend(snapshot, trigger=(1, "epoch"))
        trainer.run()
        return optimizer.lr

    whole = train(9, tmp_path / "a")
    train(stop, tmp_path / "b")
    assert train(9, tmp_path / "b") == whole == 1e-12 / 2**4


class Counting(chainer.training.updaters.StandardUpdater):
    """Reads batches and learns nothing."""

    def update_core(self):
        next(self.get_iterator("main"))


def counting_trainer(folder, optimizer, n_epochs=4):
    optimizers_ = optimizer if isinstance(optimizer, dict) else {"main": optimizer}
    for one in optimizers_.values():
        one.setup(Line())
    updater = Counting(chainer.iterators.SerialIterator([0] * 4, 2), optimizers_)
    trainer = chainer.training.Trainer(updater, (n_epochs, "epoch"), out=folder)
    report = lambda trainer: chainer.report({"validation/main/loss": 1.0})  # noqa: E731
    trainer.extend(report, trigger=(2, "epoch"), priority=300, name="evaluation")
    return trainer


def test_plateau_decay_goes_on_where_validation_runs_every_second_epoch_only(tmp_path):
    optimizer = optimizers.SGD(0.1)
    trainer = counting_trainer(tmp_path, optimizer)
    trainer.extend(PlateauDecay(2.0, 1))
    trainer.run()
    assert optimizer.lr == 0.05


def test_plateau_decay_says_so_where_the_loss_was_never_observed(tmp_path):
    trainer = counting_trainer(tmp_path, optimizers.SGD(0.1))
    trainer.extend(PlateauDecay(2.0, 1, monitor="valid/loss"))
    with pytest.warns(UserWarning, match="'valid/loss' was never observed"):
        trainer.run()


def test_plateau_decay_takes_the_optimizer_it_is_given(tmp_path):
    both = {"first": optimizers.SGD(0.1), "second": optimizers.SGD(0.1)}
    trainer = counting_trainer(tmp_path, both)
    trainer.extend(PlateauDecay(2.0, 1, optimizer=both["second"]))
    trainer.run()
    assert (both["first"].lr, both["second"].lr) == (0.1, 0.05)


@pytest.mark.parametrize("attr", ["lr", "rate"])
def test_plateau_decay_refuses_what_it_cannot_divide_before_training_begins(tmp_path, attr):
    trainer = counting_trainer(tmp_path, optimizers.Adam())
    trainer.extend(PlateauDecay(2.0, 1, attr))
    with pytest.raises(ValueError, match=f"cannot divide '{attr}' of Adam.*alpha"):
        trainer.run()
