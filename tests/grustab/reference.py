"""Eqs. (1)-(4) written out in float64: six matrices, column vectors, one step at a time.

Nothing here is shared with grustab. Gradients come from the equations alone, without a chain rule:
f(x + ih) has the imaginary part h f'(x), and for a tiny h nothing cancels, so all digits are right.
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


def weights_of(gru):
    """Copies of its six matrices, in float64."""
    return Weights(*(getattr(gru, name).astype("d") for name in Weights._fields))


def sigm(a):
    return 1 / (1 + np.exp(-a))


def step(w, x, h):
    """``h_t`` from the columns ``x_t`` (m, 1) and ``h_(t-1)`` (n, 1)."""
    z = sigm(w.W_xz @ x + w.W_hz @ h)  # eq. (1)
    r = sigm(w.W_xr @ x + w.W_hr @ h)  # eq. (2)
    candidate = np.tanh(w.W_xh @ x + w.W_hh @ (r * h))  # eq. (4)
    return z * h + (1 - z) * candidate  # eq. (3)


def forward(w, xs, h0):
    """All states (T, B, n) of the inputs (T, B, m) and the first state (B, n)."""
    states = []
    for b in range(len(h0)):
        h = h0[b, :, None]
        for t in range(len(xs)):
            h = step(w, xs[t, b, :, None], h)
            states.append(h[:, 0])
    return np.reshape(states, (len(h0), len(xs), -1)).swapaxes(0, 1)


def gradients(w, xs, h0, grad_hs):
    """Of ``sum(grad_hs * hs)`` with respect to xs, h0 and each of the weights: 8 arrays."""
    arrays = [a.astype(complex) for a in (xs, h0, *w)]
    found = []
    for array in arrays:
        grad = np.zeros(array.shape)
        for i in np.ndindex(*array.shape):
            array[i] += 1e-30j
            xs, h0, *w = arrays
            grad[i] = (grad_hs * forward(Weights(*w), xs, h0)).sum().imag / 1e-30
            array[i] -= 1e-30j
        found.append(grad)
    return found
