"""The element-wise work of one GRU step and of its gradient, for NumPy and for CuPy.

The arrays are those of :mod:`grustab.functions.gru` at one step: ``a`` and ``da`` (B, 3n), all
others (B, n) but for ``gate_product`` (B, 2n). On a CPU each operation writes into an array that
is there; on a GPU each function is one fused kernel.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer.backends import cuda


def forward(xp: Any) -> tuple[Callable, Callable]:
    """``(compute_gates, compute_state)`` of a step, for NumPy or CuPy arrays."""
    return (_gates, _state) if xp is np else (_gates_gpu, _state_gpu)


def backward(xp: Any) -> tuple[Callable, Callable]:
    """``(gradient_before_reset, gradient_before_gates)`` of a step."""
    if xp is np:
        return _gradient_before_reset, _gradient_before_gates
    return _gradient_before_reset_gpu, _gradient_before_gates_gpu


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


# The same four on a GPU, one kernel each; i runs over (B, n).

_PLACE = "ptrdiff_t j = i % n, row = i / n * 3 * n;"


def _gates_gpu(a: Any, gate_product: Any, h: Any, rh: Any) -> None:
    cuda.elementwise(
        "raw T product, T h, int32 n",
        "raw T a, T rh",
        _PLACE
        + """
        T z = tanh(a[row + j] + product[i / n * 2 * n + j]) * (T)0.5 + (T)0.5;
        T r = tanh(a[row + n + j] + product[i / n * 2 * n + n + j]) * (T)0.5 + (T)0.5;
        a[row + j] = z;
        a[row + n + j] = r;
        rh = r * h;
        """,
        "grustab_gates",
    )(gate_product, h, h.shape[1], a, rh)


def _state_gpu(a: Any, candidate_product: Any, h: Any, h_next: Any) -> None:
    cuda.elementwise(
        "T product, T h, int32 n",
        "raw T a, T h_next",
        _PLACE
        + """
        T candidate = tanh(a[row + 2 * n + j] + product);
        a[row + 2 * n + j] = candidate;
        h_next = candidate + a[row + j] * (h - candidate);
        """,
        "grustab_state",
    )(candidate_product, h, h.shape[1], a, h_next)


def _gradient_before_reset_gpu(a: Any, h: Any, dh: Any, da: Any) -> None:
    cuda.elementwise(
        "raw T a, T h, int32 n",
        "T dh, raw T da",
        _PLACE
        + """
        T z = a[row + j], candidate = a[row + 2 * n + j];
        T passed = dh * (1 - z);
        da[row + j] = passed * z * (h - candidate);
        da[row + 2 * n + j] = passed * (1 - candidate * candidate);
        dh *= z;
        """,
        "grustab_gradient_before_reset",
    )(a, h, h.shape[1], dh, da)


def _gradient_before_gates_gpu(a: Any, h: Any, d_rh: Any, dh: Any, da: Any) -> None:
    cuda.elementwise(
        "raw T a, T h, T d_rh, int32 n",
        "T dh, raw T da",
        _PLACE
        + """
        T r = a[row + n + j];
        dh += d_rh * r;
        da[row + n + j] = d_rh * h * r * (1 - r);
        """,
        "grustab_gradient_before_gates",
    )(a, h, d_rh, h.shape[1], dh, da)
