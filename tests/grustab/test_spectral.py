"""P_delta against a full SVD in float64, and against everything that might be nearer."""

import fbpca
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grustab.errors import NonFiniteMatrixError
from grustab.links import GRU
from grustab.projection.auto import AutoProjection
from grustab.projection.project import METHODS, TOLERANCE, project, within_cap
from tests.grustab.spectral_reference import (
    CAP,
    DELTA,
    SPECTRA,
    check,
    dtypes,
    exact,
    matrix,
    methods,
    rounding,
    singular_values,
)


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
    sigma_1 = singular_values(w)[0]
    assert sigma_1 - 1e-6 <= info.sigma_bound
    if info.sigma_before is not None:
        assert info.sigma_before == pytest.approx(sigma_1, rel=1e-5, abs=1e-15)
        assert info.sigma_bound == info.sigma_before


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
@pytest.mark.parametrize("factor", [0.5, 1 - 1e-4, 1 + 5e-6, 1 + 2e-5, 1.1, 10])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_within_cap_decides_at_the_tolerance(n, factor, dtype):
    w = matrix("few above", n)
    w = (w * (CAP * factor / singular_values(w)[0])).astype(dtype)
    assert within_cap(w, CAP) == (factor < 1 + TOLERANCE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_a_matrix_need_not_be_square(method, shape, size):
    a = size * np.random.default_rng(0).normal(size=shape)
    u, sigma, vt = np.linalg.svd(a, full_matrices=False)
    expected = (u * np.minimum(sigma, 0.5)) @ vt
    np.testing.assert_allclose(project(a, 1.5, method), expected, atol=1e-5)


@methods
@pytest.mark.parametrize(("dtype", "largest"), [(np.float32, 3e38), (np.float64, 1e308)])
def test_entries_at_the_end_of_the_range_are_projected(dtype, largest, method):
    """Their norms, and the largest singular value, leave it."""
    w = np.where(matrix("random", 60) > 0, largest, -largest).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        projected = project(w, DELTA, method)
    assert singular_values(projected)[0] <= CAP * (1 + TOLERANCE)
    direction = project((w / dtype(largest) * 1e10).astype(dtype), DELTA, method)
    np.testing.assert_allclose(projected, direction, rtol=0, atol=1e-3)


@pytest.fixture
def fast_routines_fail(monkeypatch):
    """Nothing of NumPy's that iterates converges."""
    calls = []

    def fail(*args, **options):
        calls.append(args)
        raise np.linalg.LinAlgError("did not converge")

    for name in ("svd", "eigh", "eigvals"):
        monkeypatch.setattr(np.linalg, name, fail)
    monkeypatch.setattr(fbpca, "pca", fail)
    return calls


@methods
@pytest.mark.parametrize("size", [1, 1e6])
def test_where_a_decomposition_does_not_converge_another_does(fast_routines_fail, method, size):
    w = size * matrix("few above", 60)
    expected, bounds = exact(w, CAP), singular_values(w)
    projected = project(w, DELTA, method, bounds=bounds if method == "truncated" else None)
    np.testing.assert_allclose(projected, expected, atol=1e-12 * size)
    assert len(fast_routines_fail) >= (2 if method == "truncated" else 1)


def test_following_a_matrix_goes_on_where_a_decomposition_does_not_converge(fast_routines_fail):
    auto, rng = AutoProjection(DELTA), np.random.default_rng(0)
    w = matrix("few above", 100)
    for _ in range(3):  # the first exactly, the others by a search
        w, _ = auto(w + 0.1 * np.outer(*rng.normal(size=(2, 100))))
        assert singular_values(w)[0] <= CAP * (1 + TOLERANCE)
    assert auto.counts["exact"] + auto.counts["subspace"] == 3
    assert len(fast_routines_fail) >= 3


def test_a_gru_begins_orthogonal_where_a_decomposition_does_not_converge(fast_routines_fail):
    w = GRU(3, 6, dtype=np.float64).W_hh
    np.testing.assert_allclose(w @ w.T, np.eye(6), atol=1e-14)
    assert fast_routines_fail
