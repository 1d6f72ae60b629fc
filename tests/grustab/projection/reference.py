"""Matrices of all kinds of spectra, P_delta of them by a full SVD in float64, and what it owes."""

import functools

import chainer
import numpy as np
import pytest
import scipy.linalg

from grustab.extensions import SpectralProjection
from grustab.links import GRU
from grustab.projection.cap import ACCURACY, METHODS, TOLERANCE, ProjectionInfo
from grustab.projection.project import project

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


def observed(extension):
    observation = {}
    with chainer.Reporter().scope(observation):
        extension()
    return observation


def _by_function(method):
    return lambda w, delta: project(w, delta, method, return_info=True)


def _by_extension(method):
    def call(w, delta):
        gru = GRU(1, len(w), dtype=w.dtype)
        gru.W_hh = w
        told = observed(SpectralProjection(gru, delta, method))
        names = ("sigma_before", "sigma_bound", "capped")
        known = (told.get(f"projection/{name}") for name in names)
        projected = w if np.array_equal(gru.W_hh, w) else gru.W_hh
        return projected, ProjectionInfo(*known, len(w), None)

    return call


#: Every way to P_delta: from a matrix and delta to the projection and its info.
WAYS = {
    **{method: _by_function(method) for method in METHODS},
    **{f"extension, {method}": _by_extension(method) for method in METHODS},
}
ways = pytest.mark.parametrize("way", WAYS)
methods = pytest.mark.parametrize("method", METHODS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def orthogonal(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


@functools.cache
def matrix(spectrum, n, dtype=np.float64):
    rng = np.random.default_rng(n)
    if spectrum == "random":
        w = rng.normal(size=(n, n)) * 3 / np.sqrt(n)
    else:
        w = (orthogonal(rng, n) * SPECTRA[spectrum](n)) @ orthogonal(rng, n)
    w = w.astype(dtype)
    w.flags.writeable = False
    return w


def singular_values(w):
    return scipy.linalg.svdvals(w.astype(np.float64))


@functools.lru_cache(500)
def _svd(data, n):
    # gesvd, where project() uses NumPy's gesdd; too slow for large matrices.
    driver = "gesvd" if n <= 40 else "gesdd"
    return scipy.linalg.svd(np.frombuffer(data).reshape(n, n), lapack_driver=driver)


def exact(w, cap):
    u, sigma, vt = _svd(w.astype(np.float64).tobytes(), len(w))
    return (u * np.minimum(sigma, cap)) @ vt


def rounding(w, cap):
    """How far the exact projection of a matrix may move when its SVD is rounded.

    An SVD is exact for a matrix some eps ||W|| away, and P_delta, a projection onto a convex set,
    does not enlarge distances. Two SVDs are compared, hence 30 eps rather than the 12 seen.
    Above 4 * cap every way leaves its dtype for float64.
    """
    eps, eps64 = np.finfo(w.dtype).eps, np.finfo(np.float64).eps
    norm = np.linalg.norm(w.astype(np.float64))
    return 30 * (eps * min(norm, 4 * cap * np.sqrt(len(w))) + eps64 * norm)


def check(call, w, delta, kind=""):
    """Everything promised of one projection; gives the projection and its info.

    ``kind`` is ``"truncated"`` or ``"followed"`` where more than rounding is allowed.
    """
    cap, before = 2 - delta, w.copy()
    with np.errstate(all="raise", under="ignore"):
        projected, info = call(w)
    np.testing.assert_array_equal(w, before)
    assert (projected.shape, projected.dtype) == (w.shape, w.dtype)
    sigma = _svd(w.astype(np.float64).tobytes(), len(w))[1]
    assert singular_values(projected)[0] <= cap * (1 + TOLERANCE)
    if sigma[0] <= cap * (1 - 8 * np.finfo(w.dtype).eps):
        assert projected is w

    excess = np.maximum(sigma - cap, 0)
    nearest, tol = np.linalg.norm(excess), rounding(w, cap)
    w64, p64 = w.astype(np.float64), projected.astype(np.float64)
    slack = cap * TOLERANCE * np.sqrt((sigma > cap).sum())
    # Lemma 5's distance; less only by what the tolerance on the cap allows.
    accuracy = ACCURACY if kind == "followed" else 1e-12
    assert np.linalg.norm(w64 - p64) <= nearest * (1 + accuracy) + tol
    assert np.linalg.norm(w64 - p64) >= nearest * (1 - accuracy) - slack - tol
    if kind == "truncated":
        # Pythagoras for the ball of radius cap (1 + 1e-5): of two matrices in it as good as
        # equally far from W, the nearer one has the other within sqrt(2 * distance * slack).
        tol += np.sqrt(2 * nearest * (slack + tol)) + slack
    elif kind == "followed":
        tol += ACCURACY * nearest
    assert np.linalg.norm(p64 - exact(w, cap)) <= tol
    return projected, info


def check_info(w, projected, info, cap):
    """What a projection tells of itself, against the singular values before and after."""
    before, after, tol = singular_values(w), singular_values(projected), cap * TOLERANCE
    assert after[0] - tol <= info.sigma_bound <= cap * (1 + TOLERANCE)
    assert (before > cap + 2 * tol).sum() <= info.capped <= (before > cap - 2 * tol).sum()
    assert info.computed >= info.capped
    if info.capped:
        assert info.sigma_before is not None
        assert info.sigma_bound == pytest.approx(after[0], abs=tol)
    if info.sigma_before is not None:
        assert info.sigma_before == pytest.approx(before[0], rel=1e-6, abs=tol)
        assert info.sigma_bound == pytest.approx(min(info.sigma_before, cap), abs=tol)
    if info.bounds is not None:
        assert info.bounds.dtype == np.float64
        assert (info.bounds >= after - tol).all()
        assert (np.diff(info.bounds) <= 0).all()
