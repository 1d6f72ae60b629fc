"""Eqs. (1)-(4) written out in float64: six matrices, column vectors, one step at a time.

Nothing here is shared with grustab. Gradients come twice: by the chain rule through the explicit
Jacobian of each step, and by central differences.
"""

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    W_xz: np.ndarray
    W_hz: np.ndarray
    W_xr: np.ndarray
    W_hr: np.ndarray
    W_xh: np.ndarray
    W_hh: np.ndarray


def random_weights(m, n, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    shapes = [(n, m), (n, n)] * 3
    return Weights(*(rng.normal(0, scale / np.sqrt(max(n, 2)), shape) for shape in shapes))


def sigm(a):
    return 1 / (1 + np.exp(-a))


def step(w, x, h):
    """``h_t`` from the columns ``x_t`` (m, 1) and ``h_(t-1)`` (n, 1)."""
    z = sigm(w.W_xz @ x + w.W_hz @ h)  # eq. (1)
    r = sigm(w.W_xr @ x + w.W_hr @ h)  # eq. (2)
    candidate = np.tanh(w.W_xh @ x + w.W_hh @ (r * h))  # eq. (4)
    return z * h + (1 - z) * candidate  # eq. (3)


def forward(w, xs, h0, step=step):
    """All states (T, B, n) of the inputs (T, B, m) and the first state (B, n)."""
    steps, batch, _ = xs.shape
    hs = np.zeros((steps, batch, h0.shape[1]))
    for b in range(batch):
        h = h0[b].astype(np.float64).reshape(-1, 1)
        for t in range(steps):
            h = step(w, xs[t, b].astype(np.float64).reshape(-1, 1), h)
            hs[t, b] = h[:, 0]
    return hs


def backward(w, xs, h0, grad_hs):
    """Gradients of ``sum(grad_hs * hs)``: (dx, dh0, dWeights)."""
    steps, batch, _ = xs.shape
    hs = forward(w, xs, h0)
    dx, dh0 = np.zeros(xs.shape), np.zeros(h0.shape)
    dw = Weights(*(np.zeros_like(matrix) for matrix in w))
    for b in range(batch):
        g = np.zeros((h0.shape[1], 1))
        for t in reversed(range(steps)):
            x = xs[t, b].reshape(-1, 1)
            h = (hs[t - 1, b] if t else h0[b]).reshape(-1, 1)
            z = sigm(w.W_xz @ x + w.W_hz @ h)
            r = sigm(w.W_xr @ x + w.W_hr @ h)
            c = np.tanh(w.W_xh @ x + w.W_hh @ (r * h))
            g = g + grad_hs[t, b].reshape(-1, 1)
            # How h_t moves with each of the three pre-activations.
            of_z = np.diagflat((h - c) * z * (1 - z))
            of_c = np.diagflat((1 - z) * (1 - c**2))
            of_r = of_c @ w.W_hh @ np.diagflat(h * r * (1 - r))
            for g_a, name, recurrent in (
                (of_z.T @ g, "z", h),
                (of_r.T @ g, "r", h),
                (of_c.T @ g, "h", r * h),
            ):
                getattr(dw, f"W_x{name}")[...] += g_a @ x.T
                getattr(dw, f"W_h{name}")[...] += g_a @ recurrent.T
            by_x = of_z @ w.W_xz + of_r @ w.W_xr + of_c @ w.W_xh
            by_h = np.diagflat(z) + of_z @ w.W_hz + of_r @ w.W_hr
            by_h = by_h + of_c @ w.W_hh @ np.diagflat(r)
            dx[t, b] = (by_x.T @ g)[:, 0]
            g = by_h.T @ g
        dh0[b] = g[:, 0]
    return dx, dh0, dw


def numerical_gradient(w, xs, h0, grad_hs, eps=1e-5):
    """The same by central differences, one entry after the other."""

    def loss():
        return (grad_hs * forward(w, xs, h0)).sum()

    grads = []
    w, xs, h0 = Weights(*(m.copy() for m in w)), xs.copy(), h0.copy()
    for array in (xs, h0, *w):
        grad = np.zeros_like(array)
        for i in np.ndindex(*array.shape):
            value = array[i]
            array[i] = value + eps
            above = loss()
            array[i] = value - eps
            below = loss()
            array[i] = value
            grad[i] = (above - below) / (2 * eps)
        grads.append(grad)
    return grads[0], grads[1], Weights(*grads[2:])
