"""A parameter whose gradient may be known to be zero but for a few rows."""

from typing import Any

import chainer
import numpy as np
from scipy.sparse import coo_array


class RowSparseParameter(chainer.Parameter):
    """A parameter matrix, in main memory, that can hold its gradient as a few rows.

    The word vectors of the paper's language model are 10,000 x 650 numbers, 26 MB, and a batch
    touches some 300 rows of them. Code that knows :attr:`row_gradient` leaves the other rows
    alone; for any other code ``grad`` is the whole array, made when first asked for.
    """

    _rows: tuple[np.ndarray, np.ndarray] | None = None
    _whole: Any = None

    @property
    def row_gradient(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The gradient as distinct row numbers (R,) and their values (R, n), other rows zero.

        ``None`` where ``grad`` holds it. The values may be changed in place.
        """
        return self._rows

    def add_row_gradient(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Add ``values`` (N, n) to the gradient of ``rows`` (N,), in which a row may recur."""
        if self._rows is not None or self._whole is not None:
            np.add.at(self.grad, rows, values)
            return
        distinct, place = np.unique(rows, return_inverse=True)
        ones = np.ones(len(rows), dtype=values.dtype)
        members = coo_array(  # of each distinct row
            (ones, (place, np.arange(len(rows)))), shape=(len(distinct), len(rows))
        )
        self._rows = distinct, members.tocsr() @ values

    # Where chainer.Variable keeps the array of the gradient.
    @property
    def _grad(self) -> Any:
        if self._rows is not None:
            rows, values = self._rows
            whole = np.zeros_like(self.array)
            whole[rows] = values
            self._grad = whole
        return self._whole

    @_grad.setter
    def _grad(self, whole: Any) -> None:
        self._whole, self._rows = whole, None

    # An assignment replaces the gradient, but backward() takes away what is there and puts it
    # back at its end, together with what other functions have added: to the rows of meanwhile.
    @property
    def grad_var(self) -> chainer.Variable | None:
        """Gradient variable, as of :class:`chainer.Parameter`."""
        return chainer.Parameter.grad_var.fget(self)

    @grad_var.setter
    def grad_var(self, grad: chainer.Variable | None) -> None:
        super()._set_grad_var_without_check(None)
        chainer.Parameter.grad_var.fset(self, grad)

    def _set_grad_var_without_check(self, grad: chainer.Variable | None) -> None:
        meanwhile = None if grad is None else self.grad
        super()._set_grad_var_without_check(grad)
        if meanwhile is not None:
            self.grad = grad.array + meanwhile

    def __copy__(self) -> "RowSparseParameter":
        return self._copy_to(RowSparseParameter())

    def __reduce__(self) -> tuple[Any, ...]:
        return _recover, super().__reduce__()[1]


def _recover(*arguments: Any) -> RowSparseParameter:
    plain = chainer.variable._recover_parameter(*arguments)
    parameter = plain._copy_to(RowSparseParameter())
    parameter._grad = plain._grad
    return parameter


def nonzero_gradients(target: chainer.Link) -> list[Any]:
    """The arrays of a model's gradient; of a row-sparse one only the rows that are held."""
    arrays = []
    for param in target.params(False):
        rows = getattr(param, "row_gradient", None)
        grad = param.grad if rows is None else rows[1]
        if grad is not None:
            arrays.append(grad)
    return arrays
