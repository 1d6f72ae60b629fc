"""The losses of extreme scores and of scores that are not finite."""

import warnings

import chainer
import chainer.functions as F
import numpy as np
import pytest

from grustab.functions import linear_sigmoid_cross_entropy, linear_softmax_cross_entropy

V = 6
# The rows whose exp(y) fits float32 and those whose does not are treated differently: 57.5 is
# log(1e25), where one becomes the other, 88.7 the logarithm of the largest float32; exp(-95) is
# one of the last that are not 0, with few digits.
SHIFTS = [0, 50, 57.5, 60, 88, 89, 95, 100, 200, 1e4]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
signs = pytest.mark.parametrize("sign", [1, -1])


def scores(kind, sign, dtype, seed=0):
    """Rows of scores, some of them extreme."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(len(SHIFTS), V))
    shifts = sign * np.array(SHIFTS)[:, None]
    if kind == "whole rows":
        y += shifts
    elif kind == "single scores":
        y[:, 2:3] += shifts
    elif kind == "all but one":
        y[:, 3:] += shifts
    else:
        y *= 1 + np.abs(shifts)
    return y.astype(dtype)


def of_scores(function, y, *others):
    """Loss and gradient with respect to the scores: of a layer whose weights are the identity.

    Its scores are exactly y, so that nothing but the loss itself can be inaccurate.
    """
    h = chainer.Variable(y)
    loss = function(h, np.eye(V, dtype=y.dtype), None, *others)
    loss.backward()
    return float(loss.array), h.grad


kinds = pytest.mark.parametrize("kind", ["whole rows", "single scores", "all but one", "factor"])


@kinds
@signs
@dtypes
@pytest.mark.parametrize("label", range(V))
def test_softmax_of_extreme_scores_is_accurate(label, dtype, sign, kind):
    y = scores(kind, sign, dtype)
    labels = np.full(len(y), label, dtype=np.int32)
    labels[1::3] = (label + 1) % V
    loss, grad = of_scores(linear_softmax_cross_entropy, y, labels)
    wide = y.astype(np.float64)
    rows = np.arange(len(y))
    p = np.exp(wide - wide.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    log_sums = wide.max(axis=1) - np.log(p.max(axis=1))
    p[rows, labels] -= 1
    # The loss is a sum of differences of numbers as large as the scores, each good to a rounding;
    # a gradient, between -1 and 1, is good to a few.
    eps = float(np.finfo(dtype).eps)
    expected = (log_sums - wide[rows, labels]).sum()
    assert loss == pytest.approx(expected, rel=4 * eps, abs=4 * eps * np.abs(wide).max())
    np.testing.assert_allclose(grad, p, rtol=0, atol=8 * eps)


@kinds
@signs
@dtypes
@pytest.mark.parametrize("target", [0, 1])
def test_logistic_outputs_of_extreme_scores_are_accurate(target, dtype, sign, kind):
    y = scores(kind, sign, dtype)
    t = np.full_like(y, target)
    t[::2, ::2] = 1 - target
    loss, grad = of_scores(linear_sigmoid_cross_entropy, y, t)
    wide = y.astype(np.float64)
    eps = float(np.finfo(dtype).eps)
    expected = (np.logaddexp(0, wide) - t * wide).sum()
    assert loss == pytest.approx(expected, rel=4 * eps, abs=8 * eps * np.abs(wide).max())
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-wide))
    np.testing.assert_allclose(grad, sigmoid - t, rtol=0, atol=4 * eps)


@dtypes
def test_normal_rows_are_the_same_beside_extreme_ones(dtype):
    y = scores("whole rows", 1, dtype)
    labels = np.arange(len(y), dtype=np.int32) % V
    _, grad = of_scores(linear_softmax_cross_entropy, y, labels)
    for i in range(len(y)):
        _, alone = of_scores(linear_softmax_cross_entropy, y[i : i + 1], labels[i : i + 1])
        np.testing.assert_allclose(alone[0], grad[i], rtol=0, atol=4 * np.finfo(dtype).eps)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@dtypes
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["h", "W", "b"])
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_loss_of_a_score_that_is_not_finite_is_not_finite(kind, where, bad, dtype):
    rng = np.random.default_rng(0)
    arrays = {"h": np.ones((4, 3)), "W": rng.normal(size=(V, 3)), "b": rng.normal(size=V)}
    # All of class 0, which is the label of row 2 (a score of -Inf is harmless to other labels).
    arrays[where][2 if where == "h" else 0] = bad
    h, w, b = (chainer.Variable(arrays[name].astype(dtype)) for name in "hWb")
    labels = np.array([1, -1, 0, 2], dtype=np.int32)
    if kind == "softmax":
        loss = linear_softmax_cross_entropy(h, w, b, labels)
    else:
        loss = linear_sigmoid_cross_entropy(h, w, b, np.eye(V, dtype=dtype)[labels])
    loss.backward()
    assert not np.isfinite(loss.array)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@dtypes
def test_extreme_scores_are_no_reason_to_warn(dtype):
    for sign in (1, -1):
        y = scores("whole rows", sign, dtype)
        of_scores(linear_softmax_cross_entropy, y, np.zeros(len(y), dtype=np.int32))
        of_scores(linear_sigmoid_cross_entropy, y, np.zeros_like(y))


@pytest.mark.parametrize("n_words", [10, 1000, 9000])
def test_sums_too_large_for_float16_leave_loss_and_gradient_finite(n_words):
    rng = np.random.default_rng(0)
    h, w = (rng.normal(size=(n, 4)).astype(np.float16) for n in (6, n_words))
    labels = rng.integers(0, n_words, 6).astype(np.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours, theirs = chainer.Variable(h), chainer.Variable(h)
        loss = linear_softmax_cross_entropy(ours, w, None, labels)
        loss.backward()
        expected = 6 * F.softmax_cross_entropy(F.linear(theirs, w), labels)
        expected.backward()
    assert float(loss.array) == pytest.approx(float(expected.array), rel=5e-3)
    np.testing.assert_allclose(ours.grad, theirs.grad, rtol=0, atol=2e-2)
