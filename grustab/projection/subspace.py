"""Block subspace iteration: the largest singular values of a matrix, and their vectors."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from chainer.backends import cuda

from grustab.projection.decompositions import eigh
from grustab.projection.together import Steps

#: Left singular vectors (m, q), singular values, right singular vectors (n, q), residuals' norms.
Triplets = tuple[Any, np.ndarray, Any, np.ndarray]

#: Smaller eigenvalues of a Gram matrix in float64 are too near to rounding for singular values that
#: are to be known to 1e-6.
HIDDEN = 1e-8
#: Blocks of more columns than this are multiplied by W^T W, others by W and then W^T.
NARROW = 24


def operator(xp: Any, w: Any, edge: float, columns: int) -> Callable[[Any], Any]:
    """Product with ``A = 4 W^T W / edge^2 - 2 I``: singular values up to the edge go to [-2, 2].

    On a GPU it is ``A A - 2 I``, which does the same at twice the degree: there, launches cost more
    than products.
    """
    if columns > NARROW or xp is not np:
        a = w.T @ w
        a *= 4 / edge**2
        a.ravel()[:: len(a) + 1] -= 2
        if xp is not np:
            a = a @ a
            a.ravel()[:: len(a) + 1] -= 2
        return lambda block: a @ block
    scaled = (2 / edge) * w

    def times(block: Any) -> Any:
        product = scaled.T @ (scaled @ block)
        product -= 2 * block
        return product

    return times


def chebyshev(times: Callable[[Any], Any], block: Any, degree: int) -> Any:
    """Chebyshev polynomial of half the operator: grows what lies outside [-2, 2], only that."""
    before, now = block, times(block)
    now *= 0.5
    for _ in range(degree - 1):
        after = times(now)
        after -= before
        before, now = now, after
    return now


def orthonormal(block: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span those of a block.

    By repeated Cholesky decompositions in float64: a few thin products, where the many small steps
    of a Householder QR wait for each other's threads. One is enough for all but strange matrices.
    """
    q = block.astype(np.float64)
    q /= np.maximum(np.linalg.norm(q, axis=0), np.finfo(np.float64).tiny)
    with suppress(np.linalg.LinAlgError):
        for _ in range(3):
            gram = q.T @ q
            if np.abs(gram - np.eye(len(gram))).max() < 1e-7:
                return q.astype(block.dtype)
            q = q @ np.linalg.inv(np.linalg.cholesky(gram)).T
    return np.linalg.qr(block)[0]


def rayleigh_ritz(w: np.ndarray, block: np.ndarray) -> Triplets:
    """Best singular triplets in the span of orthonormal columns, and their residuals' norms."""
    image = w @ block
    squares, rotation = eigh((image.T @ image).astype(np.float64))
    sigma = _roots(squares, w)
    rotation = rotation[:, ::-1].astype(w.dtype)
    factors = sigma.astype(w.dtype)
    v, u = block @ rotation, (image @ rotation) / factors
    residuals = np.linalg.norm(w.T @ u - v * factors, axis=0).astype(np.float64)
    return u, sigma, v, residuals


def rayleigh_ritz_on_gpu(w: Any, block: Any) -> Steps[Triplets | None]:
    """The same for any columns; the GPU makes products only, and is waited for once.

    Directions that rounding hides beside others come last, with the singular value 0, orthogonal to
    what was found. ``None`` where a column is 0 or not finite.
    """
    w64, block = w.astype(np.float64), block.astype(np.float64)
    image = w64 @ block
    back = w64.T @ image
    gram, squared, back_squared = yield block.T @ block, image.T @ image, back.T @ back
    scales = np.sqrt(gram.diagonal())
    if not 0 < scales.min() <= scales.max() < np.inf:
        return None
    squares, rotation = eigh(gram / np.outer(scales, scales))
    hidden = int((squares < HIDDEN).sum())
    turn = rotation / scales[:, None] / np.sqrt(np.maximum(squares, HIDDEN))
    rest, turn = turn[:, :hidden], turn[:, hidden:]  # makes the others orthonormal
    squares, rotation = eigh(turn.T @ squared @ turn)
    turn, sigma = turn @ rotation[:, ::-1], _roots(squares, w)
    off = (turn * (back_squared @ turn)).sum(axis=0) - sigma**4
    rounding = np.finfo(np.float64).eps * (np.sqrt(back_squared.diagonal()) @ abs(turn)) ** 2
    residuals = np.sqrt(np.maximum(off, 0) + rounding) / sigma
    turns = np.hstack((turn, rest)), np.hstack((turn / sigma, 0 * rest))
    v_turn, u_turn = cuda.cupy.asarray(np.stack(turns))  # in one copy
    v, u = block @ v_turn, image @ u_turn
    if hidden:  # they are still much like the others
        known, unknown = v[:, :-hidden], v[:, -hidden:]
        unknown -= known @ (known.T @ unknown)
    sigma, residuals = (np.pad(numbers, (0, hidden)) for numbers in (sigma, residuals))
    return u.astype(w.dtype), sigma, v.astype(w.dtype), residuals


def _roots(squares: np.ndarray, w: Any) -> np.ndarray:
    return np.sqrt(np.maximum(squares[::-1], np.finfo(w.dtype).tiny))
