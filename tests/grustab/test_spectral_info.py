"""What the truncated method makes of bounds, and what a projection tells of itself."""

import numpy as np
import pytest

from grustab.projection.project import TOLERANCE, project
from tests.grustab.spectral_reference import (
    CAP,
    DELTA,
    check,
    dtypes,
    matrix,
    methods,
    singular_values,
)


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
    assert (info.sigma_before, info.sigma_bound) == (None, bounds[0])


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
    assert info.sigma_bound == pytest.approx(after[0], abs=tol)
    assert info.sigma_bound <= CAP * (1 + TOLERANCE)
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
    assert info.sigma_before is None or info.sigma_before == pytest.approx(sigma[0])
    assert info.sigma_bound >= sigma[0] - CAP * TOLERANCE
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
