"""Exponents along the batches of training, as the extension sees them."""

import chainer
import numpy as np
import pytest

from grustab.extensions import LyapunovMonitor
from grustab.links import StackedGRU
from grustab.stability import largest_lyapunov_exponent

XS = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)


@pytest.fixture
def model():
    """Two layers with dropout between them, in training."""
    return chainer.Chain(gru=StackedGRU(3, 5, 2, 0.5, rng=np.random.default_rng(0)))


def reported(monitor):
    observation = {}
    with chainer.Reporter().scope(observation):
        monitor()
    return observation


def test_it_reports_the_largest_exponent_of_what_a_layer_was_trained_on(model):
    monitor = LyapunovMonitor(model)
    hs = model.gru(XS[:3])
    states = [layer.h for layer in model.gru]
    model.gru(xs=XS[3:])
    with chainer.using_config("train", False):
        model.gru(XS)  # an evaluation is not looked at
    first, second = model.gru
    expected = largest_lyapunov_exponent(XS[3:], states[0], first.W_x.array, first.W_h.array)
    observation = reported(monitor)
    assert set(observation) == {"lyapunov/gru/0/largest", "lyapunov/gru/1/largest"}
    assert observation["lyapunov/gru/0/largest"] == pytest.approx(max(expected))
    inputs, h = monitor.seen["/gru/1"]
    np.testing.assert_array_equal(h, states[1])
    assert (inputs == 0).any()  # as dropout left them
    expected = largest_lyapunov_exponent(inputs, h, second.W_x.array, second.W_h.array)
    assert observation["lyapunov/gru/1/largest"] == pytest.approx(max(expected))
    assert hs.shape == (3, 2, 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e38])
def test_weights_of_no_use_are_a_nan_and_no_error(model, bad):
    monitor = LyapunovMonitor(model)
    model.gru(XS)
    model.gru[0].W_hr[...] = bad
    model.gru[0].W_hh[...] = bad
    with np.errstate(over="ignore", invalid="ignore"):
        observation = reported(monitor)
    assert np.isnan(observation["lyapunov/gru/0/largest"])
    assert np.isfinite(observation["lyapunov/gru/1/largest"])


def test_before_any_training_it_reports_nothing(model):
    assert reported(LyapunovMonitor(model)) == {}
