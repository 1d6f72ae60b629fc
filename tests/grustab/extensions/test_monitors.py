"""Spectra of the weights, and exponents along the batches of training, as the monitors see them."""

from functools import partial

import chainer
import numpy as np
import pytest
import scipy.linalg

from grustab.extensions import LyapunovMonitor, SpectralProjection, SpectrumMonitor
from grustab.links import GRU, StackedGRU
from grustab.stability import largest_lyapunov_exponent
from tests.grustab.projection.reference import observed

NAN = pytest.approx(np.nan, nan_ok=True)
XS = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)


@pytest.fixture
def model():
    """Two layers with dropout between them, in training."""
    return chainer.Chain(gru=StackedGRU(3, 5, 2, 0.5, rng=np.random.default_rng(0)))


def test_it_reports_the_largest_exponent_of_what_a_layer_was_trained_on(model):
    monitor = LyapunovMonitor(model)
    model.gru(XS[:3])
    states = [layer.h for layer in model.gru]
    model.gru(xs=XS[3:])
    with chainer.using_config("train", False):
        model.gru(XS)  # an evaluation is not looked at
    inputs, h = monitor.seen["/gru/1"]
    np.testing.assert_array_equal(h, states[1])
    assert (inputs == 0).any()  # as dropout left them
    expected = {}
    for i, xs in enumerate((XS[3:], inputs)):
        weights = model.gru[i].W_x.array, model.gru[i].W_h.array
        exponents = largest_lyapunov_exponent(xs, states[i], *weights)
        expected[f"lyapunov/gru/{i}/largest"] = pytest.approx(max(exponents))
    assert observed(monitor) == expected


def test_training_a_copy_of_the_model_is_not_looked_at(model):
    monitor = LyapunovMonitor(model)
    model.gru(XS)
    seen = dict(monitor.seen)
    model.copy().gru(XS[:2])
    assert monitor.seen == seen


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e38])
def test_weights_of_no_use_are_a_nan_and_no_error(model, bad):
    monitor = LyapunovMonitor(model)
    model.gru(XS)
    model.gru[0].W_hr[...] = bad
    model.gru[0].W_hh[...] = bad
    with np.errstate(over="ignore", invalid="ignore"):
        observation = observed(monitor)
    assert observation["lyapunov/gru/0/largest"] == NAN
    assert np.isfinite(observation["lyapunov/gru/1/largest"])


def test_two_monitors_watch_one_model_once_it_is_trained(model):
    for _ in range(50):
        LyapunovMonitor(model)  # which nobody keeps: its id may be the next one's
    monitors = [LyapunovMonitor(model), LyapunovMonitor(model)]
    assert observed(monitors[0]) == {}
    model.gru(XS)
    assert observed(monitors[0]) == observed(monitors[1]) != {}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_spectrum_monitor_reports_what_numpy_computes_and_nan_for_what_is_not_finite(bad):
    model = chainer.Chain(a=GRU(3, 6, rng=np.random.default_rng(1)), b=GRU(3, 5), c=GRU(3, 4))
    np.random.seed(0)  # Chainer's links draw from it
    model.add_link("chainers", chainer.links.NStepGRU(1, 3, 5, 0))
    model.a.W_hh = np.random.default_rng(0).normal(size=(6, 6))
    model.c.W_hh[2, 3] = bad
    before = model.a.W_hh.copy()
    expected = dict.fromkeys(("spectrum/c/sigma_1", "spectrum/c/spectral_radius"), NAN)
    watched = {"a": model.a.W_hh, "b": model.b.W_hh, "chainers/0": model.chainers[0].w5.array}
    for name, matrix in watched.items():
        w = matrix.astype(np.float64)
        radius = np.abs(np.linalg.eigvals(w / 4 + np.eye(len(w)) / 2)).max()
        expected[f"spectrum/{name}/spectral_radius"] = pytest.approx(radius, rel=1e-10)
        expected[f"spectrum/{name}/sigma_1"] = pytest.approx(np.linalg.norm(w, 2), rel=1e-10)
    assert observed(SpectrumMonitor(model)) == expected
    np.testing.assert_array_equal(model.a.W_hh, before)


@pytest.mark.parametrize(("failing", "sigma_1", "radius"), [
    (["svd"], 1, 0.75),  # there is a second routine
    (["svd", "gesvd"], NAN, 0.75),
    (["eigvals"], 1, NAN),
    (["svd", "gesvd", "eigvals"], NAN, NAN),
], ids=str)  # fmt: skip
def test_spectrum_monitor_leaves_a_gap_where_nothing_converges(
    monkeypatch, failing, sigma_1, radius
):
    def fail(*args, **options):
        raise np.linalg.LinAlgError("did not converge")

    model = GRU(3, 6)
    model.W_hh = np.eye(6)
    for name in failing:
        place = (scipy.linalg, "svd") if name == "gesvd" else (np.linalg, name)
        monkeypatch.setattr(*place, fail)
    assert observed(SpectrumMonitor(model)) == {
        "spectrum/sigma_1": sigma_1, "spectrum/spectral_radius": radius
    }  # fmt: skip


@pytest.mark.parametrize(("monitor", "link", "said"), [
    (LyapunovMonitor, chainer.links.StatefulGRU, r"holds no grustab\.links\.GRU"),
    (SpectrumMonitor, chainer.links.Linear, "holds no GRU"),
    (partial(SpectralProjection, delta=0.2), chainer.links.Linear, "holds no GRU: give the"),
])  # fmt: skip
def test_a_model_without_a_gru_is_refused(monitor, link, said):
    with pytest.raises(ValueError, match=said):
        monitor(link(3, 4))
