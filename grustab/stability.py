"""Stability of a GRU at its fixed point ``h = 0`` (Lemmas 1-4), and Lemma 6's bounds on a step.

Also its Jacobian anywhere else, of which the lemmas say nothing.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from chainer import backend
from chainer.backends import cuda

from grustab.projection.decompositions import svd


def jacobian(W_hh: Any) -> Any:
    """Lemma 2, eq. (7): Jacobian of ``h_t`` with respect to ``h_(t-1)`` at the fixed point.

    That is ``h = 0``, where a GRU stays without input (Lemma 1): ``W_hh / 4 + I / 2``, dtype and
    device as ``W_hh``, the candidate's recurrent matrix (n, n).
    """
    xp = backend.get_array_module(W_hh)
    return W_hh / 4 + xp.eye(len(W_hh), dtype=W_hh.dtype) / 2


def stacked_jacobian(W_hh: Sequence[Any], W_xh: Sequence[Any]) -> Any:
    """Lemma 4, eq. (9): Jacobian of a multi-layer GRU at the fixed point.

    Layer l reads layer l-1's state of the same step. The blocks left of the diagonal are
    ``B_l B_(l-1) ... B_(l-d+1) A_(l-d)`` with ``A = W_hh / 4 + I / 2`` and ``B = W_xh / 2``, which
    is not what eq. (11) prints: see configs/README.md, "Slips in the supplement". The diagonal
    blocks, all that Lemma 4 needs, are eq. (10)'s.

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
    """``|lambda_1|``, computed on the CPU in float64.

    The fixed point is locally stable where that of the Jacobian is below 1.

    Raises:
        numpy.linalg.LinAlgError: If an entry is not finite, or LAPACK does not converge.
    """
    return float(np.abs(np.linalg.eigvals(cuda.to_cpu(matrix).astype(np.float64))).max())


def largest_singular_value(matrix: Any) -> float:
    """``sigma_1`` of a matrix of any shape, computed on the CPU in float64.

    Raises:
        numpy.linalg.LinAlgError: If LAPACK does not converge.
        ValueError: If an entry is not finite.
    """
    matrix = np.asarray_chkfinite(cuda.to_cpu(matrix), dtype=np.float64)
    return float(svd(matrix, compute_uv=False)[0])


def spectral_radius_bound(sigma_1: float) -> float:
    """Lemma 3: the Jacobian's spectral radius is at most ``sigma_1(W_hh) / 4 + 1 / 2``."""
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


def jacobian_at(x: Any, h: Any, W_x: Any, W_h: Any, cut: Collection[str] = ()) -> Any:
    """Jacobian of ``h_t`` with respect to ``h_(t-1)`` at any input and state, eqs. (1)-(4).

    It is ``diag(z)`` plus one term for each path: ``"z"``, through ``W_hz`` and the update gate;
    ``"r"``, through ``W_hr``, the reset gate and ``W_hh``; ``"candidate"``, through ``W_hh`` alone.
    At ``x = h = 0`` it is :func:`jacobian` of ``W_hh``, and the gates' terms are zero.

    Args:
        x: Inputs ``x_t`` of B sequences, (B, m).
        h: States ``h_(t-1)``, (B, n).
        W_x: ``W_xz``, ``W_xr``, ``W_xh`` stacked, (3n, m).
        W_h: ``W_hz``, ``W_hr``, ``W_hh`` stacked, (3n, n).
        cut: Paths whose term is left out.

    Returns:
        A matrix for each sequence, (B, n, n), dtype and device as ``h``.
    """
    xp = backend.get_array_module(h)
    identity = xp.broadcast_to(xp.eye(h.shape[1], dtype=h.dtype), (*h.shape, h.shape[1]))
    return _step(x, h, W_x, W_h, identity, cut)[1]


def largest_lyapunov_exponent(
    xs: Any, h: Any, W_x: Any, W_h: Any, cut: Collection[str] = ()
) -> Any:
    """How fast a small change of the first state grows along a sequence, per step.

    ``log ||J_T ... J_1|| / T`` with the exact Jacobian ``J_t`` of each step: above 0 a change
    grows, and so does a gradient on its way back. Over T steps this is the finite-time exponent;
    its limit for long sequences is the largest Lyapunov exponent (arXiv:2006.14123, 2312.17306),
    which at ``x = h = 0`` is the logarithm of the spectral radius of :func:`jacobian`. The limit of
    a stack, whose Jacobian is block triangular (Lemma 4), is the largest of its layers' limits.

    It takes ``6 T B n^3`` operations. ``xs`` holds inputs (T, B, m), ``h`` the states before the
    first step; all else is as of :func:`jacobian_at`, and what is cut leaves the states the same.

    Returns:
        Exponent of each sequence in nats per step, (B,), dtype and device as ``h``.
    """
    xp = backend.get_array_module(h)
    v = xp.broadcast_to(xp.eye(h.shape[1], dtype=h.dtype), (*h.shape, h.shape[1]))
    log_scale = xp.zeros(len(h), dtype=h.dtype)
    for x in xs:
        h, v = _step(x, h, W_x, W_h, v, cut)
        # One scale for each sequence keeps the product in range; only sigma_1 is asked for, so
        # that no QR decomposition is needed.
        scale = xp.abs(v).max(axis=(1, 2))
        scale = xp.where(scale == 0, 1, scale)  # all is forgotten: the logarithm below says so
        v = v / scale[:, None, None]
        log_scale += xp.log(scale)
    # On the CPU: CuPy would take the matrices one by one, and say nothing if it found no result.
    v = backend.CpuDevice().send(v)
    sigma_1 = np.linalg.svd(v.astype(np.promote_types(v.dtype, "f"), copy=False), compute_uv=False)
    with np.errstate(divide="ignore"):
        return (log_scale + xp.asarray(np.log(sigma_1[:, 0]), log_scale.dtype)) / len(xs)


def _step(x: Any, h: Any, W_x: Any, W_h: Any, v: Any, cut: Collection[str]) -> tuple[Any, Any]:
    """``h_t``, and ``J_t`` times the changes ``v`` (B, n, k) of ``h_(t-1)``."""
    if unknown := {*cut} - {"z", "r", "candidate"}:
        raise ValueError(f"cut may hold z, r and candidate, got {sorted(unknown)}")
    xp, n = backend.get_array_module(h), h.shape[1]
    a, w_z, w_r, w_c = x.dot(W_x.T), W_h[:n], W_h[n : 2 * n], W_h[2 * n :]
    z = xp.tanh((a[:, :n] + h.dot(w_z.T)) / 2) / 2 + 0.5
    r = xp.tanh((a[:, n : 2 * n] + h.dot(w_r.T)) / 2) / 2 + 0.5
    c = xp.tanh(a[:, 2 * n :] + (r * h).dot(w_c.T))
    d_rh = 0 if "candidate" in cut else r[:, :, None] * v
    if "r" not in cut:
        d_rh = d_rh + (h * r * (1 - r))[:, :, None] * xp.matmul(w_r, v)
    changes = z[:, :, None] * v
    if "z" not in cut:
        changes += ((h - c) * z * (1 - z))[:, :, None] * xp.matmul(w_z, v)
    if not {"r", "candidate"} <= set(cut):
        changes += ((1 - z) * (1 - c * c))[:, :, None] * xp.matmul(w_c, d_rh)
    return z * h + (1 - z) * c, changes
