"""Matrices of all kinds of spectra, and P_delta of them by a full SVD in float64."""

import functools

import numpy as np
import pytest
import scipy.linalg

from grustab.projection.project import METHODS, TOLERANCE, project

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
