"""The GRU of eqs. (1)-(4) over a whole sequence, as one node of the graph.

Notation of the arrays in this file (T steps, B sequences, m inputs, n units):

=========  ============  ===================================================
``x``      (T, B, m)     inputs ``x_t``
``h0``     (B, n)        state before the first step
``W_x``    (3n, m)       ``W_xz``, ``W_xr``, ``W_xh`` stacked in that order
``W_h``    (3n, n)       ``W_hz``, ``W_hr``, ``W_hh`` stacked in that order
``a``      (T, B, 3n)    pre-activations, overwritten by ``z``, ``r``, ``h~``
``hs``     (T+1, B, n)   states, ``h0`` first
``rh``     (T, B, n)     ``r_t * h_{t-1}``
``da``     (T, B, 3n)    gradient of the pre-activations
=========  ============  ===================================================

A step does only what the recurrence forces: two products, and element-wise work on arrays that
exist already. Everything else is one product over all steps.
"""

import chainer
import numpy as np
from chainer import backend, function_node
from chainer.utils import type_check

from grustab.functions import gru_steps
from grustab.functions.double_backprop import refuse_double_backprop


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
        x, h0, w_x, w_h = inputs
        xp = backend.get_array_module(x)
        steps, batch, in_size = x.shape
        n = h0.shape[1]
        # The only products that do not depend on the state are done for all steps at once.
        a = x.reshape(steps * batch, in_size).dot(w_x.T).reshape(steps, batch, 3 * n)
        hs = xp.empty((steps + 1, batch, n), dtype=x.dtype)
        hs[0] = h0
        rh = xp.empty((steps, batch, n), dtype=x.dtype)
        step = gru_steps.forward if xp is np else gru_steps.forward_gpu
        step(a, hs, rh, w_h)
        self._a, self._rh, self._hs = a, rh, hs
        return (hs[1:],)

    def backward(self, target_input_indexes, grad_outputs):
        """Gradients with respect to all four inputs.

        Raises:
            NotImplementedError: If asked for a graph of the gradient (double backprop).
        """
        refuse_double_backprop("gru_sequence")
        x, h0, w_x, w_h = (v.array for v in self.get_retained_inputs())
        (grad_hs,) = (g.array for g in grad_outputs)
        xp = backend.get_array_module(x)
        a, rh, hs = self._a, self._rh, self._hs
        steps, batch, in_size = x.shape
        n = h0.shape[1]
        step = gru_steps.backward if xp is np else gru_steps.backward_gpu
        da, dg, dc, dh = step(a, hs, grad_hs, w_h, 1 in target_input_indexes)

        # Weight gradients need no recurrence: one product over all steps each.
        rows = steps * batch
        flat = da.reshape(rows, 3 * n)
        dw_h = xp.empty(w_h.shape, dtype=w_h.dtype)
        xp.dot(dg.reshape(rows, 2 * n).T, hs[:-1].reshape(rows, n), out=dw_h[: 2 * n])
        xp.dot(dc.reshape(rows, n).T, rh.reshape(rows, n), out=dw_h[2 * n :])
        dw_x = flat.T.dot(x.reshape(rows, in_size))
        dx = flat.dot(w_x).reshape(x.shape) if 0 in target_input_indexes else None
        grads = (dx, dh, dw_x, dw_h)
        return tuple(chainer.as_variable(grads[i]) for i in target_input_indexes)


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
