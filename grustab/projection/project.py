"""P_delta: cap the singular values of a matrix at 2 - delta (Lemma 5)."""

from typing import Any

import fbpca
import numpy as np
from chainer import backend
from chainer.backends import cuda

from grustab.projection.auto import AutoProjection
from grustab.projection.cap import (
    TOLERANCE,
    ProjectionInfo,
    cap_of,
    remove_excess,
    require_finite,
    require_matrix,
    require_method,
    within_cap,
)
from grustab.projection.decompositions import svd


# Where a norm overflows, all values count as above the cap, and the full SVD is taken.
@np.errstate(over="ignore", under="ignore")
def project(
    W: Any,
    delta: float,
    method: str = "auto",
    *,
    bounds: np.ndarray | None = None,
    rng: np.random.Generator | int | None = None,
    return_info: bool = False,
) -> Any:
    """The matrix nearest to ``W`` in Frobenius norm with no singular value above 2 - delta.

    All of it is done on the CPU, as in section D, wherever ``W`` is.

    Args:
        W: Matrix (m, n), float32 or float64, NumPy or CuPy; never changed.
        delta: Safety margin in (0, 2); the cap is ``2 - delta``.
        method: ``"naive"``: full SVD, as the paper did it; ``"truncated"``, the paper's other way:
            fbpca's randomized SVD, here of only as many singular values as Lemma 6 admits above
            the cap. It can miss some: the result is checked, and computed again with more work if
            it is above the cap; ``"auto"``: eigenvectors of ``W^T W``, the fastest way for a
            single matrix (:class:`grustab.projection.auto.AutoProjection` is the one for a matrix
            that changes by steps).
        bounds: For ``truncated``: upper bounds on the singular values of ``W``, float array
            (min(m, n),), descending (Lemma 6: the ones before the step plus the step's Frobenius
            norm). Without them ``||W||_F^2 >= k sigma_k^2`` bounds how many can exceed the cap.
        rng: For ``truncated``: generator of the random start, or a seed; ``None`` means 0.
        return_info: Also return a :class:`ProjectionInfo`.

    Returns:
        The projected matrix, same shape, dtype and device (``W`` itself where nothing exceeds
        the cap); with ``return_info`` a pair of it and the info. Its largest singular value is
        at most ``(2 - delta) * (1 + 1e-5)``.

    Raises:
        NonFiniteMatrixError: If ``W`` holds NaN or Inf.
        ValueError: If ``W`` is not a float32 or float64 matrix, or ``delta`` or ``method`` is not
            one of the above.
    """
    cap = cap_of(delta)
    require_method(method)
    require_matrix(W)
    a = cuda.to_cpu(W)
    require_finite(a)
    if method == "naive":
        projected, info = _naive(a, cap)
    elif method == "truncated":
        projected, info = _truncated(a, cap, bounds, rng)
    else:
        projected, info = AutoProjection(delta)(a)
    projected = W if projected is a else backend.get_device_from_array(W).send(projected)
    return (projected, info) if return_info else projected


def _naive(a: np.ndarray, cap: float) -> tuple[np.ndarray, ProjectionInfo]:
    u, sigma, vt = svd(a, full_matrices=False)
    if sigma[0] > 4 * cap:
        # W - U (Sigma - cap) V^T would lose the digits that matter: rebuild from float64.
        u, sigma, vt = svd(a.astype(np.float64), full_matrices=False)
        projected = ((u * np.minimum(sigma, cap)) @ vt).astype(a.dtype)
    else:
        projected = remove_excess(a, u, sigma, vt, cap)
    capped = np.minimum(sigma, cap, dtype=np.float64)
    info = ProjectionInfo(
        float(sigma[0]), float(capped[0]), int((sigma > cap).sum()), len(sigma), capped
    )
    return projected, info


def _truncated(
    a: np.ndarray, cap: float, bounds: np.ndarray | None, rng: np.random.Generator | None
) -> tuple[np.ndarray, ProjectionInfo]:
    """Randomized SVD of as many values as can exceed the cap, verified."""
    n = min(a.shape)
    if bounds is None:
        norm = np.linalg.norm(a.astype(np.float64))
        bounds = norm / np.sqrt(np.arange(1, n + 1))
    k = int((bounds > cap).sum())
    if k == 0 and within_cap(a, cap):
        return a, ProjectionInfo(None, float(bounds[0]), 0, 0, bounds)

    computed = 0
    rng = np.random.default_rng(0 if rng is None else rng)
    a64 = a.astype(np.float64)  # fbpca multiplies by float64 anyway
    k = max(k, 1)
    n_iter = 2  # fbpca's default
    # Past this many products with k + 2 vectors the full SVD is cheaper.
    while n_iter * (k + 2) <= n / 2:
        try:
            u, sigma, vt = _fbpca(a64, k, n_iter, rng)
        except np.linalg.LinAlgError:  # it decomposes, too, and that may fail to converge
            break
        computed += k
        projected = remove_excess(a, u, sigma, vt, cap)
        if within_cap(projected, cap):
            # fbpca's values lie below the true ones: no bounds for the next step.
            after = np.minimum(bounds, cap * (1 + TOLERANCE))
            capped = int((sigma > cap).sum())
            # What is left is within the cap, so the value lies at most the tolerance above this.
            before = float(sigma[0]) if capped else None
            return projected, ProjectionInfo(
                before, min(float(after[0]), cap), capped, computed, after
            )
        n_iter *= 4
    projected, info = _naive(a, cap)
    return projected, info._replace(computed=computed + info.computed)


def _fbpca(
    a: np.ndarray, k: int, n_iter: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``fbpca.pca`` with its draws from ``rng`` instead of NumPy's global state."""
    state = np.random.get_state()
    np.random.seed(int(rng.integers(2**32)))
    try:
        return fbpca.pca(a, k, raw=True, n_iter=n_iter)
    finally:
        np.random.set_state(state)
