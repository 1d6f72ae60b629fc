"""Block subspace iteration: the largest singular values of a matrix, and their vectors."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from grustab.projection.decompositions import eigh
from grustab.projection.together import Steps

#: Degree of the Chebyshev filter: a pass raises the cap 90-fold over what is not followed.
DEGREE = 5
#: Blocks of more columns than this are multiplied by W^T W, others by W and then W^T. On a GPU all
#: are multiplied by W^T W: there, launches cost more than products.
NARROW = 24


def operator(xp: Any, w: Any, edge: float, columns: int) -> Callable[[Any], Any]:
    """Product with ``4 W^T W / edge^2 - 2 I``: singular values up to the edge go to [-2, 2]."""
    if columns > NARROW or xp is not np:
        a = w.T @ w
        a *= 4 / edge**2
        a.ravel()[:: len(a) + 1] -= 2
        return lambda block: a @ block
    scaled = (2 / edge) * w

    def times(block: Any) -> Any:
        product = scaled.T @ (scaled @ block)
        product -= 2 * block
        return product

    return times


def chebyshev(times: Callable[[Any], Any], block: Any) -> Any:
    """Chebyshev polynomial of half the operator: grows what lies outside [-2, 2], only that."""
    before, now = block, times(block)
    now *= 0.5
    for _ in range(DEGREE - 1):
        after = times(now)
        after -= before
        before, now = now, after
    return now


def orthonormal(xp: Any, block: Any) -> Any:
    """Orthonormal columns that span those of a block; on a GPU :func:`rayleigh_ritz` checks that.

    By repeated Cholesky decompositions in float64: a few thin products, where the many small steps
    of a Householder QR wait for each other's threads. One is enough for all but strange matrices,
    so that a GPU makes one and is not waited for.
    """
    q = block.astype(np.float64)
    q /= xp.maximum(xp.linalg.norm(q, axis=0), np.finfo(np.float64).tiny)
    with suppress(np.linalg.LinAlgError):
        for _ in range(3):
            gram = q.T @ q
            if xp is np and _is_identity(gram, 1e-7):
                return q.astype(block.dtype)
            q = q @ xp.linalg.inv(xp.linalg.cholesky(gram)).T
            if xp is not np:
                return q.astype(block.dtype)
    return xp.linalg.qr(block)[0]


def rayleigh_ritz(
    xp: Any, w: Any, block: Any
) -> Steps[tuple[Any, np.ndarray, Any, np.ndarray] | None]:
    """Best singular triplets in the span of orthonormal columns, and their residuals' norms.

    A GPU is waited for once. ``None`` where it found that the columns are not orthonormal.
    """
    image = w @ block
    squared = image.T @ image
    if xp is not np:
        rest = (w.T @ image - block @ squared).astype(np.float64)
        exact = block.astype(np.float64)
        wanted = exact.T @ exact, squared.astype(np.float64), rest.T @ rest
        gram, squared, rest = yield wanted
        if not _is_identity(gram, 1e-6):  # or not finite
            return None
    squares, rotation = eigh(squared.astype(np.float64))
    sigma = np.sqrt(np.maximum(squares[::-1], np.finfo(w.dtype).tiny))
    turned = rotation[:, ::-1]
    rotation = xp.asarray(turned, dtype=w.dtype)
    factors = xp.asarray(sigma, dtype=w.dtype)
    v, u = block @ rotation, (image @ rotation) / factors
    if xp is np:
        residuals = np.linalg.norm(w.T @ u - v * factors, axis=0).astype(np.float64)
    else:
        residuals = np.sqrt(np.maximum((turned * (rest @ turned)).sum(axis=0), 0)) / sigma
    return u, sigma, v, residuals


def _is_identity(gram: np.ndarray, tolerance: float) -> bool:
    return bool(np.abs(gram - np.eye(len(gram))).max() < tolerance)
