"""The updater for a GPU: what it leaves alone, hands on and refuses."""

from unittest.mock import Mock

import chainer
import chainer.links as L
import pytest
from chainer import optimizers
from chainer.backends import cuda

from grustab.iterators import StreamIterator
from grustab.updaters import LateUpdater
from tests.grustab.test_bptt_updater import language, stream

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("optimizer", [optimizers.SGD, optimizers.Adam, optimizers.RMSprop])
def test_a_late_updater_leaves_frozen_weights_alone(optimizer):
    model, _ = language()
    model.to_device("@cupy:0")
    optimizer = optimizer(0.1).setup(model)
    frozen = model.gru[0].W_x
    frozen.update_rule.enabled = False
    before = [cuda.to_cpu(param.array) for param in model.params()]
    updater = LateUpdater(StreamIterator(stream(), 4, 5), optimizer)
    updater.update()
    updater.update()
    updater.settle()
    for param, old in zip(model.params(), before, strict=True):
        assert (cuda.to_cpu(param.array) == old).all() == (param is frozen)


def test_a_late_updater_settles_at_the_end(tmp_path):
    model, _ = language()
    model.to_device("@cupy:0")
    updater = LateUpdater(StreamIterator(stream(), 4, 5), optimizers.SGD(0.1).setup(model))
    seen = []
    updater.receivers.append(seen.append)
    chainer.training.Trainer(updater, (3, "iteration"), tmp_path).run()
    assert len(seen) == 3


def _frozen(optimizer):
    for param in optimizer.target.params():
        param.update_rule.enabled = False


UNFIT = {
    "timing 'post'": lambda optimizer: optimizer.add_hook(Mock(), "late", timing="post"),
    "hook with timing": lambda optimizer: next(optimizer.target.params()).update_rule.add_hook(
        Mock(), "late", timing="post"
    ),
    "settings of its own": lambda optimizer: setattr(
        next(optimizer.target.params()).update_rule.hyperparam, "lr", 0
    ),
    "all weights are frozen": _frozen,
    "on a GPU": lambda optimizer: optimizer.target.to_device("@numpy"),
    "one dtype": lambda optimizer: optimizer.target.add_param("other", (2,), dtype="d"),
    "with values": lambda optimizer: optimizer.target.add_link("late", L.Linear(None, 3)),
}


#: Those that may also be done when it is there.
LATER = ["timing 'post'", "hook with timing", "settings of its own", "all weights are frozen"]


@pytest.mark.parametrize(
    ("message", "later"), [*((key, False) for key in UNFIT), *((key, True) for key in LATER)]
)
def test_a_late_updater_refuses_what_it_cannot_update(message, later):
    model, _ = language()
    model.to_device("@cupy:0")
    optimizer = optimizers.SGD(0.1).setup(model)
    if later:
        updater = LateUpdater(StreamIterator(stream(), 4, 5), optimizer)
        updater.update()
    UNFIT[message](optimizer)
    with pytest.raises(ValueError, match=message):
        updater.update() if later else LateUpdater(StreamIterator(stream(), 4, 5), optimizer)


@pytest.mark.parametrize("option", ["eta", "weight_decay_rate", "amsgrad", "adabound"])
def test_a_late_updater_refuses_options_that_its_kernels_lack(option):
    model, _ = language()
    model.to_device("@cupy:0")
    optimizer = optimizers.Adam(**{option: 0.5}).setup(model)
    with pytest.raises(ValueError, match=f"expected {option} .*, got 0.5"):
        LateUpdater(StreamIterator(stream(), 4, 5), optimizer)
