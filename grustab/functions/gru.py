"""The GRU of eqs. (1)-(4) over a whole sequence, as one node of the graph.

Notation of the arrays in this file (T steps, B sequences, m inputs, n units):

=========  ==========  =====================================================
``x``      (T, B, m)   inputs ``x_t``
``h0``     (B, n)      state before the first step
``W_x``    (3n, m)     ``W_xz``, ``W_xr``, ``W_xh`` stacked in that order
``W_h``    (3n, n)     ``W_hz``, ``W_hr``, ``W_hh`` stacked in that order
``a``      (T, B, 3n)  pre-activations, overwritten by ``z``, ``r``, ``h~``
=========  ==========  =====================================================
"""

import chainer
from chainer import backend, function_node
from chainer.utils import type_check


def _sigmoid_inplace(xp, a) -> None:
    """Logistic sigmoid through tanh, which cannot overflow."""
    a *= 0.5
    xp.tanh(a, out=a)
    a += 1
    a *= 0.5


class GRUSequence(function_node.FunctionNode):
    """Eqs. (1)-(4) for T steps, with back-propagation through all of them.

    The reset gate is applied before the product with ``W_hh`` and ``z`` weighs the previous
    state, as the paper prints them (Chainer's ``StatefulGRU`` has ``z`` the other way round,
    cuDNN applies ``r`` after the product).
    """

    def check_type_forward(self, in_types: type_check.TypeInfoTuple) -> None:
        """Shapes as in the table above, one floating dtype."""
        type_check._argname(in_types, ("x", "h0", "W_x", "W_h"))
        x, h0, w_x, w_h = in_types
        type_check.expect(
            x.dtype.kind == "f", x.ndim == 3, h0.ndim == 2, w_x.ndim == 2, w_h.ndim == 2
        )
        type_check.expect(
            x.shape[0] > 0,
            h0.dtype == x.dtype,
            w_x.dtype == x.dtype,
            w_h.dtype == x.dtype,
            h0.shape[0] == x.shape[1],
            w_x.shape[1] == x.shape[2],
            w_h.shape[1] == h0.shape[1],
            w_h.shape[0] == 3 * h0.shape[1],
            w_x.shape[0] == w_h.shape[0],
        )

    def forward(self, inputs):
        """All states ``h_1 ... h_T`` as one array (T, B, n)."""
        self.retain_inputs((0, 1, 2, 3))
        x, h, w_x, w_h = inputs
        xp = backend.get_array_module(x)
        steps, batch, in_size = x.shape
        n = h.shape[1]
        w_gates_t, w_hh_t = w_h[: 2 * n].T, w_h[2 * n :].T

        # The only products that do not depend on the state are done for all steps at once.
        a = x.reshape(steps * batch, in_size).dot(w_x.T).reshape(steps, batch, 3 * n)
        hs = xp.empty((steps, batch, n), dtype=x.dtype)
        rh = xp.empty_like(hs)
        for t in range(steps):
            gates, candidate = a[t, :, : 2 * n], a[t, :, 2 * n :]
            gates += h.dot(w_gates_t)
            _sigmoid_inplace(xp, gates)  # eqs. (1), (2)
            z, r = gates[:, :n], gates[:, n:]
            xp.multiply(r, h, out=rh[t])
            candidate += rh[t].dot(w_hh_t)
            xp.tanh(candidate, out=candidate)  # eq. (4)
            xp.subtract(h, candidate, out=hs[t])
            hs[t] *= z
            hs[t] += candidate  # eq. (3)
            h = hs[t]
        self._a, self._rh, self._hs = a, rh, hs
        return (hs,)

    def backward(self, target_input_indexes, grad_outputs):
        """Gradients with respect to all four inputs.

        Raises:
            NotImplementedError: If asked for a graph of the gradient (double backprop).
        """
        if chainer.config.enable_backprop:
            raise NotImplementedError(
                "gru_sequence has no second derivative: call backward() and grad() with "
                "enable_double_backprop=False"
            )
        x, h0, w_x, w_h = (v.array for v in self.get_retained_inputs())
        (grad_hs,) = (g.array for g in grad_outputs)
        xp = backend.get_array_module(x)
        a, rh, hs = self._a, self._rh, self._hs
        steps, batch, in_size = x.shape
        n = h0.shape[1]
        w_gates, w_hh = w_h[: 2 * n], w_h[2 * n :]

        da = xp.empty_like(a)  # gradient of the pre-activations
        dh = xp.zeros_like(h0)
        for t in reversed(range(steps)):
            h_prev = hs[t - 1] if t else h0
            z, r, candidate = a[t, :, :n], a[t, :, n : 2 * n], a[t, :, 2 * n :]
            dz, dr, dc = da[t, :, :n], da[t, :, n : 2 * n], da[t, :, 2 * n :]
            dh += grad_hs[t]
            xp.multiply(dh, 1 - z, out=dc)
            dc *= 1 - candidate * candidate
            d_rh = dc.dot(w_hh)
            xp.multiply(d_rh, h_prev, out=dr)
            dr *= r * (1 - r)
            xp.subtract(h_prev, candidate, out=dz)
            dz *= dh
            dz *= z * (1 - z)
            dh *= z
            dh += d_rh * r
            dh += da[t, :, : 2 * n].dot(w_gates)

        # Weight gradients need no recurrence: one product over all steps each.
        flat = da.reshape(steps * batch, 3 * n)
        h_before = xp.concatenate((h0[None], hs[:-1])).reshape(steps * batch, n)
        dw_h = xp.empty_like(w_h)
        dw_h[: 2 * n] = flat[:, : 2 * n].T.dot(h_before)
        dw_h[2 * n :] = flat[:, 2 * n :].T.dot(rh.reshape(steps * batch, n))
        dw_x = flat.T.dot(x.reshape(steps * batch, in_size))
        dx = flat.dot(w_x).reshape(x.shape) if 0 in target_input_indexes else None
        grads = (dx, dh, dw_x, dw_h)
        return tuple(
            None if grads[i] is None else chainer.as_variable(grads[i])
            for i in target_input_indexes
        )


def gru_sequence(x, h0, W_x, W_h) -> chainer.Variable:
    """Run the GRU of eqs. (1)-(4) over a sequence.

    Args:
        x: Inputs, shape (T, B, m), float, T >= 1.
        h0: State before the first step, shape (B, n), same dtype.
        W_x: ``W_xz``, ``W_xr``, ``W_xh`` stacked, shape (3n, m), same dtype.
        W_h: ``W_hz``, ``W_hr``, ``W_hh`` stacked, shape (3n, n), same dtype.

    Returns:
        The states after each step, shape (T, B, n), same dtype.

    Raises:
        chainer.utils.type_check.InvalidType: If shapes or dtypes do not fit.
        NotImplementedError: On double backprop through the result.
    """
    return GRUSequence().apply((x, h0, W_x, W_h))[0]
