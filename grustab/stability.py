"""Stability of a GRU at its fixed point (Lemmas 1-4) and how far one step moves it (Lemma 6)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from chainer import backend
from chainer.backends import cuda

from grustab.decompositions import svd


def fixed_point(out_size: int, dtype: Any = np.float32) -> np.ndarray:
    """Lemma 1: without input a GRU stays at ``h* = 0``.

    Args:
        out_size: Number of units n.
        dtype: Floating dtype.

    Returns:
        The state ``h*``, shape (n,).
    """
    return np.zeros(out_size, dtype=dtype)


def jacobian(W_hh: Any) -> Any:
    """Lemma 2, eq. (7): Jacobian of ``h_t`` with respect to ``h_(t-1)`` at the fixed point.

    Args:
        W_hh: Recurrent matrix (n, n) of the candidate state.

    Returns:
        ``W_hh / 4 + I / 2``, same shape, dtype and device.
    """
    xp = backend.get_array_module(W_hh)
    return W_hh / 4 + xp.eye(len(W_hh), dtype=W_hh.dtype) / 2


def stacked_jacobian(W_hh: Sequence[Any], W_xh: Sequence[Any]) -> Any:
    """Lemma 4, eq. (9): Jacobian of a multi-layer GRU at the fixed point.

    Layer l reads layer l-1's state of the same step. The blocks left of the diagonal are
    ``B_l B_(l-1) ... B_(l-d+1) A_(l-d)`` with ``A = W_hh / 4 + I / 2`` and ``B = W_xh / 2``, which
    is not what eq. (11) prints: see README, "Slips in the supplement". The diagonal blocks, all
    that Lemma 4 needs, are eq. (10)'s.

    Args:
        W_hh: Recurrent matrices, layer by layer, (n_l, n_l) each.
        W_xh: Input matrices of the candidate states, (n_l, n_(l-1)) each; the first layer's is
            not used.

    Returns:
        Block lower triangular matrix (N, N), N the sum of all n_l.
    """
    xp = backend.get_array_module(W_hh[0])
    rows = []
    for layer, w in enumerate(W_hh):
        a = jacobian(w)
        # d h_l / d h_(l-d) passes through h_(l-1) of the same step, whose row is known.
        below = W_xh[layer].dot(rows[-1]) / 2 if layer else xp.zeros((len(w), 0), dtype=w.dtype)
        width = below.shape[1] + len(w)
        rows = [xp.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows]
        rows.append(xp.concatenate((below, a), axis=1))
    return xp.concatenate(rows)


def spectral_radius(matrix: Any) -> float:
    """Largest absolute value of an eigenvalue, computed on the CPU in float64.

    Args:
        matrix: Square matrix (n, n).

    Returns:
        ``|lambda_1|``; the fixed point is locally stable where that of the Jacobian is below 1.
    """
    return float(np.abs(np.linalg.eigvals(cuda.to_cpu(matrix).astype(np.float64))).max())


def largest_singular_value(matrix: Any) -> float:
    """``sigma_1``, computed on the CPU in float64.

    Args:
        matrix: Matrix of any shape.
    """
    values = svd(cuda.to_cpu(matrix).astype(np.float64), compute_uv=False)
    return float(values[0])


def spectral_radius_bound(sigma_1: float) -> float:
    """Lemma 3: the Jacobian's spectral radius is at most ``sigma_1(W_hh) / 4 + 1 / 2``.

    Args:
        sigma_1: Largest singular value of ``W_hh``; below 2 the bound is below 1.
    """
    return sigma_1 / 4 + 0.5


def singular_value_bounds(sigma: np.ndarray, step_norm: float) -> np.ndarray:
    """Lemma 6, eq. (15): how large the singular values can be after one step.

    Args:
        sigma: Singular values of ``W_hh`` before the step, descending, shape (n,).
        step_norm: Frobenius norm of the step, ``|eta| ||gradient||_F`` for SGD; the norm of the
            difference of the two matrices for any optimizer.

    Returns:
        Upper bounds on the singular values after the step, shape (n,).
    """
    return sigma + step_norm
