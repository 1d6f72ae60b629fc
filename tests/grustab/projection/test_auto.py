"""P_delta of a changing matrix: every step against a full SVD in float64."""

import itertools
import warnings

import numpy as np
import pytest

from grustab.projection import subspace
from grustab.projection.auto import DEGREES, FOLLOWED, AutoProjection, margin_of
from grustab.projection.cap import TOLERANCE
from tests.grustab.projection.reference import check, check_info, dtypes, orthogonal


def with_top(rng, n, *top):
    """A matrix of new singular vectors with these largest singular values, a gap, and a bulk."""
    sigma = np.r_[top[:n], np.linspace(0.86, 0.1, max(n - len(top), 0))]
    return (orthogonal(rng, n) * sigma) @ orthogonal(rng, n)


def training(size, noise, crowd=0):
    def step(rng, n, i, last):
        if last is None:
            return with_top(rng, n, 0.99, *np.linspace(1, 0.9, int(crowd * n)))
        u, v = rng.normal(size=(2, n, 3))
        return last + size * u @ v.T / n + noise * rng.normal(size=(n, n)) / np.sqrt(n)

    return step


EDGES = [*FOLLOWED, *map(margin_of, FOLLOWED), 1]
#: Largest singular values, over the cap, of call i; the vectors are new ones in each.
TOPS = {
    "new vectors": lambda i, n: [1.5, 1.2, 1.01],
    "new vectors after none": lambda i, n: [2, 1.05][: 2 * (i % 2)],
    "far and more": lambda i, n: [[1.3, 1.8, 2.3, 2.9][i % 4], 1.05],
    "just above": lambda i, n: [1 + 10.0 ** (i - 8)],
    "cluster": lambda i, n: 1 + np.linspace(1, -1, 4) / 10 ** (i + 1),
    "cluster and more": lambda i, n: [1.3, *[1 + 0.1 ** (i + 1)] * 4],
    "one huge": lambda i, n: [[1.2, 3, 3.9, 30, 50, 300, 1e3, 1e4, 1e6][i % 9]],
    "huge and more": lambda i, n: [[1.2, 3, 3.9, 15, 20, 50, 1e3][i % 7], 1.1],
    "a crowd gone": lambda i, n: (
        np.linspace(1, 0.9, n // 4)
        if i % 2 == 0
        else [[1.58, 2.9, 150, 900][i // 2], 1.1, 1.01, 1.003]
    ),
    "several huge": lambda i, n: [*[[1.1, 30, 50][i % 3]] * 3, 1.1],
    "edges": lambda i, n: [EDGES[i % 5]] * 3,
    "all equal": lambda i, n: [[0.5, *EDGES, 1.1][i % 7]] * n,
    "in the bulk": lambda i, n: np.r_[1.05, np.linspace(0.94 + 0.01 * i, 0.1, n)],
    "zero": lambda i, n: np.r_[1.2, np.linspace(0.86, 0.1, n)] * (i % 2 == 0),
    "rank 2": lambda i, n: [1.2, 1.1, *np.zeros(n)],
    "ill-conditioned": lambda i, n: [1.2, *np.logspace(0, -30, n)],
    "growing": lambda i, n: np.full(i * n // 8, 1 + 1e-3 * (-1) ** i),
}
#: The next matrix over the cap, from rng, n, the number of the call and the last projection.
SEQUENCES = {
    "small steps": training(0.01, 1e-4),
    "large steps": training(0.5, 0.01),
    "huge steps": training(20, 0.1),
    "crowd": training(0.01, 1e-4, 0.25),
    "crowd, large steps": training(0.5, 0.01, 0.25),
    # The same vectors each time, or in every second call.
    "creeping": lambda _, n, i, w: with_top(np.random.default_rng(n), n, 1 + 0.1 ** (10 - i), 0.9),
    "back and forth": lambda _, n, i, w: with_top(np.random.default_rng(i % 2), n, 1.5, 1.01),
    **{k: lambda rng, n, i, w, top=t: with_top(rng, n, *top(i, n)) for k, t in TOPS.items()},
}


def check_call(auto, w):
    """One call and all that is promised of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        projected, info = check(auto, w, 2 - auto.cap, "followed")
    check_info(w, projected, info, auto.cap)
    assert info.bounds is None
    return projected


# All is measured in caps: the delta changes what is computed by rounding only.
SIZES = [*zip((1, 2, 3, 16, 24, 25, 32, 49, 100), itertools.cycle((1e-3, 0.2, 1.4)))]


@dtypes
@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize(("n", "delta"), SIZES)
def test_each_projection_is_the_exact_one(n, delta, sequence, dtype):
    rng, auto, last = np.random.default_rng(n), AutoProjection(delta), None
    for i in range(9):
        last = None if last is None else last / auto.cap
        last = check_call(auto, (auto.cap * SEQUENCES[sequence](rng, n, i, last)).astype(dtype))


@pytest.mark.parametrize("sequence", ["small steps", "crowd", "new vectors", "huge and more"])
@pytest.mark.parametrize("n", [257, 650])
def test_each_projection_is_the_exact_one_at_the_papers_sizes(n, sequence):
    rng, auto, last = np.random.default_rng(n), AutoProjection(0.2), None
    for i in range(3):
        last = None if last is None else last / auto.cap
        w = (auto.cap * SEQUENCES[sequence](rng, n, i, last)).astype(np.float32)
        last = check_call(auto, w)


@dtypes
@pytest.mark.parametrize("size", [0.01, 0.1, 1])
def test_holds_over_a_long_walk(size, dtype):
    rng, auto = np.random.default_rng(0), AutoProjection(0.5)
    step, w = training(size, size / 10), with_top(rng, 64, 0.9).astype(dtype)
    for i in range(200):
        w = check_call(auto, step(rng, 64, i, w).astype(dtype))
    assert auto.counts["failed_checks"] == 0


def test_takes_the_cheap_ways_where_they_serve(monkeypatch):
    monkeypatch.setattr("grustab.projection.auto.CHECK_INTERVAL", 5)
    rng, auto = np.random.default_rng(0), AutoProjection(0.2)
    w = 1.8 * with_top(rng, 100, 0.9)
    for i in range(10):
        w = check_call(auto, w + training(1e-3, 0)(rng, 100, i, np.zeros_like(w)))
    assert (auto.counts["skipped"], auto.counts["exact"]) == (9, 1)
    for i in range(20):
        w = check_call(auto, w + training(0.3, 0)(rng, 100, i, np.zeros_like(w)))
    assert list(auto.counts.values()) == [9, 20, 1, 4, 0]


@pytest.mark.parametrize(("n", "top"), [
    (24, [1.2]),  # too small for a subspace
    (100, [1.2] * 50),  # too many above,
    (100, [1.2, *[0.96] * 50]),  # or near the cap
    (100, [50, 1.1]),  # float32 does not hold both
    (100, [1e6]),
])  # fmt: skip
def test_takes_the_exact_way_where_no_other_serves(n, top):
    rng, auto = np.random.default_rng(0), AutoProjection(0.2)
    check_call(auto, (1.8 * with_top(rng, n, 1.2)).astype(np.float32))
    check_call(auto, (1.8 * with_top(rng, n, *top)).astype(np.float32))
    assert (auto.counts["exact"], auto.counts["subspace"]) == (2, 0)


def test_follows_a_crowd_by_its_nearest_values():
    rng, auto, w = np.random.default_rng(0), AutoProjection(1), None
    for i in range(20):
        w = check_call(auto, training(0.01, 1e-4, crowd=0.3)(rng, 300, i, w))
    assert (auto.counts["exact"], auto.counts["subspace"]) == (1, 19)


def test_lemma_6_is_used_only_as_far_as_it_reaches():
    auto, direction = AutoProjection(0.2), np.zeros((50, 50))
    direction[3, 4] = 1
    for w, skipped in [(1.5 * np.eye(50), 0), (1.5 * np.eye(50) + 0.299 * direction, 1)]:
        assert check_call(auto, w) is w
        assert auto.counts["skipped"] == skipped
    w = np.eye(50) * 1.5
    w[0, 0] += 0.301  # seen from the first matrix: 1.801
    assert np.linalg.norm(check_call(auto, w) - w) == pytest.approx(0.001, rel=1e-3)
    assert auto.counts["skipped"] == 1


def test_a_failed_check_leads_to_the_exact_way(monkeypatch):
    rng, auto = np.random.default_rng(0), AutoProjection(0.2)
    monkeypatch.setattr("grustab.projection.auto.CHECK_INTERVAL", 2)
    monkeypatch.setattr("grustab.projection.auto.within_cap", lambda w, cap: False)
    for _ in range(5):
        check_call(auto, 1.8 * with_top(rng, 64, 1.2))
    assert auto.counts["checks"] == auto.counts["failed_checks"] == 3  # until one passes
    assert auto.counts["exact"] == 4


def test_the_check_catches_what_a_search_missed(monkeypatch):
    rng, auto = np.random.default_rng(0), AutoProjection(0.2)
    monkeypatch.setattr("grustab.projection.auto.CHECK_INTERVAL", 1)

    def miss(xp, w):
        return np.eye(64)[:, :1], np.array([1.0]), np.eye(64)[:, :1]
        yield  # as a search

    monkeypatch.setattr(auto, "_search", miss)
    for _ in range(3):
        check_call(auto, 1.8 * with_top(rng, 64, 1.2, 1.1))
    assert auto.counts["failed_checks"] == 2


@dtypes
@pytest.mark.parametrize("size", [1e-3, 0.3])
def test_what_the_caller_does_with_its_arrays_changes_nothing(size, dtype):
    rng, kept, overwritten = np.random.default_rng(0), AutoProjection(0.2), AutoProjection(0.2)
    w = (1.8 * with_top(rng, 64, 0.95)).astype(dtype)
    for i in range(6):
        w = training(size, 0)(rng, 64, i, w).astype(dtype)
        ours = w.copy()
        expected, result = kept(w.copy())[0], overwritten(ours)[0]
        np.testing.assert_array_equal(result, expected)
        ours[:] = result[:] = 7
        w = expected
    assert kept.counts == overwritten.counts
    assert kept.counts["skipped" if size < 0.01 else "subspace"] > 3


@dtypes
def test_takes_a_matrix_of_any_layout(dtype):
    rng, auto = np.random.default_rng(0), AutoProjection(0.2)
    for _ in range(2):
        w = (1.8 * with_top(rng, 64, 1.3, 1.1)).astype(dtype)
        for same in (w, np.asfortranarray(w), w.T, w[::-1], np.repeat(w, 2, axis=1)[:, ::2]):
            same.flags.writeable = False
            check_call(auto, same)


@pytest.mark.parametrize("share", FOLLOWED)
def test_converged_means_that_both_promises_hold(share):
    # [[Sigma, R], [0, B]] is the matrix in the basis of its Ritz vectors.
    rng, auto, converged = np.random.default_rng(0), AutoProjection(0.2), 0
    cap = auto.cap
    for size in np.logspace(-16, 0, 400):
        k = rng.integers(1, 6)
        tops = [1.5, 1.1, 1, 1 - 1e-6, 1 - 5e-4, 0.99]
        sigma = np.sort(cap * rng.choice(tops, k) * (1 + size))[::-1]
        residuals = size * rng.uniform(0, 1, k)
        w, r = np.zeros((12, 12)), rng.normal(size=(k, 12 - k))
        r[:, 1:] *= rng.integers(2)  # or all of them in one direction
        w[:k, :k] = np.diag(np.minimum(sigma, cap))
        w[:k, k:] = r * (residuals / np.linalg.norm(r, axis=1))[:, None]
        w[k:, k:] = orthogonal(rng, 12 - k) * cap * margin_of(share)
        if auto._converged(sigma, residuals, share):
            converged += 1
            assert np.linalg.svd(w, compute_uv=False)[0] <= cap * (1 + TOLERANCE)
    assert 100 < converged < 380
    # A value below the cap whose residual does not exclude one above it.
    assert not auto._converged(np.array([cap - 1e-6]), np.array([0.01]), share)


@pytest.mark.parametrize(("share", "degree"), [*zip(FOLLOWED, DEGREES, strict=True)])
def test_the_filter_grows_only_what_lies_above_its_edge(share, degree):
    w = np.diag(np.r_[1.0, np.linspace(share, 0, 29)])
    for columns in (8, 100):  # by W^T W, and by W and W^T in turn
        times = subspace.operator(np, w, share, columns)
        gains = np.diag(subspace.chebyshev(times, np.eye(30), degree))
        assert gains[0] == pytest.approx(np.cosh(degree * np.arccosh(2 / share**2 - 1)))
        assert gains[0] > 85
        assert np.abs(gains[1:]).max() < 1 + 1e-9
