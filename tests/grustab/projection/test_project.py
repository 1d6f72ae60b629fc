"""P_delta, each way to it, against a full SVD in float64 and everything that might be nearer."""

import itertools

import fbpca
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from grustab.errors import NonFiniteMatrixError
from grustab.links import GRU
from grustab.projection.auto import AutoProjection
from grustab.projection.cap import METHODS, TOLERANCE, within_cap
from grustab.projection.project import project
from tests.grustab.projection.reference import (
    CAP,
    DELTA,
    SPECTRA,
    WAYS,
    check,
    check_info,
    dtypes,
    exact,
    matrix,
    methods,
    singular_values,
    ways,
)
from tests.grustab.test_lemmas import squares

#: Sizes, spectra, dtypes and margins; the last are of the paper's size.
CASES = [
    *itertools.product((1, 2, 3, 7, 32, 100), SPECTRA, "fd", (DELTA,)),
    *itertools.product((33,), ("random", "few above", "one huge"), "fd", (1e-3, 0.5, 1.4, 1.99)),
    *(
        (257, spectrum, "f", DELTA)
        for spectrum in ("random", "few above", "all above", "all below")
    ),
    *((257, spectrum, "d", DELTA) for spectrum in ("clustered at the cap", "one huge")),
    (650, "few above", "f", DELTA),
]


def project_and_check(way, w, delta, **options):
    def call(w):
        if options:
            return project(w, delta, way, return_info=True, **options)
        return WAYS[way](w, delta)

    return check(call, w, delta, way.removeprefix("extension, "))


@pytest.mark.parametrize(
    ("way", "n", "spectrum", "dtype", "delta"),
    # By the extension as by the function, to the bit: some tell what it does around it.
    [(way, *case) for way in WAYS for case in CASES if way in METHODS or case[0] in (7, 33)],
)
def test_is_the_nearest_matrix_within_the_cap(way, n, spectrum, dtype, delta):
    w = matrix(spectrum, n, np.dtype(dtype))
    check_info(w, *project_and_check(way, w, delta), 2 - delta)


@ways
@pytest.mark.parametrize("n", [2, 7, 100])
def test_one_singular_value_of_1e20_among_small_ones_stays_within_the_cap(n, way):
    # The others are below the rounding of the first: nothing but the cap can be promised.
    projected, _ = WAYS[way](matrix("one far above", n) + 1e20 * np.eye(n)[:1], DELTA)
    assert singular_values(projected)[0] <= CAP * (1 + TOLERANCE)


@ways
@pytest.mark.parametrize("largest", [1e20, 3e38, 1e308])
def test_huge_entries_up_to_the_end_of_the_range_are_projected(largest, way):
    """Their norms, and the largest singular value, leave it."""
    sign = np.where(matrix("random", 60) > 0, 1.0, -1.0)
    w = (largest * sign).astype(np.float32 if largest < 1e300 else np.float64)
    with np.errstate(all="raise", under="ignore"):
        projected, _ = WAYS[way](w, DELTA)
    # Where all exceed the cap the answer is cap * U V^T, which does not feel the scale.
    np.testing.assert_allclose(projected, CAP * scipy.linalg.polar(sign)[0], rtol=0, atol=1e-6)


@methods
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_a_matrix_need_not_be_square(method, shape, size):
    a = size * np.random.default_rng(0).normal(size=shape)
    u, sigma, vt = np.linalg.svd(a, full_matrices=False)
    expected = (u * np.minimum(sigma, 0.5)) @ vt
    np.testing.assert_allclose(project(a, 1.5, method), expected, atol=1e-5)


@settings(max_examples=40)
@given(w=squares, delta=st.floats(0.01, 1.99), seed=st.integers(0, 99), t=st.floats(0, 1))
@ways
def test_no_other_matrix_within_the_cap_is_nearer(way, w, delta, seed, t):
    """Lemma 5."""
    cap, rng = 2 - delta, np.random.default_rng(seed)
    projected, _ = project_and_check(way, w, delta)
    distance, slack = np.linalg.norm(w - projected), 1e-10
    for scale in (1e-3, 0.1, 3):
        other = exact(projected + scale * rng.normal(size=w.shape), cap)  # within the cap
        between = (1 - t) * projected + t * other
        assert np.linalg.norm(w - between) >= distance - slack - TOLERANCE * cap * len(w)
        if "naive" in way:
            # So for every convex combination: W - P makes no acute angle with any way inside.
            assert ((w - projected) * (other - projected)).sum() <= slack


@ways
@dtypes
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_inf_are_counted_and_refused(bad, dtype, way):
    w = matrix("random", 7, dtype).copy()
    w[0, 0] = w[3, 4] = w[6, 1] = bad
    with pytest.raises(NonFiniteMatrixError, match="3 of its 49"):
        WAYS[way](w, DELTA)


@pytest.mark.parametrize("way", [*WAYS, "followed"])
@pytest.mark.parametrize("delta", [0, 2, -0.1, 2.5, np.nan, np.inf, "0.2", None])
def test_delta_outside_its_range_is_refused(delta, way):
    call = WAYS.get(way, lambda w, delta: AutoProjection(delta)(w))
    with pytest.raises(ValueError, match="delta must lie between 0 and 2"):
        call(np.eye(3, dtype="f"), delta)


@pytest.mark.parametrize(
    "w", [np.ones(()), np.ones(3), np.ones((2, 3, 3)), np.ones((0, 3)), np.eye(3, dtype="e")]
)
def test_anything_but_a_matrix_of_floats_is_refused(w):
    for call in (lambda w: project(w, DELTA), AutoProjection(DELTA)):
        with pytest.raises(ValueError, match="expected a float32 or float64 matrix"):
            call(w)


@dtypes
@pytest.mark.parametrize("factor", [0.5, 1 - 1e-4, 1 + 5e-6, 1 + 2e-5, 1.1, 10])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_within_cap_decides_at_the_tolerance(n, factor, dtype):
    w = matrix("few above", n)
    w = (w * (CAP * factor / singular_values(w)[0])).astype(dtype)
    assert within_cap(w, CAP) == (factor < 1 + TOLERANCE)


SOME = ("random", "few above", "one far above", "repeated above", "repeated below", "all below")


@dtypes
@pytest.mark.parametrize("bounds", ["Lemma 6", "zeros", "half", "one too few", "only the first"])
@pytest.mark.parametrize("spectrum", [*SOME, "all above"])
@pytest.mark.parametrize("n", [3, 32, 257])
def test_truncated_uses_bounds_and_notices_those_that_are_too_low(n, spectrum, bounds, dtype):
    w = matrix(spectrum, n, dtype)
    sigma = singular_values(w)
    keep = {"one too few": int((sigma > CAP).sum()) - 1, "only the first": 1, "zeros": 0}
    right, given = bounds == "Lemma 6", sigma + 0.15
    if not right:
        given = sigma / 2 if bounds == "half" else np.where(np.arange(n) < keep[bounds], sigma, 0)
    done = project_and_check("truncated", w, DELTA, bounds=given)
    if right:
        check_info(w, *done, CAP)


def test_truncated_computes_only_what_the_bounds_admit():
    w = matrix("few above", 257)
    _, info = project_and_check("truncated", w, DELTA, bounds=singular_values(w))
    assert info.capped == 3
    assert info.computed < 257
    bounds = singular_values(matrix("all below", 100)) + 0.005  # nothing can exceed the cap
    _, info = project_and_check("truncated", matrix("all below", 100), DELTA, bounds=bounds)
    assert info[:4] == (None, bounds[0], 0, 0)


@pytest.mark.parametrize("method", ["truncated", "auto"])
def test_only_the_seed_of_its_generator_decides_the_result(method):
    w = matrix("few above", 257, np.float32)
    results = []
    for global_seed, rng in ((1, 3), (2, np.random.default_rng(3)), (1, 4)):
        np.random.seed(global_seed)
        state = np.random.get_state()
        if method == "auto":
            auto = AutoProjection(DELTA, rng)
            auto(w / 2)
            projected, _ = auto(w / 2)
            assert auto.counts["subspace"] == 1
        else:
            projected = project(w, DELTA, method, bounds=singular_values(w), rng=rng)
        results.append(projected)
        np.testing.assert_equal(np.random.get_state(), state)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


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


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 1e6])
def test_where_a_decomposition_does_not_converge_another_does(fast_routines_fail, method, size):
    w = size * matrix("few above", 60)
    expected, bounds = exact(w, CAP), singular_values(w)
    projected = project(w, DELTA, method, bounds=bounds if method == "truncated" else None)
    np.testing.assert_allclose(projected, expected, atol=1e-12 * size)
    assert len(fast_routines_fail) >= (2 if method == "truncated" else 1)


@pytest.mark.parametrize(("size", "exactly"), [(1.8, 3), (0.75, 1)])  # many or few near the cap
def test_following_goes_on_where_a_decomposition_does_not_converge(
    fast_routines_fail, size, exactly
):
    auto, rng = AutoProjection(DELTA), np.random.default_rng(0)
    w = size * matrix("few above", 150)
    for _ in range(3):
        w, _ = auto(w + 0.01 * np.outer(*rng.normal(size=(2, 150))))
        assert singular_values(w)[0] <= CAP * (1 + TOLERANCE)
    assert (auto.counts["exact"], auto.counts["subspace"]) == (exactly, 3 - exactly)
    assert len(fast_routines_fail) >= 3


def test_a_gru_begins_orthogonal_where_a_decomposition_does_not_converge(fast_routines_fail):
    w = GRU(3, 6, dtype=np.float64).W_hh
    np.testing.assert_allclose(w @ w.T, np.eye(6), atol=1e-14)
    assert fast_routines_fail
