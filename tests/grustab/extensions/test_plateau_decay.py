"""The schedule of the learning rate in music modelling with SGD."""

import math
from types import SimpleNamespace

import chainer
import numpy as np
import pytest
from chainer import optimizers

from grustab.extensions import PlateauDecay


def trainer_of(optimizer, **observation):
    updater = SimpleNamespace(get_optimizer=lambda name: optimizer)
    return SimpleNamespace(observation=observation, updater=updater)


def plateau(values, wrap=float, **options):
    """The learning rates after each of the observed values."""
    optimizer = optimizers.SGD(lr=1.0)
    optimizer.alpha = 1.0
    decay = PlateauDecay(2.0, 3, **options)
    decay.initialize(trainer_of(optimizer))
    rates = []
    for value in values:
        seen = {} if value is None else {"validation/main/loss": wrap(value)}
        decay(trainer_of(optimizer, **seen))
        rates.append(getattr(optimizer, decay.attr))
    decay.finalize()
    return rates, decay


@pytest.mark.parametrize(("values", "rates"), [
    ([5, 4, 3, 2, 1], [1, 1, 1, 1, 1]),
    ([5, 5, 5, 5, 5], [1, 1, 1, 0.5, 0.5]),
    ([5, 6, 7, 8, 9, 9, 9, 9], [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
    ([5, 6, 6, 4, 6, 6, 6], [1, 1, 1, 1, 1, 1, 0.5]),
    ([5, 6, 6, 6, 4, 5, 5, 5], [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
    ([5, math.nan, math.inf, math.nan], [1, 1, 1, 0.5]),
    # Not observed: no check.
    ([None, 5, None, None, None, 5, 5, None, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0.5]),
])  # fmt: skip
@pytest.mark.parametrize(("attr", "wrap"), [
    ("lr", float), ("alpha", lambda loss: chainer.Variable(np.array(loss)))  # as plain models do
])  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_it_divides_after_patience_checks_without_a_new_best(values, rates, attr, wrap):
    measured, decay = plateau(values, wrap, attr=attr)
    assert measured == rates
    assert decay.best == np.nanmin([v for v in values if v is not None])


@pytest.mark.parametrize(
    ("values", "rate", "count"), [([5, 5, 5, 5, 6], 0.5, 1), ([5], 1, 0), ([5, 5], 1, 1)]
)
@pytest.mark.parametrize("loads_first", [True, False])
def test_it_puts_the_rate_back_when_a_trainer_goes_on(tmp_path, values, rate, count, loads_first):
    _, decay = plateau(values)
    chainer.serializers.save_npz(tmp_path / "decay.npz", decay)
    other = PlateauDecay(2.0, 3)
    optimizer = optimizers.SGD(lr=0.3)  # Chainer's optimizers do not save their rate
    steps = [
        lambda: chainer.serializers.load_npz(tmp_path / "decay.npz", other),
        lambda: other.initialize(trainer_of(optimizer)),  # before, in Chainer's own snapshots
    ]
    for step in steps if loads_first else reversed(steps):
        step()
    assert (optimizer.lr, other.best, other.count) == (rate, 5, count)


def test_it_says_so_where_the_loss_was_never_observed():
    with pytest.warns(UserWarning, match="'valid/loss' was never observed"):
        plateau([5, None], monitor="valid/loss")


@pytest.mark.parametrize("attr", ["lr", "rate"])
def test_it_refuses_what_it_cannot_divide_before_training_begins(attr):
    decay = PlateauDecay(2.0, 1, attr)
    with pytest.raises(ValueError, match=f"cannot divide '{attr}' of Adam.*alpha"):
        decay.initialize(trainer_of(optimizers.Adam()))
