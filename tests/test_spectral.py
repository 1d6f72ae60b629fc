"""P_delta against a full SVD in float64, and against everything that might be nearer."""

import functools

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grustab.errors import NonFiniteMatrixError
from grustab.spectral import METHODS, TOLERANCE, project, within_cap

DELTA, CAP = 0.2, 1.8
SPECTRA = {
    "random": None,
    "few above": lambda n: np.r_[[6.0, 4.0, 3.0][:n], np.linspace(1.7, 0.1, max(n - 3, 0))],
    "one far above": lambda n: np.r_[50.0, np.ones(n - 1)],
    "clustered at the cap": lambda n: np.linspace(CAP + 1e-3, CAP - 1e-3, n),
    "just at the cap": lambda n: np.full(n, CAP),
    "repeated above": lambda n: np.r_[np.full((n + 2) // 3, 2.5), np.ones(n - (n + 2) // 3)],
    "repeated below": lambda n: np.r_[2.5, np.full(n - 1, 1.7)],
    "rank-deficient": lambda n: np.r_[np.linspace(5, 1, (n + 1) // 2), np.zeros(n // 2)],
    "zero": lambda n: np.zeros(n),
    "all above": lambda n: np.linspace(3, 2, n),
    "all below": lambda n: np.linspace(1.79, 0.1, n),
    "tiny": lambda n: np.linspace(1e-12, 1e-15, n),
    "huge 1e6": lambda n: np.linspace(2e6, 1e6, n),
    "one huge": lambda n: np.r_[1e6, np.linspace(2, 1, n - 1)],
}
methods = pytest.mark.parametrize("method", METHODS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@functools.cache
def matrix(spectrum, n, dtype=np.float64):
    rng = np.random.default_rng(n)
    w = rng.normal(size=(n, n))
    if spectrum == "random":
        w *= 3 / np.sqrt(n)
    else:
        u, v = np.linalg.qr(w)[0], np.linalg.qr(rng.normal(size=(n, n)))[0]
        w = (u * SPECTRA[spectrum](n)) @ v
    w = w.astype(dtype)
    w.flags.writeable = False
    return w


def singular_values(w):
    return scipy.linalg.svdvals(w.astype(np.float64))


@functools.cache
def _svd(data, n):
    # gesvd, where project() uses NumPy's gesdd; too slow for large matrices.
    driver = "gesvd" if n <= 100 else "gesdd"
    return scipy.linalg.svd(np.frombuffer(data).reshape(n, n), lapack_driver=driver)


def exact(w, cap):
    u, sigma, vt = _svd(w.astype(np.float64).tobytes(), len(w))
    return (u * np.minimum(sigma, cap)) @ vt


def rounding(w, cap):
    """How far the exact projection of a matrix may move when its SVD is rounded.

    An SVD is exact for a matrix some eps ||W|| away, and P_delta, a projection onto a convex set,
    does not enlarge distances. Two SVDs are compared, hence 30 eps rather than the 12 seen.
    Above 4 * cap ``project`` leaves its dtype for float64.
    """
    eps, eps64 = np.finfo(w.dtype).eps, np.finfo(np.float64).eps
    norm = np.linalg.norm(w.astype(np.float64))
    return 30 * (eps * min(norm, 4 * cap * np.sqrt(len(w))) + eps64 * norm)


def check(w, delta, method, **options):
    """Everything promised of one projection; gives the projection and its info."""
    cap, before = 2 - delta, w.copy()
    projected, info = project(w, delta, method, return_info=True, **options)
    np.testing.assert_array_equal(w, before)
    assert (projected.shape, projected.dtype) == (w.shape, w.dtype)
    sigma = _svd(w.astype(np.float64).tobytes(), len(w))[1]
    assert singular_values(projected)[0] <= cap * (1 + TOLERANCE)

    excess = np.maximum(sigma - cap, 0)
    nearest, tol = np.linalg.norm(excess), rounding(w, cap)
    w64, p64 = w.astype(np.float64), projected.astype(np.float64)
    slack = cap * TOLERANCE * np.sqrt((sigma > cap).sum())
    # Lemma 5's distance; less only by what the tolerance on the cap allows.
    assert np.linalg.norm(w64 - p64) <= nearest * (1 + 1e-12) + tol
    assert np.linalg.norm(w64 - p64) >= nearest * (1 - 1e-12) - slack - tol
    if method == "truncated":
        # Pythagoras for the ball of radius cap (1 + 1e-5): of two matrices in it as good as
        # equally far from W, the nearer one has the other within sqrt(2 * distance * slack).
        tol += np.sqrt(2 * nearest * (slack + tol)) + slack
    assert np.linalg.norm(p64 - exact(w, cap)) <= tol
    return projected, info


@methods
@dtypes
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("n", [1, 2, 3, 7, 32, 100])
def test_is_the_nearest_matrix_within_the_cap(n, spectrum, dtype, method):
    check(matrix(spectrum, n, dtype), DELTA, method)


@pytest.mark.parametrize(
    ("n", "spectrum", "dtype", "method"),
    [
        *((257, s, np.float32, m) for s in ("random", "few above", "all above") for m in METHODS),
        (257, "clustered at the cap", np.float64, "naive"),
        (257, "clustered at the cap", np.float32, "truncated"),
        (257, "one huge", np.float64, "naive"),
        (257, "one huge", np.float32, "truncated"),
        (650, "few above", np.float32, "naive"),
        (650, "few above", np.float32, "truncated"),
        (650, "few above", np.float32, "auto"),
        (650, "clustered at the cap", np.float32, "naive"),
    ],
)
def test_is_the_nearest_matrix_at_the_papers_sizes(n, spectrum, dtype, method):
    check(matrix(spectrum, n, dtype), DELTA, method)


@methods
@dtypes
@pytest.mark.parametrize("delta", [1e-3, 0.5, 1.4, 1.99])
@pytest.mark.parametrize("spectrum", ["random", "few above", "one huge"])
def test_holds_for_other_margins(spectrum, delta, dtype, method):
    check(matrix(spectrum, 33, dtype), delta, method)


@methods
@pytest.mark.parametrize("n", [2, 7, 100])
def test_a_matrix_of_1e20_is_projected_onto_the_cap(n, method):
    w = matrix("all above", n) * 1e20
    projected = project(w, DELTA, method)
    assert singular_values(projected)[0] <= CAP * (1 + TOLERANCE)
    # Where all exceed the cap the answer is cap * U V^T, which does not feel the scale.
    direction = scipy.linalg.polar(matrix("all above", n))[0]
    np.testing.assert_allclose(projected, CAP * direction, rtol=0, atol=1e-12)


@methods
@pytest.mark.parametrize("n", [2, 7, 100])
def test_one_singular_value_of_1e20_among_small_ones_stays_within_the_cap(n, method):
    # The others are below the rounding of the first: nothing but the cap can be promised.
    projected = project(matrix("one far above", n) + 1e20 * np.eye(n)[:1], DELTA, method)
    assert singular_values(projected)[0] <= CAP * (1 + TOLERANCE)


@methods
@dtypes
@pytest.mark.parametrize("spectrum", ["all below", "zero", "tiny"])
@pytest.mark.parametrize("n", [1, 3, 32, 257])
def test_a_matrix_below_the_cap_is_given_back_itself(n, spectrum, dtype, method):
    w = matrix(spectrum, n, dtype)
    projected, info = project(w, DELTA, method, return_info=True)
    assert projected is w
    assert info.capped == 0
    assert singular_values(w)[0] - 1e-6 <= info.sigma_before
    assert info.sigma_after == pytest.approx(info.sigma_before)


@methods
@dtypes
@pytest.mark.parametrize("spectrum", ["random", "few above", "repeated above", "huge 1e6"])
def test_projecting_twice_changes_nothing_more(spectrum, dtype, method):
    once = project(matrix(spectrum, 60, dtype), DELTA, method)
    twice = project(once, DELTA, method)
    # Truncated may leave up to 1e-5 above the cap, in each of at most 60 singular values.
    tol = CAP * TOLERANCE * np.sqrt(60) if method == "truncated" else rounding(once, CAP)
    assert np.linalg.norm(twice - once) <= tol


squares = st.integers(1, 6).flatmap(
    lambda n: arrays(np.float64, (n, n), elements=st.floats(-5, 5, allow_subnormal=False))
)


@settings(max_examples=40, deadline=None)
@given(w=squares, delta=st.floats(0.01, 1.99), seed=st.integers(0, 99), t=st.floats(0, 1))
@methods
def test_no_other_matrix_within_the_cap_is_nearer(method, w, delta, seed, t):
    cap, rng = 2 - delta, np.random.default_rng(seed)
    projected, _ = check(w, delta, method)
    distance, slack = np.linalg.norm(w - projected), 1e-10
    for scale in (1e-3, 0.1, 3):
        other = exact(projected + scale * rng.normal(size=w.shape), cap)  # within the cap
        between = (1 - t) * projected + t * other
        assert np.linalg.norm(w - between) >= distance - slack - TOLERANCE * cap * len(w)
        if method == "naive":
            # So for every convex combination: W - P makes no acute angle with any way inside.
            assert ((w - projected) * (other - projected)).sum() <= slack


@methods
@dtypes
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_inf_are_counted_and_refused(bad, dtype, method):
    w = matrix("random", 7, dtype).copy()
    w[0, 0] = w[3, 4] = w[6, 1] = bad
    with pytest.raises(NonFiniteMatrixError, match="3 of its 49") as caught:
        project(w, DELTA, method)
    assert (caught.value.count, caught.value.size) == (3, 49)


@pytest.mark.parametrize("delta", [0, 2, -0.1, 2.5, np.nan, np.inf])
def test_delta_outside_its_range_is_refused(delta):
    with pytest.raises(ValueError, match="delta must lie between 0 and 2"):
        project(np.eye(3), delta)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 3)], ids=str)
def test_anything_but_a_matrix_is_refused(shape):
    with pytest.raises(ValueError, match="expected a float32 or float64 matrix"):
        project(np.ones(shape), DELTA)


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"naive, truncated.*'exact'"):
        project(np.eye(3), DELTA, "exact")


@dtypes
@pytest.mark.parametrize("wrong", ["zeros", "half", "one too few", "only the first"])
@pytest.mark.parametrize("spectrum", ["random", "few above", "repeated above", "all above"])
@pytest.mark.parametrize("n", [3, 32, 100])
def test_truncated_notices_bounds_that_are_too_low(n, spectrum, wrong, dtype):
    w = matrix(spectrum, n, dtype)
    sigma = singular_values(w)
    above = int((sigma > CAP).sum())
    bounds = {
        "zeros": np.zeros(n),
        "half": sigma / 2,
        "one too few": np.r_[sigma[: above - 1], np.zeros(n - above + 1)],
        "only the first": np.r_[sigma[0], np.zeros(n - 1)],
    }[wrong]
    check(w, DELTA, "truncated", bounds=bounds)


def test_truncated_computes_only_what_the_bounds_admit_where_the_gap_is_wide():
    w = matrix("few above", 257)
    _, info = check(w, DELTA, "truncated", bounds=singular_values(w))
    assert info.capped == 3
    assert info.computed < 257


def test_truncated_computes_nothing_where_the_bounds_exclude_an_excess():
    w = matrix("all below", 100)
    bounds = singular_values(w) + 0.005
    projected, info = project(w, DELTA, "truncated", bounds=bounds, return_info=True)
    assert projected is w
    assert (info.computed, info.capped) == (0, 0)
    assert info.sigma_before == info.sigma_after == bounds[0]


@methods
@dtypes
@pytest.mark.parametrize("bounds", [None, "Lemma 6"])
@pytest.mark.parametrize("spectrum", ["random", "few above", "one far above", "repeated below"])
@pytest.mark.parametrize("n", [3, 32, 257])
def test_info_tells_what_was_found_and_done(n, spectrum, bounds, dtype, method):
    w = matrix(spectrum, n, dtype)
    sigma = singular_values(w)
    bounds = None if bounds is None else sigma + 0.15
    projected, info = project(w, DELTA, method, bounds=bounds, return_info=True)
    after, tol = singular_values(projected), CAP * TOLERANCE
    assert info.sigma_before == pytest.approx(sigma[0], abs=tol, rel=1e-6)
    assert info.sigma_after == pytest.approx(after[0], abs=tol)
    assert info.sigma_after <= CAP * (1 + TOLERANCE)
    assert info.capped == (sigma > CAP).sum()
    assert info.computed >= info.capped
    if method == "auto":
        assert info.bounds is None
        return
    assert info.bounds.dtype == np.float64
    assert (info.bounds >= after - tol).all()
    assert (np.diff(info.bounds) <= 0).all()


@pytest.mark.parametrize("n", [32, 100])
def test_truncated_info_is_an_upper_estimate_where_nothing_had_to_be_capped(n):
    # Lemma 6 admits three above the cap, none is: sigma_1 is just below it, without a gap.
    w = matrix("all below", n)
    sigma = singular_values(w)
    bounds = np.r_[np.full(3, CAP + 0.1), np.minimum(sigma[3:] + 0.1, CAP)]
    projected, info = project(w, DELTA, "truncated", bounds=bounds, return_info=True)
    assert projected is w
    assert info.sigma_before >= sigma[0] - CAP * TOLERANCE
    assert (info.bounds >= sigma - CAP * TOLERANCE).all()


def test_truncated_draws_from_its_rng_and_leaves_numpys_global_state_alone():
    w = matrix("few above", 257, np.float32)
    bounds = singular_values(w)
    results = []
    for global_seed, seed in ((1, 3), (2, 3), (1, 4)):
        np.random.seed(global_seed)
        state = np.random.get_state()
        rng = np.random.default_rng(seed)
        results.append(project(w, DELTA, "truncated", bounds=bounds, rng=rng))
        for now, before in zip(np.random.get_state(), state, strict=True):
            np.testing.assert_array_equal(now, before)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


@dtypes
@pytest.mark.parametrize("factor", [0.5, 1 - 1e-4, 1 + 5e-6, 1 + 2e-5, 1.1, 10])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_within_cap_decides_at_the_tolerance(n, factor, dtype):
    w = matrix("few above", n)
    w = (w * (CAP * factor / singular_values(w)[0])).astype(dtype)
    assert within_cap(w, CAP) == (factor < 1 + TOLERANCE)
