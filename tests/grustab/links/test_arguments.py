"""What a GRU takes: states and weights in any order of memory, and what it refuses."""

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer.utils.type_check import InvalidType

from grustab.functions import gru_sequence
from grustab.links import GRU
from tests.grustab.links.test_gru import SHAPES, make

B, N = 3, 4


def arguments():
    gru, _, xs, h0 = make((7, B, 5, N))
    return [xs, h0, gru.W_x.array, gru.W_h.array]


@pytest.mark.parametrize("order", ["fortran", "strided", "reversed"])
@pytest.mark.parametrize("which", range(4), ids=["x", "h0", "W_x", "W_h"])
def test_every_argument_may_be_of_any_order(which, order):
    gradients = []
    for odd in (False, True):
        values = arguments()
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
        gradients.append([hs.array, *(v.grad for v in variables)])
    for plain, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-13, atol=1e-14)


def test_a_state_may_be_broadcast_or_transposed():
    gru = GRU(5, N, dtype=np.float64)
    xs = arguments()[0]
    for state in (np.broadcast_to(np.ones(N), (B, N)), np.ones((N, B)).T):
        gru.cleargrads()
        gru.set_state(state)
        F.sum(gru(xs)).backward()
        assert np.isfinite(gru.W_h.grad).all()


def test_a_learned_initial_state_gets_its_gradient():
    x, _, w_x, w_h = (chainer.Variable(a) for a in arguments())
    h0 = chainer.Parameter(np.zeros(N))
    F.sum(gru_sequence(x, F.broadcast_to(h0, (B, N)), w_x, w_h)).backward()
    gradient = h0.grad.copy()
    step = np.zeros(N)
    step[1] = 1e-6
    above, below = (
        F.sum(gru_sequence(x, F.broadcast_to(chainer.Variable(s), (B, N)), w_x, w_h)).array
        for s in (step, -step)
    )
    assert gradient[1] == pytest.approx((above - below) / 2e-6, rel=1e-6)


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
