"""Hooks that watch the gradient; clipping against Chainer's own after the monitor."""

import math

import chainer
import numpy as np
import pytest
from chainer import optimizer_hooks, optimizers

from grustab.errors import DivergenceError
from grustab.optimizer_hooks import GradientClipping, GradientMonitor
from tests.grustab.projection.reference import dtypes, observed

SHAPES = ((4, 3), (7,), (2, 2, 2), ())
# A norm is the root of a sum of some 30 squares, a clipped gradient a product with it.
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-15}


def random_grads(dtype=np.float32):
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(size=s), dtype=dtype) for s in SHAPES]


def norm_of(arrays):
    return np.linalg.norm(np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64))


#: Each hook, and its like that clips nothing of size 1.
HOOKS = {
    "monitor": GradientMonitor,
    "clipping": lambda **options: GradientClipping(0.5, **options),
    "clipping nothing": lambda **options: GradientClipping(1e6, **options),
}
hooks = pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)


def optimizer_with(grads, *hooks, optimizer=optimizers.SGD):
    """Weights 0 that, with SGD, become minus the gradient that the hooks have left."""
    target = chainer.Chain()
    with target.init_scope():
        for i, grad in enumerate(grads):
            setattr(target, f"p{i}", chainer.Parameter(np.zeros_like(grad)))
    result = optimizer(1.0).setup(target)
    for hook in hooks:
        result.add_hook(hook)
    for param, grad in zip(target.params(), grads, strict=True):
        param.grad = grad.copy()
    return result


def step(optimizer):
    """What an update reports, and the weights after it."""
    return observed(optimizer.update), [p.array for p in optimizer.target.params()]


@dtypes
@pytest.mark.parametrize("of_norm", [1e-4, 0.5, 0.999, 1.001, 2.0, 1e6])
def test_same_as_chainers_clipping_after_the_monitor(of_norm, dtype):
    grads = random_grads(dtype)
    threshold = of_norm * norm_of(grads)
    reported, weights = step(optimizer_with(grads, GradientClipping(threshold)))
    both = GradientMonitor(), optimizer_hooks.GradientClipping(threshold)
    expected, expected_weights = step(optimizer_with(grads, *both))
    # The norm that is reported is that before clipping.
    assert reported == expected
    mean = np.abs(np.concatenate([np.ravel(g) for g in grads])).mean()
    assert reported["gradient/norm"] == pytest.approx(norm_of(grads), rel=1e-6)
    assert reported["gradient/mean_abs"] == pytest.approx(mean, rel=1e-6)
    for a, b in zip(weights, expected_weights, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype], atol=0)


@hooks
def test_no_gradient_is_no_reason_to_divide_by_zero(hook):
    optimizer = optimizer_with(random_grads(), hook())
    optimizer.target.cleargrads()
    with np.errstate(all="raise"):
        reported, weights = step(optimizer)
    assert reported == {"gradient/norm": 0, "gradient/mean_abs": 0}
    assert all((a == 0).all() for a in weights)


@hooks
def test_the_elements_are_looked_at_every_tenth_step(hook):
    optimizer = optimizer_with(random_grads(), hook())
    looks = [i for i in range(21) if "gradient/mean_abs" in step(optimizer)[0]]
    assert looks == [0, 10, 20]


EXTREME = [
    *((np.float16, size) for size in (6e4, 1e-7)),
    *((np.float32, size) for size in (3e38, 1e20, 1.0, 1e-21, 1e-30, 1e-44)),
    *((np.float64, size) for size in (1e160, 1e308, 1e-160, 1e-200, 5e-324)),
]


@pytest.mark.parametrize("of_norm", [1e-3, 2.0, None], ids=str)
@pytest.mark.parametrize(("dtype", "size"), EXTREME)
def test_a_gradient_of_any_finite_size_is_measured_and_clipped(dtype, size, of_norm):
    """Where neither its squares nor the sum of its elements fit its dtype."""
    grads = [np.full(s, size, dtype) for s in SHAPES]
    grads[1][:3] *= -1
    size, count = float(grads[0][0, 0]), sum(g.size for g in grads)
    threshold = (of_norm or 0) * size * math.sqrt(count)
    if not 0 < threshold < math.inf:
        threshold = size
    hook = GradientClipping(threshold) if of_norm else GradientMonitor()
    with np.errstate(all="raise", under="ignore"):
        reported, weights = step(optimizer_with(grads, hook))
    assert reported["gradient/norm"] == pytest.approx(math.sqrt(count) * size, rel=1e-6)
    assert reported["gradient/mean_abs"] == pytest.approx(size, rel=1e-6)
    factor = min(threshold / size / math.sqrt(count), 1) if of_norm else 1
    for a, grad in zip(weights, grads, strict=True):
        expected = -np.sign(grad) * (factor * size)
        assert a.dtype == dtype
        np.testing.assert_allclose(
            a, expected, rtol=2 * np.finfo(dtype).eps, atol=2 * np.finfo(dtype).smallest_subnormal
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", range(len(SHAPES)))
@hooks
def test_a_gradient_that_is_not_finite_stops_training(hook, where, bad):
    grads = random_grads()
    grads[where].reshape(-1)[-1] = bad
    optimizer = optimizer_with(grads, hook(), optimizer=optimizers.MomentumSGD)
    with pytest.raises(DivergenceError, match="gradient") as caught:
        optimizer.update()
    assert caught.value.quantity == "gradient"
    assert not np.isfinite(caught.value.value)
    for param, grad in zip(optimizer.target.params(), grads, strict=True):
        assert (param.array == 0).all()
        np.testing.assert_array_equal(param.grad, grad)
        assert param.update_rule.t == 0
