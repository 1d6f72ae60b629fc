"""The GRU link against eqs. (1)-(4) written out."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils.type_check import InvalidType

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
    gru, weights, xs, h0 = make(shape, dtype)
    gru.set_state(h0)
    hs = gru(xs)
    assert hs.shape == (*shape[:2], shape[3])
    assert hs.dtype == dtype
    tol = TOLERANCE[dtype]
    np.testing.assert_allclose(hs.array, reference.forward(weights, xs, h0), rtol=0, atol=tol)


@shapes
def test_first_state_is_zero_unless_set(shape):
    gru, weights, xs, h0 = make(shape)
    expected = reference.forward(weights, xs, np.zeros_like(h0))
    np.testing.assert_allclose(gru(xs).array, expected, rtol=0, atol=1e-13)


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


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_chainers_numerical_gradient_check_passes(shape):
    gru, _, xs, h0 = make(shape)
    grad_hs = np.random.default_rng(1).normal(size=(*shape[:2], shape[3]))
    gradient_check.check_backward(
        gru_sequence, (xs, h0, gru.W_x.array, gru.W_h.array), grad_hs,
        eps=1e-4, rtol=1e-6, atol=1e-7, dtype=np.float64,
    )  # fmt: skip


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


@pytest.mark.parametrize("view", ["transposed", "reversed", "strided", "fortran"])
def test_inputs_need_not_be_contiguous(view):
    gru, _, xs, _ = make((6, 3, 4, 5))
    odd = {
        "transposed": xs.transpose(1, 0, 2).copy().transpose(1, 0, 2),
        "reversed": xs[::-1].copy()[::-1],
        "strided": np.repeat(xs, 2, axis=2)[:, :, ::2],
        "fortran": np.asfortranarray(xs),
    }[view]
    assert not odd.flags.c_contiguous
    grads = []
    for x in (odd, xs):
        gru.reset_state()
        gru.cleargrads()
        hs = gru(x)
        F.sum(hs * hs).backward()
        grads.append((hs.array, gru.W_x.grad, gru.W_h.grad))
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)


@dtypes
def test_two_calls_equal_one_long_call(dtype):
    gru, _, xs, h0 = make((9, 3, 5, 4), dtype)
    gru.set_state(h0)
    whole = gru(xs).array
    gru.set_state(h0)
    parts = np.concatenate([gru(xs[:4]).array, gru(xs[4:]).array])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=TOLERANCE[dtype])


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


def test_carried_state_is_a_copy_of_the_last_one():
    gru, _, xs, _ = make(SHAPES[0])
    hs = gru(xs)
    np.testing.assert_array_equal(gru.h, hs.array[-1])
    assert not np.shares_memory(gru.h, hs.array)


def test_reset_state_starts_from_zero():
    gru, _, xs, _ = make(SHAPES[0])
    fresh = gru(xs).array
    assert not np.array_equal(gru(xs).array, fresh)
    gru.reset_state()
    np.testing.assert_array_equal(gru(xs).array, fresh)


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


@pytest.mark.parametrize("shape", [(4,), (3, 5), (3, 1), (1, 3, 4), ()], ids=str)
def test_set_state_of_another_shape_is_refused(shape):
    gru, _, _, h0 = make(SHAPES[0])
    gru.set_state(h0)
    with pytest.raises(ValueError, match=r"\(B, 4\)"):
        gru.set_state(np.zeros(shape))
    np.testing.assert_array_equal(gru.h, h0)


@pytest.mark.parametrize(
    "xs",
    [
        np.zeros((2, 3, 6), "f"),
        np.zeros((2, 3, 4), "f"),
        np.zeros((2, 2, 5), "f"),
        np.zeros((0, 3, 5), "f"),
        np.zeros((3, 5), "f"),
        np.zeros((1, 2, 3, 5), "f"),
        np.zeros((2, 3, 5), "d"),
        np.zeros((2, 3, 5), "i"),
    ],
    ids=lambda xs: f"{xs.dtype}{xs.shape}",
)
def test_inputs_that_do_not_fit_are_an_invalid_type(xs):
    gru, _, _, h0 = make((7, 3, 5, 4), np.float32)
    gru.set_state(h0)
    with pytest.raises(InvalidType):
        gru(xs)
    np.testing.assert_array_equal(gru.h, h0)


@pytest.mark.parametrize("which", range(4))
def test_function_arguments_that_do_not_fit_are_an_invalid_type(which):
    gru, _, xs, h0 = make((7, 3, 5, 4))
    arguments = [xs, h0, gru.W_x.array, gru.W_h.array]
    arguments[which] = arguments[which][..., :-1]
    with pytest.raises(InvalidType):
        gru_sequence(*arguments)


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
