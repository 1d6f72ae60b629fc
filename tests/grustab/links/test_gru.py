"""The GRU link against eqs. (1)-(4) written out."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from grustab.functions import gru_sequence
from grustab.links import GRU
from tests.grustab import reference
from tests.grustab.reference import Weights

# (T, B, m, n)
SHAPES = [(7, 3, 5, 4), (1, 3, 2, 5), (6, 1, 3, 3), (1, 1, 1, 1), (5, 2, 6, 1), (9, 4, 1, 7)]
# Some 10 steps of float32 (eps 1.2e-7) arithmetic on numbers of size 1.
TOLERANCE = {np.float32: 2e-6, np.float64: 1e-13}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def make(shape, dtype=np.float64, seed=0, scale=2.0):
    """A GRU with random weights, the same weights for the reference, inputs and a state."""
    steps, batch, m, n = shape
    rng = np.random.default_rng(seed)
    weights = reference.random_weights(m, n, seed, scale)
    weights = Weights(*(w.astype(dtype).astype(np.float64) for w in weights))
    gru = GRU(m, n, dtype=dtype)
    for name, matrix in weights._asdict().items():
        setattr(gru, name, matrix)
    xs = rng.normal(size=(steps, batch, m)).astype(dtype)
    h0 = rng.uniform(-1, 1, (batch, n)).astype(dtype)
    return gru, weights, xs, h0


def named_grads(gru):
    n = gru.out_size
    blocks = {}
    for i, gate in enumerate("zrh"):
        rows = slice(i * n, (i + 1) * n)
        blocks[f"W_x{gate}"], blocks[f"W_h{gate}"] = gru.W_x.grad[rows], gru.W_h.grad[rows]
    return Weights(**blocks)


@shapes
def test_the_references_two_gradients_agree(shape):
    _, weights, xs, h0 = make(shape)
    grad_hs = np.random.default_rng(1).normal(size=(*shape[:2], shape[3]))
    exact = reference.backward(weights, xs, h0, grad_hs)
    numerical = reference.numerical_gradient(weights, xs, h0, grad_hs)
    for a, b in zip((*exact[:2], *exact[2]), (*numerical[:2], *numerical[2]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


@dtypes
@shapes
def test_states_are_those_of_the_equations(shape, dtype):
    """From zero, from a state that was set, on from there, and from zero again."""
    gru, weights, xs, h0 = make(shape, dtype)
    tol = 2 * TOLERANCE[dtype]  # of two calls
    zero = np.zeros_like(h0)
    for begin in (
        lambda: zero,
        lambda: gru.set_state(h0) or h0,
        lambda: gru.h.copy(),
        lambda: gru.reset_state() or zero,
    ):
        state = begin()
        hs = gru(xs)
        assert (hs.shape, hs.dtype) == ((*shape[:2], shape[3]), dtype)
        expected = reference.forward(weights, xs, state)
        np.testing.assert_allclose(hs.array, expected, rtol=0, atol=tol)
        np.testing.assert_array_equal(gru.h, hs.array[-1])
        assert not np.shares_memory(gru.h, hs.array)


@dtypes
@shapes
def test_gradients_are_those_of_the_equations(shape, dtype):
    gru, weights, xs, h0 = make(shape, dtype)
    grad_hs = np.random.default_rng(1).normal(size=(*shape[:2], shape[3])).astype(dtype)
    x, h = chainer.Variable(xs), chainer.Variable(h0)
    gru.cleargrads()
    F.sum(gru_sequence(x, h, gru.W_x, gru.W_h) * grad_hs).backward()
    dx, dh0, dw = reference.backward(weights, *(a.astype("d") for a in (xs, h0, grad_hs)))
    # Sums of up to 40 products, each good to TOLERANCE.
    tol = 10 * TOLERANCE[dtype]
    np.testing.assert_allclose(x.grad, dx, rtol=tol, atol=tol)
    np.testing.assert_allclose(h.grad, dh0, rtol=tol, atol=tol)
    for name, ours, expected in zip(Weights._fields, named_grads(gru), dw, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=tol, atol=tol, err_msg=name)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (0, 2), (1, 3)], ids=str)
def test_gradients_are_the_same_when_only_some_are_asked_for(wanted):
    gru, _, xs, h0 = make(SHAPES[0])
    arrays = (xs, h0, gru.W_x.array, gru.W_h.array)
    variables = [chainer.Variable(a) for a in arrays]
    F.sum(gru_sequence(*variables)).backward()
    some = [chainer.Variable(a, requires_grad=i in wanted) for i, a in enumerate(arrays)]
    F.sum(gru_sequence(*some)).backward()
    for i, variable in enumerate(some):
        if i in wanted:
            np.testing.assert_array_equal(variable.grad, variables[i].grad)
        else:
            assert variable.grad is None


def test_backward_leaves_everything_as_it_was():
    gru, _, xs, h0 = make(SHAPES[0])
    variables = [chainer.Variable(a) for a in (xs, h0, gru.W_x.array, gru.W_h.array)]
    before = [v.array.copy() for v in variables]
    hs = gru_sequence(*variables)
    states = hs.array.copy()
    grad = np.random.default_rng(1).normal(size=hs.shape)
    grads = []
    for _ in range(2):
        for v in variables:
            v.cleargrad()
        hs.grad = grad.copy()
        hs.backward(retain_grad=True)
        grads.append([v.grad for v in variables])
    np.testing.assert_array_equal(hs.grad, grad)
    np.testing.assert_array_equal(hs.array, states)
    np.testing.assert_array_equal(gru_sequence(*variables).array, states)
    for v, a, first, second in zip(variables, before, *grads, strict=True):
        np.testing.assert_array_equal(v.array, a)
        np.testing.assert_array_equal(first, second)


def test_gradient_stops_between_two_calls():
    gru, weights, xs, h0 = make((9, 3, 5, 4))
    gru.set_state(h0)
    before, x = chainer.Variable(xs[:4]), chainer.Variable(xs[4:])
    middle = gru(before).array[-1].copy()
    gru.cleargrads()
    hs = gru(x)
    F.sum(hs).backward()
    dx, _, dw = reference.backward(weights, xs[4:], middle, np.ones(hs.shape))
    np.testing.assert_allclose(x.grad, dx, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gru.W_h.grad[-4:], dw.W_hh, rtol=1e-12, atol=1e-13)
    assert before.grad is None


@pytest.mark.parametrize("wrap", [np.asarray, chainer.Variable])
def test_set_state_takes_a_copy_in_the_links_dtype(wrap):
    gru, _, xs, h0 = make(SHAPES[0], np.float32)
    h = h0.copy()
    gru.set_state(wrap(h))
    h[...] = 9
    np.testing.assert_array_equal(gru.h, h0)
    gru.set_state(wrap(h0.astype(np.float64)))
    assert gru.h.dtype == np.float32
    assert gru(xs).dtype == np.float32


def test_double_backprop_is_refused_in_clear_words():
    gru, _, xs, _ = make(SHAPES[0])
    loss = F.sum(gru(chainer.Variable(xs)))
    with pytest.raises(NotImplementedError, match=r"no second derivative.*enable_double_backprop"):
        loss.backward(enable_double_backprop=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        chainer.grad([loss], [gru.W_h], enable_double_backprop=True)


def test_large_pre_activations_saturate_without_a_warning():
    gru, _, xs, _ = make((3, 2, 5, 4), np.float32)
    gru.cleargrads()
    with np.errstate(all="raise", under="ignore"):
        hs = gru(xs * np.float32(1e6))
        F.sum(hs).backward()
    assert np.abs(hs.array).max() <= 1
    assert np.isfinite(gru.W_h.grad).all()


@pytest.mark.parametrize("negated", [True, False])
def test_chainers_gru_is_this_one_with_the_update_gate_negated(negated):
    gru, weights, xs, h0 = make((7, 3, 5, 4), np.float32)
    other = L.StatefulGRU(5, 4)
    sign = -1 if negated else 1
    pairs = ((other.W_z, sign * weights.W_xz), (other.U_z, sign * weights.W_hz),
             (other.W_r, weights.W_xr), (other.U_r, weights.W_hr),
             (other.W, weights.W_xh), (other.U, weights.W_hh))  # fmt: skip
    for linear, matrix in pairs:
        linear.W.array[...] = matrix
    gru.set_state(h0)
    other.set_state(chainer.Variable(h0))
    theirs = np.stack([other(x).array for x in xs])
    assert np.allclose(gru(xs).array, theirs, rtol=0, atol=2e-6) == negated


def test_reset_gate_comes_before_the_product_unlike_cudnns():
    def step_of_cudnn(w, x, h):
        z = reference.sigm(w.W_xz @ x + w.W_hz @ h)
        r = reference.sigm(w.W_xr @ x + w.W_hr @ h)
        return z * h + (1 - z) * np.tanh(w.W_xh @ x + r * (w.W_hh @ h))

    gru, weights, xs, h0 = make((7, 3, 5, 4))
    gru.set_state(h0)
    theirs = reference.forward(weights, xs, h0, step=step_of_cudnn)
    assert np.abs(gru(xs).array - theirs).max() > 0.1
