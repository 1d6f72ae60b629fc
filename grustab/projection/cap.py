"""Capping singular values: what all ways of computing P_delta share."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from chainer import backend

from grustab.errors import NonFiniteMatrixError

METHODS = ("naive", "truncated", "auto")
#: A projected matrix may exceed the cap by this much, relative, and never by more.
TOLERANCE = 1e-5
#: Relative to the correction's size, how far a projection by ``auto`` may lie from the exact one.
ACCURACY = 1e-4


class ProjectionInfo(NamedTuple):
    """What one projection found and did.

    Attributes:
        sigma_before: Largest singular value before, to at least :data:`ACCURACY` of its excess or
            :data:`TOLERANCE` of the cap; ``None`` where it was not computed that well: nothing
            exceeds the cap then, and no full decomposition was made.
        sigma_bound: Upper bound on the largest singular value after, never above the cap, up to
            :data:`TOLERANCE`; the value itself where ``sigma_before`` is a number.
        capped: How many singular values were set to the cap.
        computed: How many singular triplets were computed; by ``truncated`` in all its attempts.
        bounds: Upper bounds on all singular values of the projected matrix, descending, float64;
            from ``naive`` the values themselves; ``None`` from ``auto``. With the next step's
            Frobenius norm added they are Lemma 6's bounds for that step.
    """

    sigma_before: float | None
    sigma_bound: float
    capped: int
    computed: int
    bounds: np.ndarray | None


def cap_of(delta: float) -> float:
    """``2 - delta``; raise ``ValueError`` if the margin delta does not lie in (0, 2)."""
    if not isinstance(delta, Real) or not 0 < delta < 2:
        raise ValueError(f"delta must lie between 0 and 2 (exclusive), got {delta!r}")
    return 2 - float(delta)


def require_method(method: str) -> None:
    """Raise ``ValueError`` if a way to compute P_delta is none of :data:`METHODS`."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")


def require_matrix(W: Any, name: str = "W") -> None:
    """Raise ``ValueError`` if an array is no float32 or float64 matrix, or is empty."""
    if W.ndim != 2 or W.size == 0 or W.dtype.char not in "fd":
        raise ValueError(
            f"{name}: expected a float32 or float64 matrix, got shape {W.shape} and type {W.dtype}"
        )


def require_finite(W: Any, name: str = "a matrix") -> None:
    """Raise :class:`~grustab.errors.NonFiniteMatrixError` if a matrix holds NaN or Inf."""
    finite = backend.get_array_module(W).isfinite(W)
    if not finite.all():
        raise NonFiniteMatrixError(
            f"cannot project {name} with NaN or Inf: "
            f"{W.size - int(finite.sum())} of its {W.size} entries are not finite"
        )


def within_cap(W: Any, cap: float) -> bool:
    """Whether ``sigma_1(W) <= cap * (1 + TOLERANCE)``, proved by a Cholesky decomposition.

    ``cap'^2 I - W^T W`` is positive definite exactly when ``sigma_1(W) < cap'``. In float64 and
    about a tenth of the cost of a full SVD.
    """
    xp = backend.get_array_module(W)
    a = W.astype(np.float64)
    a = a if a.shape[0] >= a.shape[1] else a.T  # the smaller of the two products decides it, too
    # Nine tenths of the tolerance: the rest is for the rounding of this check itself.
    gap = a.T @ a
    gap *= -1
    limit = (cap * (1 + 0.9 * TOLERANCE)) ** 2
    gap.ravel()[:: len(gap) + 1] += limit
    try:
        factor = xp.linalg.cholesky(gap)
    except np.linalg.LinAlgError:
        return False
    # CuPy raises nothing: where there is no factor, it gives what is none.
    return xp is np or bool(abs(factor @ factor.T - gap).max() <= 1e-10 * limit)


def remove_excess(a: Any, u: Any, sigma: np.ndarray, vt: Any, cap: float) -> Any:
    """``W - U (Sigma - cap)_+ V^T``: touches only what exceeds the cap."""
    k = int((sigma > cap).sum())
    if k == 0:
        return a
    xp = backend.get_array_module(a)
    excess = (u[:, :k] * xp.asarray(sigma[:k] - cap, dtype=u.dtype)) @ vt[:k]
    return (a - excess).astype(a.dtype, copy=False)
