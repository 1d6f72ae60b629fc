"""The steps of a GRU and of its gradient, for NumPy and for CuPy.

The arrays are those of :mod:`grustab.functions.gru` at one step: ``a`` and ``da`` (B, 3n), all
others (B, n) but for ``gate_product`` (B, 2n). On a CPU each operation writes into an array that
is there; on a GPU a step is two kernels, each a product and the element-wise work after it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer.backends import cuda


def forward(xp: Any) -> Callable:
    """``(a, hs, rh, w_h)``: all steps, for NumPy or CuPy arrays; ``a``, ``hs``, ``rh`` change."""
    return _forward if xp is np else _forward_gpu


def backward(xp: Any) -> Callable:
    """``(a, hs, grad_hs, w_h, with_h0)``: all steps back.

    Gives ``da`` and the gradient of ``h0``, which a GPU computes only ``with_h0``.
    """
    return _backward if xp is np else _backward_gpu


def _forward(a: Any, hs: Any, rh: Any, w_h: Any) -> None:
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


def _backward(a: Any, hs: Any, grad_hs: Any, w_h: Any, with_h0: bool) -> tuple[Any, Any]:
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
    return da, dh


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


# On a GPU. A launch takes the host longer than it takes the GPU, and a product of so few rows by
# cuBLAS three times as long: hence two kernels a step, which multiply, too, and whole arrays, as
# slices and arguments that are not raw cost the host as much again.

#: Rows of the batch per thread: it reads a weight once for all of them.
ROWS = 4
_PRODUCT = """
template <int bytes> struct Sum { typedef float type; };
template <> struct Sum<8> { typedef double type; };

// Sums of some rows of x, of which ``rows`` are there, times one column of w.
template <int ROWS, typename T, typename S> __device__ void product(
    S* sums, const T* x, ptrdiff_t x_step, ptrdiff_t rows, const T* w, ptrdiff_t w_step, int length
) {
    const T* row[ROWS];
    for (int q = 0; q < ROWS; ++q) {
        row[q] = x + (q < rows ? q : 0) * x_step;
        sums[q] = 0;
    }
    #pragma unroll 25
    for (int k = 0; k < length; ++k) {
        S weight = w[k * w_step];
        for (int q = 0; q < ROWS; ++q) sums[q] += (S)row[q][k] * weight;
    }
}
"""
# Rows count through all steps. A thread has a column of the product and up to ROWS rows of step t.
_STEP = """
    typedef typename Sum<sizeof(T)>::type S;
    ptrdiff_t width = {width}, column = i % width, start = (ptrdiff_t)t * b;
    ptrdiff_t first = start + i / width * {ROWS}, rows = start + b - first;
    S sums[{ROWS}];
    product<{ROWS}, T>(sums, {product});
    for (ptrdiff_t row = first; row < first + {ROWS} && row < start + b; ++row) {{
        T sum = sums[row - first];
        ptrdiff_t now = row * n + column, in_step = now - start * n;
        ptrdiff_t z_at = row * 3 * n + column, r_at = z_at + n, c_at = r_at + n;
        {each}
    }}
"""
_KERNELS = {
    "gates": (
        "raw T hs, raw T w_t, int32 b, int32 n, int32 t",
        "raw T a, raw T rh",
        "2 * n",
        "&hs[first * n], n, rows, &w_t[column], 3 * n, n",
        """
        T half = 0.5;  // sigmoid(x) = tanh(x / 2) / 2 + 1 / 2 cannot overflow
        T gate = tanh((a[z_at] + sum) * half) * half + half;
        a[z_at] = gate;  // or r, where the column is one of its
        if (column >= n) rh[now - n] = gate * hs[now - n];
        """,
    ),
    "state": (
        "raw T rh, raw T w_t, int32 b, int32 n, int32 t",
        "raw T a, raw T hs",
        "n",
        "&rh[first * n], n, rows, &w_t[2 * n + column], 3 * n, n",
        """
        T candidate = tanh(a[c_at] + sum), h = hs[now];
        a[c_at] = candidate;
        hs[now + (ptrdiff_t)b * n] = candidate + a[z_at] * (h - candidate);
        """,
    ),
    "gradient_before_reset": (
        "raw T grad_hs, raw T a, raw T hs, raw T w, int32 b, int32 n, int32 t, bool last",
        "raw T dh, raw T da",
        "n",
        "&da[last ? 0 : (first + b) * 3 * n], 3 * n, rows, &w[column], n, last ? 0 : 2 * n",
        """
        T z = a[z_at], candidate = a[c_at], whole = grad_hs[now];
        if (!last) whole += dh[in_step] + sum;
        T passed = whole * (1 - z);
        da[z_at] = passed * z * (hs[now] - candidate);
        da[c_at] = passed * (1 - candidate * candidate);
        dh[in_step] = whole * z;
        """,
    ),
    "gradient_before_gates": (
        "raw T a, raw T hs, raw T w, int32 b, int32 n, int32 t",
        "raw T dh, raw T da",
        "n",
        "&da[first * 3 * n + 2 * n], 3 * n, rows, &w[2 * n * (ptrdiff_t)n + column], n, n",
        """
        T r = a[r_at];
        dh[in_step] += sum * r;
        da[r_at] = sum * hs[now] * r * (1 - r);
        """,
    ),
}


def _kernel(name: str) -> Callable:
    inputs, outputs, width, product, each = _KERNELS[name]
    step = _STEP.format(width=width, ROWS=ROWS, product=product, each=each)
    return cuda.elementwise(inputs, outputs, step, f"grustab_{name}", preamble=_PRODUCT)


def _forward_gpu(a: Any, hs: Any, rh: Any, w_h: Any) -> None:
    steps, batch, n = rh.shape
    gates, state, threads = _kernel("gates"), _kernel("state"), -(-batch // ROWS) * n
    w_t = cuda.cupy.ascontiguousarray(w_h.T)  # so that neighbouring threads read neighbours
    for t in range(steps):
        gates(hs, w_t, batch, n, t, a, rh, size=2 * threads)
        state(rh, w_t, batch, n, t, a, hs, size=threads)


def _backward_gpu(a: Any, hs: Any, grad_hs: Any, w_h: Any, with_h0: bool) -> tuple[Any, Any]:
    xp, n, (steps, batch, _) = cuda.cupy, w_h.shape[1], a.shape
    before_reset, before_gates = _kernel("gradient_before_reset"), _kernel("gradient_before_gates")
    da, dh, w = xp.empty_like(a), xp.empty_like(hs[0]), xp.ascontiguousarray(w_h)
    threads = -(-batch // ROWS) * n
    for t in reversed(range(steps)):
        last = t == steps - 1
        before_reset(grad_hs, a, hs, w, batch, n, t, last, dh, da, size=threads)
        before_gates(a, hs, w, batch, n, t, dh, da, size=threads)
    if with_h0:
        dh += da[0, :, : 2 * n].dot(w[: 2 * n])
    return da, dh
