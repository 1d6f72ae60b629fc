"""Spectra of the weights, and exponents along the batches of training, as the monitors see them."""

import math

import chainer
import numpy as np
import pytest
import scipy.linalg

from grustab.extensions import LyapunovMonitor, SpectrumMonitor
from grustab.links import GRU, StackedGRU
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


def test_two_monitors_watch_one_model(model):
    monitors = [LyapunovMonitor(model), LyapunovMonitor(model)]
    model.gru(XS)
    assert reported(monitors[0]) == reported(monitors[1]) != {}


def test_before_any_training_it_reports_nothing(model):
    assert reported(LyapunovMonitor(model)) == {}


def test_spectrum_monitor_reports_what_numpy_computes():
    model = chainer.Chain(a=GRU(3, 6, rng=np.random.default_rng(1)), b=GRU(3, 5))
    model.a.W_hh = np.random.default_rng(0).normal(size=(6, 6))
    before = model.a.W_hh.copy()
    observation = reported(SpectrumMonitor(model))
    assert len(observation) == 4
    for name, gru in (("a", model.a), ("b", model.b)):
        w = gru.W_hh.astype(np.float64)
        eigenvalues = np.linalg.eigvals(w / 4 + np.eye(len(w)) / 2)
        # The Jacobian is taken in float32.
        assert observation[f"spectrum/{name}/spectral_radius"] == pytest.approx(
            np.abs(eigenvalues).max(), rel=1e-5
        )
        assert observation[f"spectrum/{name}/sigma_1"] == pytest.approx(np.linalg.norm(w, 2))
    np.testing.assert_array_equal(model.a.W_hh, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_spectrum_monitor_reports_nan_for_weights_that_are_not_finite(bad):
    model = chainer.Chain(a=GRU(3, 6), b=GRU(3, 5))
    model.a.W_hh[2, 3] = bad
    observation = reported(SpectrumMonitor(model))
    assert math.isnan(observation["spectrum/a/sigma_1"])
    assert math.isnan(observation["spectrum/a/spectral_radius"])
    assert observation["spectrum/b/sigma_1"] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("failing", "gaps"),
    [
        ({"svd"}, set()),  # there is a second routine
        ({"svd", "gesvd"}, {"spectrum/sigma_1"}),
        ({"eigvals"}, {"spectrum/spectral_radius"}),
        ({"svd", "gesvd", "eigvals"}, {"spectrum/sigma_1", "spectrum/spectral_radius"}),
    ],
)
def test_spectrum_monitor_leaves_a_gap_where_nothing_converges(monkeypatch, failing, gaps):
    def fail(*args, **options):
        raise np.linalg.LinAlgError("did not converge")

    model = GRU(3, 6)
    for name in failing:
        place = (scipy.linalg, "svd") if name == "gesvd" else (np.linalg, name)
        monkeypatch.setattr(*place, fail)
    observation = reported(SpectrumMonitor(model))
    assert {key for key, value in observation.items() if math.isnan(value)} == gaps
    if "spectrum/sigma_1" not in gaps:
        assert observation["spectrum/sigma_1"] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("monitor", [LyapunovMonitor, SpectrumMonitor])
def test_a_model_without_a_gru_is_refused(monitor):
    with pytest.raises(ValueError, match=r"holds no grustab\.links\.GRU"):
        monitor(chainer.links.StatefulGRU(3, 4))
