"""Lemmas of the supplement as properties of the functions and links; 5 is in projection/."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grustab import stability
from grustab.links import GRU, StackedGRU
from tests.grustab.test_stability_away_from_zero import states_after

quick = settings(max_examples=40)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 6)


def square(n):
    return arrays(np.float64, (n, n), elements=st.floats(-5, 5, allow_subnormal=False))


squares = sizes.flatmap(square)


@quick
@given(n=sizes, seed=seeds, std=st.floats(0, 100), layers=st.integers(1, 3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lemma_1_without_input_the_state_stays_exactly_zero(dtype, n, seed, std, layers):
    link = StackedGRU(3, n, layers, 0.0, std, np.random.default_rng(seed), dtype=dtype)
    link.set_state([np.zeros((2, n), dtype)] * layers)
    hs = link(np.zeros((20, 2, 3), dtype)).array
    np.testing.assert_array_equal(hs, np.zeros((20, 2, n)))


def finite_difference(f, n, eps=1e-5):
    """Jacobian at 0 of a function of rows; central, so exact to some eps^2."""
    return ((f(eps * np.eye(n)) - f(-eps * np.eye(n))) / (2 * eps)).T


@quick
@given(n=sizes, seed=seeds, std=st.floats(0, 5))
def test_lemma_2_the_jacobian_at_zero_is_a_quarter_of_w_plus_half_of_i(n, seed, std):
    gru = GRU(3, n, std, np.random.default_rng(seed), np.float64)
    gru.W_hh = std * np.random.default_rng(seed).normal(size=(n, n))
    measured = finite_difference(lambda h: states_after(gru, np.zeros((1, n, 3)), h)[0], n)
    np.testing.assert_allclose(stability.jacobian(gru.W_hh), gru.W_hh / 4 + np.eye(n) / 2)
    # eps^2 = 1e-10 times third derivatives, which grow with the cube of the weights
    np.testing.assert_allclose(measured, stability.jacobian(gru.W_hh), atol=1e-8 * (1 + std) ** 3)


@quick
@given(n=sizes, seed=seeds, radius=st.floats(0.1, 0.9) | st.floats(1.1, 2))
def test_lemma_2_small_states_die_out_where_the_radius_is_below_one_and_grow_above(n, seed, radius):
    gru = GRU(3, n, 1.0, np.random.default_rng(seed), np.float64)
    j = np.random.default_rng(seed).normal(size=(n, n))
    gru.W_hh = 4 * (j * (radius / np.abs(np.linalg.eigvals(j)).max()) - np.eye(n) / 2)
    assert stability.spectral_radius(stability.jacobian(gru.W_hh)) == pytest.approx(radius)
    h0 = 1e-9 * np.random.default_rng(seed).normal(size=(1, n))
    states = states_after(gru, np.zeros((400, 1, 3)), h0)
    norms = np.linalg.norm(states, axis=(1, 2)) / np.linalg.norm(h0)
    assert norms[-1] < 1e-3 if radius < 1 else norms.max() > 1e3


@quick
@given(w=squares, sigma_1=st.floats(0, 1.999))
def test_lemma_3_sigma_1_below_two_keeps_the_radius_below_one(w, sigma_1):
    norm = stability.largest_singular_value(w)
    assume(norm > 1e-6)
    w = w * (sigma_1 / norm)
    bound = stability.spectral_radius_bound(stability.largest_singular_value(w))
    assert stability.spectral_radius(stability.jacobian(w)) <= bound + 1e-14 * len(w)
    assert stability.spectral_radius(w) <= stability.largest_singular_value(w) + 1e-13 * len(w)
    assert bound < 1


@pytest.mark.parametrize("sigma_1", [1.999, 2.001])
def test_lemma_3_two_is_the_threshold(sigma_1):
    w = sigma_1 * np.eye(4)  # its eigenvalues are its singular values
    assert (stability.spectral_radius(stability.jacobian(w)) < 1) == (sigma_1 < 2)


SIZES = (2, 4, 3)


def stacked(seed):
    """Layers one above the other, and the factors A and B of their Jacobian."""
    rng = np.random.default_rng(seed)
    layers = [GRU(m, n, 0.9, rng, np.float64) for m, n in zip((3, *SIZES), SIZES)]
    for layer, n in zip(layers, SIZES, strict=True):
        layer.W_hh = rng.normal(size=(n, n))
    a = [layer.W_hh / 4 + np.eye(n) / 2 for layer, n in zip(layers, SIZES, strict=True)]
    return layers, a, [layer.W_xh / 2 for layer in layers]


PLACES = np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])


def measured_jacobian(layers):
    """d h_t / d h_(t-1) of all layers at zero, by finite differences."""

    def f(h):
        hs = [np.zeros((1, len(h), 3))]
        for layer, place in zip(layers, PLACES, strict=True):
            layer.set_state(h[:, place])
            hs.append(layer(hs[-1]).array)
        return np.concatenate(hs[1:], axis=2)[0]

    return finite_difference(f, sum(SIZES))


@settings(max_examples=20)
@given(seed=seeds)
def test_lemma_4_stacked_jacobian_is_the_links_and_its_radius_the_largest_of_the_layers(seed):
    layers, a, _ = stacked(seed)
    jacobian = stability.stacked_jacobian(*zip(*((x.W_hh, x.W_xh) for x in layers)))
    np.testing.assert_allclose(jacobian, measured_jacobian(layers), rtol=0, atol=1e-7)
    # A block triangular matrix is far from normal: its eigenvalues move by more than eps.
    radius = max(stability.spectral_radius(block) for block in a)
    assert stability.spectral_radius(jacobian) == pytest.approx(radius, rel=1e-6)


def equation_11_as_printed(a, b, layer, d):
    """Sum over p of B_l .. B_(l-p+1) A_(l-p) B_(l-p) .. B_(l-d+1), letter by letter."""
    total = 0
    for p in range(d + 1):
        term = np.eye(SIZES[layer])
        for k in range(p):  # product of k = 0 ... p - 1
            term = term @ b[layer - k]
        term = term @ a[layer - p]
        for q in range(d - p):  # product of q = 0 ... -p + d - 1
            term = term @ b[layer - p - q]
        total += term
    return total


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("layer", "d"), [(1, 1), (2, 1), (2, 2)])
def test_equation_11_as_printed_is_not_the_jacobian_but_the_product_is(layer, d, seed):
    """A slip of the supplement, kept visible; Lemma 4 needs the diagonal blocks only."""
    layers, a, b = stacked(seed)
    block = measured_jacobian(layers)[np.ix_(PLACES[layer], PLACES[layer - d])]
    assert np.abs(equation_11_as_printed(a, b, layer, d) - block).max() > 0.1
    product = a[layer - d]  # B_l B_(l-1) ... B_(l-d+1) A_(l-d)
    for k in reversed(range(d)):
        product = b[layer - k] @ product
    np.testing.assert_allclose(product, block, rtol=0, atol=1e-8)


@quick
@given(pair=sizes.flatmap(lambda n: st.tuples(square(n), square(n))), scale=st.floats(0, 3))
def test_lemma_6_a_step_moves_singular_values_by_at_most_its_norm(pair, scale):
    w, step = pair[0], scale * pair[1]
    before = np.linalg.svd(w, compute_uv=False)
    after = np.linalg.svd(w + step, compute_uv=False)
    bounds = stability.singular_value_bounds(before, np.linalg.norm(step))
    assert (after <= bounds + 1e-13 * (1 + bounds[0])).all()
    np.testing.assert_array_equal(bounds, before + np.linalg.norm(step))
