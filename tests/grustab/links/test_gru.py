"""The GRU against eqs. (1)-(4) written out, and what it refuses."""

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer.utils.type_check import InvalidType

from grustab.functions import gru_sequence
from grustab.links import GRU
from tests.grustab import reference
from tests.grustab.reference import weights_of

# (T, B, m, n)
SHAPES = [(7, 3, 5, 4), (1, 3, 2, 5), (6, 1, 3, 3), (1, 1, 1, 1), (5, 2, 6, 1), (9, 4, 1, 7)]
# Some 10 steps of float32 (eps 1.2e-7) arithmetic on numbers of size 1.
TOLERANCE = {np.float32: 2e-6, np.float64: 1e-13}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def make(shape=SHAPES[0], dtype=np.float64):
    """A GRU with random weights, the same weights for the reference, inputs and a state."""
    steps, batch, m, n = shape
    rng = np.random.default_rng(0)
    std = 2 / np.sqrt(max(n, 2))
    gru = GRU(m, n, std, rng, dtype)
    gru.W_hh = rng.normal(0, std, (n, n))
    xs = rng.normal(size=(steps, batch, m)).astype(dtype)
    h0 = rng.uniform(-1, 1, (batch, n)).astype(dtype)
    return gru, weights_of(gru), xs, h0


def arguments_of(gru, xs, h0):
    return [xs, h0, gru.W_x.array, gru.W_h.array]


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
def test_gradients_are_those_of_the_equations_and_all_else_stays_as_it_was(shape, dtype):
    gru, weights, xs, h0 = make(shape, dtype)
    variables = [chainer.Variable(a) for a in arguments_of(gru, xs, h0)]
    hs = gru_sequence(*variables)
    grad_hs = np.random.default_rng(1).normal(size=hs.shape).astype(dtype)
    before = [a.copy() for a in (*(v.array for v in variables), hs.array)]
    dx, dh0, *dw = reference.gradients(weights, xs, h0, grad_hs)
    # Sums of up to 40 products, each good to TOLERANCE.
    tol = 10 * TOLERANCE[dtype]
    for _ in range(2):
        for v in variables:
            v.cleargrad()
        hs.grad = grad_hs.copy()
        hs.backward(retain_grad=True)
        expected = dx, dh0, np.vstack(dw[::2]), np.vstack(dw[1::2])
        for v, exact in zip(variables, expected, strict=True):
            np.testing.assert_allclose(v.grad, exact, rtol=tol, atol=tol)
    for now, then in zip((*variables, hs), before, strict=True):
        np.testing.assert_array_equal(now.array, then)
    np.testing.assert_array_equal(hs.grad, grad_hs)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (0, 2), (1, 3)], ids=str)
def test_gradients_are_the_same_when_only_some_are_asked_for(wanted):
    gru, _, xs, h0 = make()
    gradients = []
    for asked in (range(4), wanted):
        arrays = enumerate(arguments_of(gru, xs, h0))
        variables = [chainer.Variable(a, requires_grad=i in asked) for i, a in arrays]
        F.sum(gru_sequence(*variables)).backward()
        gradients.append([v.grad for v in variables])
    for i, (every, some) in enumerate(zip(*gradients, strict=True)):
        np.testing.assert_array_equal(some, every if i in wanted else None)


@pytest.mark.parametrize("order", ["fortran", "strided", "reversed"])
@pytest.mark.parametrize("which", range(4), ids=["x", "h0", "W_x", "W_h"])
def test_every_argument_may_be_of_any_order_of_memory(which, order):
    gru, _, xs, h0 = make()
    results = []
    for odd in (False, True):
        values = arguments_of(gru, xs, h0)
        if odd:
            a = values[which]
            values[which] = {
                "fortran": np.asfortranarray(a),
                "strided": np.repeat(a, 2, axis=-1)[..., ::2],
                "reversed": a[::-1].copy()[::-1],
            }[order]
            assert not values[which].flags.c_contiguous
        variables = [chainer.Variable(a) for a in values]
        hs = gru_sequence(*variables)
        F.sum(hs * hs).backward()
        results.append([hs.array, *(v.grad for v in variables)])
    for plain, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("which", "shape", "dtype"), [
    (0, (7, 3, 6), "d"), (0, (7, 3, 4), "d"), (0, (7, 2, 5), "d"), (0, (0, 3, 5), "d"),
    (0, (3, 5), "d"), (0, (1, 7, 3, 5), "d"), (0, (7, 3, 5), "f"), (0, (7, 3, 5), "i"),
    (1, (3, 3), "d"), (1, (2, 4), "d"), (1, (3, 4), "f"), (1, (4,), "d"),
    (2, (12, 4), "d"), (2, (11, 5), "d"), (2, (12, 5), "f"), (2, (12,), "d"),
    (3, (12, 3), "d"), (3, (11, 4), "d"), (3, (12, 4), "f"), (3, (12,), "d"),
], ids=str)  # fmt: skip
def test_what_does_not_fit_is_an_invalid_type(which, shape, dtype):
    gru, _, xs, h0 = make()
    arguments = arguments_of(gru, xs, h0)
    arguments[which] = np.zeros(shape, dtype)
    with pytest.raises(InvalidType):
        gru_sequence(*arguments)
    if which == 0:
        gru.set_state(h0)
        with pytest.raises(InvalidType):
            gru(arguments[0])
        np.testing.assert_array_equal(gru.h, h0)


@pytest.mark.parametrize("shape", [(4,), (3, 5), (3, 1), (1, 3, 4), ()], ids=str)
def test_set_state_of_another_shape_is_refused(shape):
    gru, _, _, h0 = make()
    gru.set_state(h0)
    with pytest.raises(ValueError, match=r"\(B, 4\)"):
        gru.set_state(np.zeros(shape))
    np.testing.assert_array_equal(gru.h, h0)


@pytest.mark.parametrize("wrap", [np.asarray, chainer.Variable])
def test_set_state_takes_a_copy_in_the_links_dtype(wrap):
    gru, _, xs, h0 = make(dtype=np.float32)
    h = h0.copy()
    gru.set_state(wrap(h))
    h[...] = 9
    np.testing.assert_array_equal(gru.h, h0)
    gru.set_state(wrap(h0.astype(np.float64)))
    assert gru.h.dtype == gru(xs).dtype == np.float32


def test_double_backprop_is_refused():
    gru, _, xs, _ = make()
    loss = F.sum(gru(chainer.Variable(xs)))
    with pytest.raises(NotImplementedError, match=r"no second derivative.*enable_double_backprop"):
        loss.backward(enable_double_backprop=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        chainer.grad([loss], [gru.W_h], enable_double_backprop=True)


def test_large_pre_activations_saturate_without_a_warning():
    gru, _, xs, _ = make(dtype=np.float32)
    gru.cleargrads()
    with np.errstate(all="raise", under="ignore"):
        hs = gru(xs * np.float32(1e6))
        F.sum(hs).backward()
    assert np.abs(hs.array).max() <= 1
    assert np.isfinite(gru.W_h.grad).all()
