"""Optimizer, clipping and projection as the conditions ask for, against their formulas."""

import chainer
import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.training.optimization import make_optimizer, make_projection
from grustab.generators import Generators
from grustab.links import GRU

RATE = 0.01
RNG = np.random.default_rng(0)
START = RNG.normal(size=(4, 3)).astype("f")
GRADIENTS = RNG.normal(size=(3, 4, 3)).astype("f")
# No two alike, so that none can stand in for another.
CONSTANTS = "adam_beta1=0.8 adam_beta2=0.95 rmsprop_beta=0.7 epsilon=1e-3".split()


@pytest.fixture
def conditions(tiny):
    """Conditions with settings replaced."""

    def make(*settings):
        cell = load_config(tiny(learning_rate=RATE)).cell("sgd/none")
        return cell.override([*CONSTANTS, *settings]).conditions

    return make


def _steps(optimizer, gradients):
    """Weights after a step with each of the gradients."""
    link = optimizer.target
    for gradient in gradients:
        link.W.grad = gradient.copy()
        optimizer.update()
    return link.W.array


def _link():
    link = chainer.Link()
    with link.init_scope():
        link.W = chainer.Parameter(START.copy())
    return link


def _sgd(w, gradients):
    for g in gradients:
        w = w - RATE * g
    return w


def _adam(w, gradients):
    m = v = 0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        # Kingma and Ba's efficient order: epsilon beside the uncorrected root.
        step = RATE * np.sqrt(1 - 0.95**t) / (1 - 0.8**t)
        w = w - step * m / (np.sqrt(v) + 1e-3)
    return w


def _rmsprop(w, gradients):
    ms = 0
    for g in gradients:
        ms = 0.7 * ms + 0.3 * g**2
        w = w - RATE * g / (np.sqrt(ms) + 1e-3)
    return w


@pytest.mark.parametrize(
    ("name", "formula"), [("sgd", _sgd), ("adam", _adam), ("rmsprop", _rmsprop)]
)
def test_the_optimizer_has_the_conditions_constants(conditions, name, formula):
    optimizer = make_optimizer(conditions(f"optimizer={name}"), _link())
    expected = formula(START.astype("d"), GRADIENTS.astype("d"))
    np.testing.assert_allclose(_steps(optimizer, GRADIENTS), expected, rtol=1e-5)


@pytest.mark.parametrize("threshold", [0.5, 2.0, 1e6])
def test_clipping_scales_a_gradient_whose_norm_is_above_the_threshold(conditions, threshold):
    c = conditions("method=clipping", f"threshold={threshold}")
    clipped = [g * min(1, threshold / np.linalg.norm(g)) for g in GRADIENTS.astype("d")]
    got = _steps(make_optimizer(c, _link()), GRADIENTS)
    np.testing.assert_allclose(got, _sgd(START, clipped), rtol=1e-5)


@pytest.mark.parametrize("threshold", [0.1, 0.7, 1e6])
def test_elementwise_clipping_cuts_elements_on_both_sides(conditions, threshold):
    c = conditions("method=elementwise_clipping", f"threshold={threshold}")
    clipped = np.clip(GRADIENTS, -threshold, threshold)
    got = _steps(make_optimizer(c, _link()), GRADIENTS)
    np.testing.assert_allclose(got, _sgd(START, clipped), rtol=1e-5)


@pytest.mark.parametrize("method", ["clipping", "elementwise_clipping"])
def test_the_norm_is_recorded_before_anything_is_clipped(conditions, method):
    optimizer = make_optimizer(conditions(f"method={method}", "threshold=0.01"), _link())
    optimizer.target.W.grad = GRADIENTS[0].copy()
    reporter = chainer.Reporter()
    with reporter:
        optimizer.update()
    assert reporter.observation["gradient/norm"] == pytest.approx(
        np.linalg.norm(GRADIENTS[0]), rel=1e-5
    )


@pytest.mark.parametrize("projection", ["naive", "truncated"])
@pytest.mark.parametrize("delta", [0.2, 1.4])
def test_the_projection_has_the_conditions_delta(conditions, projection, delta):
    gru = GRU(3, 12)
    gru.W_hh = 3 * gru.W_hh
    c = conditions("method=projection", f"delta={delta}", f"projection={projection}")
    make_projection(c, gru, Generators(0))()
    sigma = np.linalg.svd(gru.W_hh, compute_uv=False)
    np.testing.assert_allclose(sigma, 2 - delta, rtol=1e-4)


@pytest.mark.parametrize(
    "method", ["none", "clipping threshold=1", "elementwise_clipping threshold=1"]
)
def test_nothing_but_the_projection_projects(conditions, method):
    c = conditions(*f"method={method}".split())
    assert make_projection(c, GRU(3, 4), Generators(0)) is None
