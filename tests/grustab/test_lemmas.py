"""Lemmas of the supplement as properties of the functions and links; 5 is in projection/."""

import chainer
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grustab import stability
from grustab.links import GRU, StackedGRU

quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 6)


def square(n, bound=5.0):
    return arrays(np.float64, (n, n), elements=st.floats(-bound, bound, allow_subnormal=False))


squares = sizes.flatmap(square)


def make(n, seed, std=1.0, m=3):
    return GRU(m, n, std, np.random.default_rng(seed), np.float64)


def run(link, h, steps=1, m=3):
    """States (steps, B, n) without input from the states ``h`` (B, n) on."""
    link.set_state(h)
    with chainer.no_backprop_mode():
        width = len(h) if h.ndim == 2 else h.shape[1]
        return link(np.zeros((steps, width, m))).array


def finite_difference(f, n, eps=1e-5):
    """Jacobian at 0 of a function of rows; central, so exact to some eps^2."""
    return ((f(eps * np.eye(n)) - f(-eps * np.eye(n))) / (2 * eps)).T


def with_radius(n, seed, radius):
    """W_hh for which W / 4 + I / 2 has this spectral radius."""
    j = np.random.default_rng(seed).normal(size=(n, n))
    return 4 * (j * (radius / np.abs(np.linalg.eigvals(j)).max()) - np.eye(n) / 2)


@quick
@given(n=sizes, seed=seeds, std=st.floats(0, 100), layers=st.integers(1, 3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lemma_1_without_input_the_state_stays_exactly_zero(dtype, n, seed, std, layers):
    link = StackedGRU(3, n, layers, 0.0, std, np.random.default_rng(seed), dtype=dtype)
    link.set_state([np.tile(stability.fixed_point(n, dtype), (2, 1))] * layers)
    hs = link(np.zeros((20, 2, 3), dtype)).array
    np.testing.assert_array_equal(hs, np.zeros((20, 2, n)))


@quick
@given(n=sizes, seed=seeds, std=st.floats(0, 5))
def test_lemma_2_the_jacobian_at_zero_is_a_quarter_of_w_plus_half_of_i(n, seed, std):
    gru = make(n, seed, std)
    gru.W_hh = std * np.random.default_rng(seed).normal(size=(n, n))
    measured = finite_difference(lambda h: run(gru, h)[0], n)
    np.testing.assert_allclose(stability.jacobian(gru.W_hh), gru.W_hh / 4 + np.eye(n) / 2)
    # eps^2 = 1e-10 times third derivatives, which grow with the cube of the weights
    np.testing.assert_allclose(measured, stability.jacobian(gru.W_hh), atol=1e-8 * (1 + std) ** 3)


@quick
@given(n=sizes, seed=seeds, radius=st.floats(0.1, 0.9))
def test_lemma_2_small_states_die_out_where_the_radius_is_below_one(n, seed, radius):
    gru = make(n, seed)
    gru.W_hh = with_radius(n, seed, radius)
    assert stability.spectral_radius(stability.jacobian(gru.W_hh)) == pytest.approx(radius)
    h0 = 1e-9 * np.random.default_rng(seed).normal(size=(1, n))
    assert np.linalg.norm(run(gru, h0, 400)[-1]) < 1e-3 * np.linalg.norm(h0)


@quick
@given(n=sizes, seed=seeds, radius=st.floats(1.1, 2))
def test_lemma_2_small_states_grow_where_the_radius_is_above_one(n, seed, radius):
    gru = make(n, seed)
    gru.W_hh = with_radius(n, seed, radius)
    h0 = 1e-9 * np.random.default_rng(seed).normal(size=(1, n))
    assert np.abs(run(gru, h0, 400)).max() > 1e3 * np.linalg.norm(h0)


@quick
@given(w=squares, sigma_1=st.floats(0, 1.999))
def test_lemma_3_sigma_1_below_two_keeps_the_radius_below_one(w, sigma_1):
    norm = stability.largest_singular_value(w)
    assume(norm > 1e-6)
    w = w * (sigma_1 / norm)
    bound = stability.spectral_radius_bound(stability.largest_singular_value(w))
    assert stability.spectral_radius(stability.jacobian(w)) <= bound + 1e-14 * len(w)
    assert bound < 1


@quick
@given(w=squares)
def test_lemma_3_eigenvalues_are_bounded_by_singular_values(w):
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(w)))[::-1]
    sigma = np.linalg.svd(w, compute_uv=False)
    # Computed eigenvalues are exact for a matrix some eps * ||w|| away.
    tol = 1e-13 * (1 + sigma[0]) * len(w)
    assert (np.cumsum(eigenvalues) <= np.cumsum(sigma) + tol).all()
    assert stability.spectral_radius(w) <= stability.largest_singular_value(w) + tol
    assert stability.largest_singular_value(w) == pytest.approx(sigma[0])


@pytest.mark.parametrize("sigma_1", [1.999, 2.001])
def test_lemma_3_two_is_the_threshold(sigma_1):
    w = sigma_1 * np.eye(4)  # its eigenvalues are its singular values
    assert (stability.spectral_radius(stability.jacobian(w)) < 1) == (sigma_1 < 2)


N, LAYERS = 4, 3


def stacked(seed):
    link = StackedGRU(3, N, LAYERS, 0.0, 0.5, np.random.default_rng(seed), dtype=np.float64)
    rng = np.random.default_rng(seed)
    for layer in link:
        layer.W_hh = rng.normal(size=(N, N))
    return link, [layer.W_hh for layer in link], [layer.W_xh for layer in link]


def measured_jacobian(link):
    """d h_t / d h_(t-1) of all layers at zero, by finite differences."""

    def f(h):
        link.set_state(np.split(h, LAYERS, axis=1))
        link(np.zeros((1, len(h), 3)))
        return np.concatenate([layer.h for layer in link], axis=1)

    return finite_difference(f, N * LAYERS)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_lemma_4_stacked_jacobian_is_the_links(seed):
    link, w_hh, w_xh = stacked(seed)
    jacobian = stability.stacked_jacobian(w_hh, w_xh)
    np.testing.assert_allclose(jacobian, measured_jacobian(link), rtol=0, atol=1e-8)


@quick
@given(seed=seeds)
def test_lemma_4_radius_is_the_largest_of_the_layers(seed):
    _, w_hh, w_xh = stacked(seed)
    radius = stability.spectral_radius(stability.stacked_jacobian(w_hh, w_xh))
    layers = [stability.spectral_radius(stability.jacobian(w)) for w in w_hh]
    # A block triangular matrix is far from normal: its eigenvalues move by more than eps.
    assert radius == pytest.approx(max(layers), rel=1e-6)


def test_lemma_4_layers_may_differ_in_size():
    rng = np.random.default_rng(0)
    w_hh = [rng.normal(size=(n, n)) for n in (2, 4, 3)]
    w_xh = [rng.normal(size=shape) for shape in ((2, 5), (4, 2), (3, 4))]
    jacobian = stability.stacked_jacobian(w_hh, w_xh)
    a, b = [w / 4 + np.eye(len(w)) / 2 for w in w_hh], [w / 2 for w in w_xh]
    expected = np.block([
        [a[0], np.zeros((2, 4)), np.zeros((2, 3))],
        [b[1] @ a[0], a[1], np.zeros((4, 3))],
        [b[2] @ b[1] @ a[0], b[2] @ a[1], a[2]],
    ])  # fmt: skip
    np.testing.assert_allclose(jacobian, expected, rtol=0, atol=1e-14)


def equation_11_as_printed(a, b, layer, d):
    """Sum over p of B_l .. B_(l-p+1) A_(l-p) B_(l-p) .. B_(l-d+1), letter by letter."""
    total = np.zeros((N, N))
    for p in range(d + 1):
        term = np.eye(N)
        for k in range(p):  # product of k = 0 ... p - 1
            term = term @ b[layer - k]
        term = term @ a[layer - p]
        for q in range(d - p):  # product of q = 0 ... -p + d - 1
            term = term @ b[layer - p - q]
        total += term
    return total


def product_formula(a, b, layer, d):
    """B_l B_(l-1) ... B_(l-d+1) A_(l-d)."""
    term = np.eye(N)
    for k in range(d):
        term = term @ b[layer - k]
    return term @ a[layer - d]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("layer", "d"), [(1, 1), (2, 1), (2, 2)])
def test_equation_11_as_printed_is_not_the_jacobian_but_the_product_is(layer, d, seed):
    """A slip of the supplement, kept visible; Lemma 4 needs the diagonal blocks only."""
    link, w_hh, w_xh = stacked(seed)
    a, b = [w / 4 + np.eye(N) / 2 for w in w_hh], [w / 2 for w in w_xh]
    rows, columns = (slice(i * N, (i + 1) * N) for i in (layer, layer - d))
    block = measured_jacobian(link)[rows, columns]
    assert np.abs(equation_11_as_printed(a, b, layer, d) - block).max() > 0.1
    np.testing.assert_allclose(product_formula(a, b, layer, d), block, rtol=0, atol=1e-8)
    # Without off-diagonal factors it would be right: the diagonal blocks are.
    np.testing.assert_array_equal(equation_11_as_printed(a, b, layer, 0), a[layer])


@quick
@given(pair=sizes.flatmap(lambda n: st.tuples(square(n), square(n))), scale=st.floats(0, 3))
def test_lemma_6_a_step_moves_singular_values_by_at_most_its_norm(pair, scale):
    w, step = pair[0], scale * pair[1]
    before = np.linalg.svd(w, compute_uv=False)
    after = np.linalg.svd(w + step, compute_uv=False)
    bounds = stability.singular_value_bounds(before, np.linalg.norm(step))
    assert (after <= bounds + 1e-13 * (1 + bounds[0])).all()
    np.testing.assert_array_equal(bounds, before + np.linalg.norm(step))


# What the lemmas leave open


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "explodes"), [(1, False), (10, True)])
def test_away_from_zero_large_gate_matrices_explode_below_the_cap(scale, explodes, seed):
    """sigma_1(W_hh) is 1.8 in both cases, so ``h = 0`` is stable; inputs keep the state from it."""
    n, steps = 20, 35
    rng = np.random.default_rng(seed)
    gru = make(n, seed, std=1 / np.sqrt(n), m=n)
    gru.W_hh = 1.8 * np.linalg.qr(rng.normal(size=(n, n)))[0]
    gru.W_hr, gru.W_hz, gru.W_xh = scale * gru.W_hr, scale * gru.W_hz, 3 * gru.W_xh
    assert stability.largest_singular_value(gru.W_hh) == pytest.approx(1.8)
    assert stability.spectral_radius(stability.jacobian(gru.W_hh)) < 0.96
    product, h = np.eye(n), np.zeros((1, n))
    eps = 1e-6 * np.eye(n)
    for x in rng.normal(size=(steps, 1, 1, n)):
        xs = np.repeat(x, 2 * n, axis=1)
        with chainer.no_backprop_mode():
            gru.set_state(np.concatenate([h + eps, h - eps]))
            ends = gru(xs).array[0]
            gru.set_state(h)
            h = gru(x).array[0]
        product = (ends[:n] - ends[n:]).T / 2e-6 @ product
    growth = np.linalg.norm(product, 2)
    assert growth > 100 if explodes else growth < 1e-3
