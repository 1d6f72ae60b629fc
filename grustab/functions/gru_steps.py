"""All steps of the GRU and of its gradient, for NumPy and for CuPy.

:func:`forward` and :func:`backward` take the arrays of :mod:`grustab.functions.gru`, the functions
below them those of one step: ``a`` and ``da`` (B, 3n), all others (B, n) but for ``gate_product``
(B, 2n). On a CPU each operation writes into an array that is there; on a GPU there is one fused
kernel between two products.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer.backends import cuda


def forward(a: Any, hs: Any, rh: Any, w_h: Any) -> None:
    """All steps; ``a``, ``hs`` and ``rh`` change."""
    n = w_h.shape[1]
    # As (inputs, outputs), contiguous, a thin product runs half again as fast. The halves
    # belong to the sigmoid, which is computed as tanh of half its argument: exact.
    w_gates_t = np.array(w_h[: 2 * n].T, order="C")
    w_gates_t *= 0.5
    w_hh_t = np.array(w_h[2 * n :].T, order="C")
    a[:, :, : 2 * n] *= 0.5
    gate_product = np.empty((a.shape[1], 2 * n), dtype=a.dtype)
    candidate_product = np.empty((a.shape[1], n), dtype=a.dtype)
    for t in range(len(a)):
        np.dot(hs[t], w_gates_t, out=gate_product)
        _gates(a[t], gate_product, hs[t], rh[t])
        np.dot(rh[t], w_hh_t, out=candidate_product)
        _state(a[t], candidate_product, hs[t], hs[t + 1])


def _gates(a: Any, gate_product: Any, h: Any, rh: Any) -> None:
    """Eqs. (1), (2) from halved arguments, and ``r * h``."""
    n = h.shape[1]
    gates = a[:, : 2 * n]
    gate_product += gates
    np.tanh(gate_product, out=gate_product)  # cannot overflow, as exp can
    gate_product *= 0.5
    np.add(gate_product, 0.5, out=gates)
    np.multiply(gates[:, n:], h, out=rh)


def _state(a: Any, candidate_product: Any, h: Any, h_next: Any) -> None:
    """Eqs. (4), (3)."""
    n = h.shape[1]
    z, candidate = a[:, :n], a[:, 2 * n :]
    candidate_product += candidate
    np.tanh(candidate_product, out=candidate)
    np.subtract(h, candidate, out=h_next)
    h_next *= z
    h_next += candidate


def backward(a: Any, hs: Any, grad_hs: Any, w_h: Any, with_h0: bool) -> tuple[Any, ...]:
    """All steps back: ``da``, its columns of the gates and of the candidate, gradient of ``h0``."""
    n = w_h.shape[1]
    da = np.empty_like(a)
    dh = np.zeros(hs.shape[1:], hs.dtype)
    d_rh, through_gates = np.empty_like(dh), np.empty_like(dh)
    for a_t, h, grad, da_t in zip(a[::-1], hs[-2::-1], grad_hs[::-1], da[::-1], strict=True):
        dh += grad
        _gradient_before_reset(a_t, h, dh, da_t)
        np.dot(da_t[:, 2 * n :], w_h[2 * n :], out=d_rh)
        _gradient_before_gates(a_t, h, d_rh, dh, da_t)
        np.dot(da_t[:, : 2 * n], w_h[: 2 * n], out=through_gates)
        dh += through_gates
    return da, da[:, :, : 2 * n], da[:, :, 2 * n :], dh


def _gradient_before_reset(a: Any, h: Any, dh: Any, da: Any) -> None:
    """What does not wait for the gradient of ``r * h``: candidate and update gate.

    ``dc = dh (1 - z) (1 - c^2)``, ``dz = dh (h - c) z (1 - z)``; ``dh`` becomes ``dh z``.
    """
    n = h.shape[1]
    z, candidate = a[:, :n], a[:, 2 * n :]
    kept = dh * z
    dh -= kept
    factor = candidate * candidate
    np.subtract(1, factor, out=factor)
    np.multiply(factor, dh, out=da[:, 2 * n :])
    dh *= z
    np.subtract(h, candidate, out=factor)
    np.multiply(factor, dh, out=da[:, :n])
    dh[...] = kept


def _gradient_before_gates(a: Any, h: Any, d_rh: Any, dh: Any, da: Any) -> None:
    """Reset gate, and what reaches the previous state past the gates.

    ``dr = d_rh h r (1 - r)``; ``dh`` grows by ``d_rh r``; ``d_rh`` is overwritten.
    """
    n = h.shape[1]
    r = a[:, n : 2 * n]
    d_rh *= r
    dh += d_rh
    d_rh *= h
    np.multiply(d_rh, 1 - r, out=da[:, n : 2 * n])


# On a GPU; i runs over (B, n) of the step t. cuBLAS takes no slice of columns without a copy, hence
# ``dc`` and ``dg``: what ``da`` holds of the candidate, and of the gates, on its own. What the last
# product left in ``through_gates`` is added to ``dh`` where that is read anyway. Transposed weights
# cost it nothing. A launch takes the host longer than it takes the GPU: as few as possible, and of
# whole arrays, as slices and arguments that are not raw take the host as long again. Kernels that
# multiply, too, halve the launches, but an H200 took much longer for them (results/gpu/README.md).

_PLACE = """
    ptrdiff_t size = _ind.size(), row = i / n, j = i % n, now = t * size + i;
    ptrdiff_t z_at = (t * size + row * n) * 3 + j, r_at = z_at + n, c_at = r_at + n;
    ptrdiff_t z_of_two = row * 2 * n + j, r_of_two = z_of_two + n;
"""
_KERNELS = {
    "gates": (
        "raw T product, raw T hs, int32 n, int32 t",
        "raw T a, raw T rh",
        """
        T half = 0.5;  // sigmoid(x) = tanh(x / 2) / 2 + 1 / 2 cannot overflow
        T r = tanh((a[r_at] + product[r_of_two]) * half) * half + half;
        a[z_at] = tanh((a[z_at] + product[z_of_two]) * half) * half + half;
        a[r_at] = r;
        rh[now] = r * hs[now];
        """,
    ),
    "state": (
        "raw T product, int32 n, int32 t",
        "raw T a, raw T hs",
        """
        T candidate = tanh(a[c_at] + product[i]);
        a[c_at] = candidate;
        hs[now + size] = candidate + a[z_at] * (hs[now] - candidate);
        """,
    ),
    "gradient_before_reset": (
        "raw T grad_hs, raw T through_gates, raw T a, raw T hs, int32 n, int32 t, bool last",
        "raw T dh, raw T dc, raw T dg, raw T da",
        """
        T z = a[z_at], candidate = a[c_at], whole = grad_hs[now];
        if (!last) whole += dh[i] + through_gates[i];
        T passed = whole * (1 - z), g = passed * (1 - candidate * candidate);
        da[z_at] = dg[t * size * 2 + z_of_two] = passed * z * (hs[now] - candidate);
        da[c_at] = dc[now] = g;
        dh[i] = whole * z;
        """,
    ),
    "gradient_before_gates": (
        "raw T a, raw T hs, raw T d_rh, int32 n, int32 t",
        "raw T dh, raw T dg, raw T da",
        """
        T r = a[r_at];
        dh[i] += d_rh[i] * r;
        da[r_at] = dg[t * size * 2 + r_of_two] = d_rh[i] * hs[now] * r * (1 - r);
        """,
    ),
}


def _kernel(name: str) -> Callable:
    inputs, outputs, body = _KERNELS[name]
    return cuda.elementwise(inputs, outputs, _PLACE + body, f"grustab_{name}")


def forward_gpu(a: Any, hs: Any, rh: Any, w_h: Any) -> None:
    """As :func:`forward`."""
    xp, n, size = cuda.cupy, w_h.shape[1], rh[0].size
    gates, state = _kernel("gates"), _kernel("state")
    w_gates_t, w_hh_t = w_h[: 2 * n].T, w_h[2 * n :].T
    gate_product = xp.empty((a.shape[1], 2 * n), dtype=a.dtype)
    candidate_product = xp.empty((a.shape[1], n), dtype=a.dtype)
    for t in range(len(a)):
        xp.dot(hs[t], w_gates_t, out=gate_product)
        gates(gate_product, hs, n, t, a, rh, size=size)
        xp.dot(rh[t], w_hh_t, out=candidate_product)
        state(candidate_product, n, t, a, hs, size=size)


def backward_gpu(a: Any, hs: Any, grad_hs: Any, w_h: Any, with_h0: bool) -> tuple[Any, ...]:
    """As :func:`backward`; the gradient of ``h0`` only ``with_h0``."""
    xp, n, (steps, batch, _) = cuda.cupy, w_h.shape[1], a.shape
    before_reset, before_gates = _kernel("gradient_before_reset"), _kernel("gradient_before_gates")
    da, dg, dc = (xp.empty((steps, batch, k * n), a.dtype) for k in (3, 2, 1))
    dh, d_rh, through_gates = (xp.empty((batch, n), a.dtype) for _ in range(3))
    w_gates, w_hh, size = w_h[: 2 * n], w_h[2 * n :], dh.size
    for t in reversed(range(steps)):
        last = t == steps - 1
        before_reset(grad_hs, through_gates, a, hs, n, t, last, dh, dc, dg, da, size=size)
        xp.dot(dc[t], w_hh, out=d_rh)
        before_gates(a, hs, d_rh, n, t, dh, dg, da, size=size)
        if t or with_h0:
            xp.dot(dg[t], w_gates, out=through_gates)
    if with_h0:
        dh += through_gates
    return da, dg, dc, dh
