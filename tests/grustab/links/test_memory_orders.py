"""States and weights in any order of memory: the products inside ask for one of their own."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from grustab.functions import gru_sequence
from grustab.links import GRU

N, B, T = 4, 3, 5


def arrays():
    rng = np.random.default_rng(0)
    shapes = ((T, B, 2), (B, N), (3 * N, 2), (3 * N, N))
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("order", ["fortran", "strided", "reversed"])
@pytest.mark.parametrize("which", range(4), ids=["x", "h0", "W_x", "W_h"])
def test_every_argument_may_be_of_any_order(which, order):
    gradients = []
    for odd in (False, True):
        values = arrays()
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
    gru = GRU(2, N, dtype=np.float64)
    xs = arrays()[0]
    for state in (np.broadcast_to(np.ones(N), (B, N)), np.ones((N, B)).T):
        gru.cleargrads()
        gru.set_state(state)
        F.sum(gru(xs)).backward()
        assert np.isfinite(gru.W_h.grad).all()


def test_a_learned_initial_state_gets_its_gradient():
    x, _, w_x, w_h = (chainer.Variable(a) for a in arrays())
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
