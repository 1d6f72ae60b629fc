"""Output layer and loss in one node against Chainer's two and against NumPy in float64."""

import tracemalloc

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check

from grustab.functions import (
    linear_cross_entropy,
    linear_sigmoid_cross_entropy,
    linear_softmax_cross_entropy,
)

# (N, n, V)
SHAPES = [(7, 5, 11), (1, 4, 6), (6, 1, 3), (5, 3, 1), (1, 1, 1), (40, 8, 3), (3, 20, 60)]
# Sums of some tens of products of numbers of size 1, each good to a few roundings.
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
biases = pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])


def softmax_of_chainer(h, w, b, labels):
    y = F.linear(h, w, b)
    return F.sum(F.softmax_cross_entropy(y, labels, normalize=False, reduce="no"))


def sigmoid_of_chainer(h, w, b, targets, counts):
    y = F.linear(h, w, b)
    return F.sum((F.softplus(y) - y * targets) * counts[:, None])


LOSSES = {
    "softmax": (linear_softmax_cross_entropy, softmax_of_chainer),
    "sigmoid": (linear_sigmoid_cross_entropy, sigmoid_of_chainer),
}
losses = pytest.mark.parametrize("kind", LOSSES)


def make(shape, kind, dtype=np.float64, bias=True, seed=0):
    """Arrays (h, W, b), and what the loss is told besides: about a third does not count."""
    n_rows, n, v = shape
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s).astype(dtype) for s in ((n_rows, n), (v, n), (v,))]
    counts = (np.arange(n_rows) % 3 != 1).astype(dtype)
    if kind == "softmax":
        labels = rng.integers(0, v, n_rows).astype(np.int32)
        others = (np.where(counts, labels, -1).astype(np.int32),)
    else:
        others = ((rng.random((n_rows, v)) < 0.4).astype(dtype), counts)
    return arrays if bias else [*arrays[:2], None], others, counts == 0


def run(function, arrays, others, factor=1.0, wanted=(0, 1, 2)):
    """The loss and its gradients, ``None`` for those that are not wanted."""
    variables = [
        None if a is None else chainer.Variable(a, requires_grad=i in wanted)
        for i, a in enumerate(arrays)
    ]
    loss = function(*variables, *others)
    (loss * factor).backward()
    return loss.array, [None if v is None else v.grad for v in variables]


def in_float64(arrays):
    """Floating arrays as float64, anything else as it is."""
    return [a.astype("d") if a is not None and a.dtype.kind == "f" else a for a in arrays]


def check_same(ours, expected, dtype):
    tol = TOLERANCE[dtype]
    assert ours[0].shape == ()
    assert ours[0].dtype == dtype
    np.testing.assert_allclose(ours[0], expected[0], rtol=tol, atol=tol)
    for ours_i, expected_i in zip(ours[1], expected[1], strict=True):
        if expected_i is None:
            assert ours_i is None
        else:
            assert ours_i.dtype == dtype
            np.testing.assert_allclose(ours_i, expected_i, rtol=tol, atol=tol)


@losses
@biases
@dtypes
@shapes
def test_loss_and_gradients_are_those_of_chainers_two_functions(shape, dtype, bias, kind):
    arrays, others, _ = make(shape, kind, dtype, bias)
    ours, theirs = LOSSES[kind]
    expected = run(theirs, in_float64(arrays), in_float64(others))
    check_same(run(ours, arrays, others), expected, dtype)


@losses
@biases
@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_chainers_numerical_gradient_check_passes(shape, bias, kind):
    arrays, others, _ = make(shape, kind, bias=bias)

    def function(h, w, b=None):
        return LOSSES[kind][0](h, w, b, *others)

    gradient_check.check_backward(
        function, tuple(a for a in arrays if a is not None), np.array(0.7),
        eps=1e-4, rtol=1e-6, atol=1e-7, dtype=np.float64,
    )  # fmt: skip


@pytest.mark.parametrize("rows_of_a_block", [0, 1, 3, 6, 7])
def test_result_does_not_depend_on_the_blocks(rows_of_a_block, monkeypatch):
    arrays, others, _ = make((7, 5, 11), "softmax")
    # An extreme row, which counts, in a block of normal ones.
    arrays[0][5] *= 300
    expected = run(softmax_of_chainer, arrays, others)
    monkeypatch.setattr(linear_cross_entropy, "BLOCK_BYTES", rows_of_a_block * 11 * 8 + 5)
    check_same(run(linear_softmax_cross_entropy, arrays, others), expected, np.float64)


@losses
@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (1, 2)], ids=str)
def test_gradients_are_the_same_when_only_some_are_asked_for(wanted, kind):
    arrays, others, _ = make(SHAPES[0], kind)
    _, all_grads = run(LOSSES[kind][0], arrays, others)
    _, grads = run(LOSSES[kind][0], arrays, others, wanted=wanted)
    for i, grad in enumerate(grads):
        if i in wanted:
            np.testing.assert_array_equal(grad, all_grads[i])
        else:
            assert grad is None


@losses
@dtypes
@pytest.mark.parametrize("scale", [1, 1e4])
def test_rows_that_do_not_count_have_no_influence_at_all(scale, dtype, kind):
    arrays, others, left_out = make((7, 5, 11), kind, dtype)
    arrays[0][left_out] *= scale
    loss, (dh, dw, db) = run(LOSSES[kind][0], arrays, others)
    assert (dh[left_out] == 0).all()
    assert (dh[~left_out] != 0).all()
    h, w, b = arrays
    fewer = run(LOSSES[kind][0], (h[~left_out], w, b), [a[~left_out] for a in others])
    check_same((loss, (dw, db)), (fewer[0], fewer[1][1:]), dtype)
    nothing = (np.full(7, -1, np.int32),) if kind == "softmax" else (others[0], np.zeros(7, dtype))
    loss, grads = run(LOSSES[kind][0], arrays, nothing)
    assert loss == 0
    assert all((grad == 0).all() for grad in grads)


@losses
@pytest.mark.parametrize("factor", [0.05, -3.0, 0.0])
def test_gradient_from_above_is_a_factor(factor, kind):
    arrays, others, _ = make(SHAPES[0], kind)
    _, plain = run(LOSSES[kind][0], arrays, others)
    _, scaled = run(LOSSES[kind][0], arrays, others, factor)
    for one, other in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(one, factor * other, rtol=1e-13, atol=1e-15)


@losses
def test_nothing_is_changed_and_backward_can_be_repeated(kind):
    arrays, others, _ = make(SHAPES[0], kind)
    arrays[0][2] *= 300
    before = [a.copy() for a in (*arrays, *others)]
    variables = [chainer.Variable(a) for a in arrays]
    loss = LOSSES[kind][0](*variables, *others)
    grads = []
    for _ in range(2):
        for v in variables:
            v.cleargrad()
        loss.backward()
        grads.append([v.grad for v in variables])
    for a, b in zip((*arrays, *others), before, strict=True):
        np.testing.assert_array_equal(a, b)
    for first, second in zip(*grads, strict=True):
        np.testing.assert_array_equal(first, second)


@losses
def test_the_scores_are_kept_only_for_a_backward(kind):
    arrays, others, _ = make((100, 3, 1000), kind)

    def kept():
        node = {
            "softmax": linear_cross_entropy.LinearSoftmaxCrossEntropy,
            "sigmoid": linear_cross_entropy.LinearSigmoidCrossEntropy,
        }[kind](*others)
        tracemalloc.start()
        outputs = node.apply([chainer.Variable(a) for a in arrays])
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size, outputs

    assert kept()[0] > 100 * 1000 * 8
    with chainer.no_backprop_mode():
        assert kept()[0] < 20_000
