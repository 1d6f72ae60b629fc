"""The Jacobian at any state and input, and the exponents along a sequence."""

import chainer
import numpy as np
import pytest

from grustab import stability
from grustab.links import GRU

N, M, B = 5, 3, 2
PATHS = ("z", "r", "candidate")


def make(seed=0, std=1.0, steps=4):
    """Weights, inputs (T, B, m) and states (B, n) in float64."""
    rng = np.random.default_rng(seed)
    gru = GRU(M, N, std, rng, np.float64)
    gru.W_hh = rng.normal(0, 2, (N, N))
    return gru, rng.normal(size=(steps, B, M)), rng.normal(size=(B, N))


def weights(gru):
    return gru.W_x.array, gru.W_h.array


def states_after(gru, xs, h):
    gru.set_state(h)
    with chainer.no_backprop_mode():
        return gru(xs).array


@pytest.mark.parametrize("std", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_jacobian_is_that_of_finite_differences(seed, std):
    gru, xs, h = make(seed, std)
    eps = 1e-6 * np.eye(N)
    for b in range(B):
        x = np.repeat(xs[:1, b : b + 1], 2 * N, axis=1)
        ends = states_after(gru, x, np.concatenate([h[b] + eps, h[b] - eps]))[0]
        measured = (ends[:N] - ends[N:]).T / 2e-6
        exact = stability.jacobian_at(xs[0], h, *weights(gru))[b]
        np.testing.assert_allclose(exact, measured, rtol=0, atol=1e-8 * (1 + std) ** 2)


def test_at_zero_it_is_lemma_2s_and_the_gates_have_no_part_in_it():
    gru, _, _ = make()
    zeros = np.zeros((1, M)), np.zeros((1, N))
    for cut in ((), ("z",), ("r",), ("z", "r")):
        (exact,) = stability.jacobian_at(*zeros, *weights(gru), cut)
        np.testing.assert_allclose(exact, stability.jacobian(gru.W_hh), rtol=0, atol=1e-15)


def test_the_terms_of_the_paths_add_up():
    gru, xs, h = make()
    jacobian = {
        cut: stability.jacobian_at(xs[0], h, *weights(gru), cut)
        for cut in ((), PATHS, *((path,) for path in PATHS))
    }
    terms = sum(jacobian[()] - jacobian[path,] for path in PATHS)
    np.testing.assert_allclose(jacobian[()], jacobian[PATHS] + terms, rtol=0, atol=1e-14)
    assert all(np.abs(jacobian[()] - jacobian[path,]).max() > 0.01 for path in PATHS)
    kept = jacobian[PATHS] * np.eye(N)  # z alone: a diagonal of numbers between 0 and 1
    np.testing.assert_array_equal(jacobian[PATHS], kept)
    with pytest.raises(ValueError, match=r"z, r and candidate, got \['reset'\]"):
        stability.jacobian_at(xs[0], h, *weights(gru), ("r", "reset"))


@pytest.mark.parametrize("cut", [(), ("z", "r"), PATHS], ids=str)
def test_the_exponent_is_that_of_the_product_of_jacobians(cut):
    gru, xs, h = make(steps=6)
    product = np.eye(N)
    for x, before in zip(xs, [h, *states_after(gru, xs, h)], strict=False):
        product = stability.jacobian_at(x, before, *weights(gru), cut) @ product
    norms = np.linalg.norm(product, 2, axis=(1, 2))
    exponents = stability.largest_lyapunov_exponent(xs, h, *weights(gru), cut=cut)
    np.testing.assert_allclose(exponents, np.log(norms) / 6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.01, 1, 20])
def test_at_zero_the_limit_is_the_logarithm_of_the_spectral_radius(scale, dtype):
    """Over 2,000 steps at radius 5 the product itself would leave the range of any dtype."""
    gru, _, _ = make()
    gru.W_hh = scale * np.eye(N) + np.triu(np.ones((N, N)), 1)
    inputs = np.zeros((2000, 1, M), dtype), np.zeros((1, N), dtype)
    w_x, w_h = (w.astype(dtype) for w in weights(gru))
    (exponent,) = stability.largest_lyapunov_exponent(*inputs, w_x, w_h)
    radius = stability.spectral_radius(stability.jacobian(gru.W_hh))
    # A triangular matrix is not normal: its powers have a factor that grows with T^4.
    assert exponent == pytest.approx(np.log(radius), abs=0.03)


def test_half_precision_is_close():
    gru, xs, h = make()
    given = (xs, h, *weights(gru))
    half = stability.largest_lyapunov_exponent(*(a.astype(np.float16) for a in given))
    assert half.dtype == np.float16
    exact = stability.largest_lyapunov_exponent(*given)
    np.testing.assert_allclose(half, exact, rtol=0, atol=0.01)


def test_a_layer_that_forgets_all_has_an_exponent_of_minus_infinity():
    gru, xs, h = make()
    gru.W_xz = np.full((N, M), -1e9)  # z = 0 for a positive input
    gru.W_hh = np.zeros((N, N))
    exponents = stability.largest_lyapunov_exponent(np.abs(xs), h, *weights(gru))
    np.testing.assert_array_equal(exponents, [-np.inf] * B)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "explodes"), [(1, False), (10, True)])
def test_large_gate_matrices_explode_below_the_cap(scale, explodes, seed):
    """sigma_1(W_hh) is 1.8 in both cases, so ``h = 0`` is stable; inputs keep the state from it."""
    n, steps = 20, 35
    rng = np.random.default_rng(seed)
    gru = GRU(n, n, 1 / np.sqrt(n), rng, np.float64)
    gru.W_hh = 1.8 * np.linalg.qr(rng.normal(size=(n, n)))[0]
    gru.W_hr, gru.W_hz, gru.W_xh = scale * gru.W_hr, scale * gru.W_hz, 3 * gru.W_xh
    assert stability.spectral_radius(stability.jacobian(gru.W_hh)) < 0.96
    xs = rng.normal(size=(steps, 1, n))
    (exponent,) = stability.largest_lyapunov_exponent(xs, np.zeros((1, n)), *weights(gru))
    growth = np.exp(steps * exponent)
    assert growth > 100 if explodes else growth < 1e-3
