"""Optimizer, clipping and projection as the conditions ask for."""

import chainer
import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.training.optimization import make_optimizer, make_projection
from grustab.generators import Generators
from grustab.links import GRU

# No two alike, so that none can stand in for another.
CONSTANTS = "adam_beta1=0.8 adam_beta2=0.95 rmsprop_beta=0.7 epsilon=1e-3".split()


@pytest.fixture
def conditions(tiny):
    """Conditions with settings replaced."""

    def make(*settings):
        cell = load_config(tiny(learning_rate=0.01)).cell("sgd/none")
        return cell.override([*CONSTANTS, *settings]).conditions

    return make


@pytest.mark.parametrize(
    ("name", "kind", "given"),
    [
        ("sgd", chainer.optimizers.SGD, {"lr": 0.01}),
        (
            "adam",
            chainer.optimizers.Adam,
            {"alpha": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3},
        ),
        ("rmsprop", chainer.optimizers.RMSprop, {"lr": 0.01, "alpha": 0.7, "eps": 1e-3}),
    ],
)
def test_the_optimizer_is_chainers_with_the_conditions_constants(conditions, name, kind, given):
    plain, made = kind(), make_optimizer(conditions(f"optimizer={name}"), GRU(2, 3))
    assert type(made) is kind
    assert made.hyperparam.get_dict() == {**plain.hyperparam.get_dict(), **given}


@pytest.mark.parametrize("threshold", [0.1, 2.0, 1e6])
@pytest.mark.parametrize("method", ["none", "clipping", "elementwise_clipping"])
def test_what_is_clipped_is_what_the_method_says_and_recorded_before(conditions, method, threshold):
    settings = [f"method={method}", f"threshold={threshold}"][: 1 + (method != "none")]
    link, gradient = chainer.Link(), np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    with link.init_scope():
        link.W = chainer.Parameter(np.zeros_like(gradient))
    optimizer = make_optimizer(conditions(*settings), link)
    link.W.grad, norm = gradient.copy(), np.linalg.norm(gradient)
    reporter = chainer.Reporter()
    with reporter:
        optimizer.update()
    clipped = {
        "none": gradient,
        "clipping": gradient * min(1, threshold / norm),
        "elementwise_clipping": gradient.clip(-threshold, threshold),
    }[method]
    np.testing.assert_allclose(link.W.array, -0.01 * clipped, rtol=1e-5)
    assert reporter.observation["gradient/norm"] == pytest.approx(norm, rel=1e-5)
    assert make_projection(conditions(*settings), GRU(3, 4), Generators(0)) is None


@pytest.mark.parametrize("projection", ["naive", "truncated"])
@pytest.mark.parametrize("delta", [0.2, 1.4])
def test_the_projection_has_the_conditions_delta(conditions, projection, delta):
    gru = GRU(3, 12)
    gru.W_hh = 3 * gru.W_hh
    c = conditions("method=projection", f"delta={delta}", f"projection={projection}")
    make_projection(c, gru, Generators(0))()
    sigma = np.linalg.svd(gru.W_hh, compute_uv=False)
    np.testing.assert_allclose(sigma, 2 - delta, rtol=1e-4)
