"""Word vectors, with the gradient of only those that were used."""

from typing import Any

import chainer
import numpy as np
from chainer import function_node
from chainer.utils import type_check

from grustab.functions.double_backprop import refuse_double_backprop
from grustab.row_sparse import RowSparseParameter


class EmbedIDRows(function_node.FunctionNode):
    """Rows ``ids`` of a matrix in main memory."""

    def __init__(self, ids: np.ndarray) -> None:
        self.ids = ids

    def check_type_forward(self, in_types: type_check.TypeInfoTuple) -> None:
        """A floating matrix, and integers."""
        type_check._argname(in_types, ("W",))
        type_check.expect(in_types[0].dtype.kind == "f", in_types[0].ndim == 2)
        if self.ids.dtype.kind not in "iu":  # booleans would be taken as a mask
            raise type_check.InvalidType("integer ids", f"ids of dtype {self.ids.dtype}")

    def forward(self, inputs):
        """The rows, shape ``ids.shape + (n,)``."""
        (w,) = inputs
        self._shape = w.shape
        return (w[self.ids],)

    def backward(self, target_input_indexes, grad_outputs):
        """Straight into the parameter where that takes rows; else as a whole matrix.

        Raises:
            NotImplementedError: If asked for a graph of the gradient (double backprop).
        """
        refuse_double_backprop("embed_id_rows", instead="chainer.functions.embed_id")
        (grad,) = (g.array for g in grad_outputs)
        rows, values = self.ids.reshape(-1), grad.reshape(self.ids.size, -1)
        parameter = self.inputs[0].get_variable_or_none()
        if isinstance(parameter, RowSparseParameter) and grad.dtype.char in "fd":
            parameter.add_row_gradient(rows, values)
            return (None,)
        whole = np.zeros(self._shape, dtype=grad.dtype)
        np.add.at(whole, rows, values)
        return (chainer.as_variable(whole),)


def embed_id_rows(ids: Any, W: Any) -> chainer.Variable:
    """Vectors of words, as :func:`chainer.functions.embed_id`, on a CPU.

    Args:
        ids: Row numbers from 0 to V - 1, any shape, integers, array or Variable.
        W: Matrix (V, n), float. Where it is a :class:`grustab.row_sparse.RowSparseParameter`,
            ``backward()`` adds to its ``row_gradient``: ``chainer.grad`` finds nothing there, and
            a loss scale is not undone.

    Returns:
        Shape ``ids.shape + (n,)``.

    Raises:
        chainer.utils.type_check.InvalidType: If ``ids`` are no integers or ``W`` no float matrix.
        NotImplementedError: On double backprop through the result.
    """
    ids = ids.array if isinstance(ids, chainer.Variable) else ids
    return EmbedIDRows(ids).apply((W,))[0]
