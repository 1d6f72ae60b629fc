"""Output layer and negative log-likelihood in one node of the graph.

The scores ``y = h W^T + b`` of a language model are its largest array by far: 700 x 10,000 in the
paper's experiments, 28 MB. Here there is one such array, which becomes the gradient of the loss
with respect to the scores in place; on a CPU a block of rows at a time, while it is in cache.

========  ======  ==========================================================
``h``     (N, n)  what the layer reads, one row a step of a sequence
``W``     (V, n)  weights of the output layer
``b``     (V,)    its bias, or ``None``
========  ======  ==========================================================
"""

from typing import Any

import chainer
import numpy as np
from chainer import backend, function_node
from chainer.utils import type_check

from grustab.functions.double_backprop import refuse_double_backprop

#: Bytes of a block of scores: of the size of a core's second-level cache.
BLOCK_BYTES = 2**20
#: exp(y) is summed as it stands where the sum stays within these limits, far from float32's own;
#: other rows are done again with their largest score subtracted.
SMALLEST_SUM, LARGEST_SUM = 1e-25, 1e25


class _LinearCrossEntropy(function_node.FunctionNode):
    """Loss in ``forward``, together with all that ``backward`` needs but two products.

    A subclass leaves in ``forward`` the array ``D`` (N, V) and the factors ``k`` (N,), such that
    ``k[:, None] * D`` is the gradient of the loss with respect to the scores.
    """

    def check_type_forward(self, in_types: type_check.TypeInfoTuple) -> None:
        """``h`` (N, n), ``W`` (V, n) and ``b`` (V,), one floating dtype."""
        type_check._argname(in_types[:2], ("h", "W"))
        h, w = in_types[:2]
        type_check.expect(h.dtype.kind == "f", h.ndim == 2, w.ndim == 2)
        type_check.expect(w.dtype == h.dtype, w.shape[1] == h.shape[1])
        if type_check.eval(in_types.size()) == 3:
            type_check._argname(in_types[2:], ("b",))
            b = in_types[2]
            type_check.expect(b.dtype == h.dtype, b.ndim == 1, b.shape[0] == w.shape[0])
        n_rows, n_outputs = type_check.eval(h.shape[0]), type_check.eval(w.shape[0])
        for name, array, kinds, shape in self._others(n_rows, n_outputs):
            if array is not None and (array.dtype.kind not in kinds or array.shape != shape):
                raise type_check.InvalidType(
                    f"{name}: shape {shape}, type {' or '.join(kinds)}",
                    f"{array.shape}, {array.dtype.kind}",
                )

    def _others(self, n_rows: int, n_outputs: int) -> list[tuple[str, Any, str, tuple[int, ...]]]:
        """What is no variable of the graph: name, array, kinds of dtype, shape."""
        raise NotImplementedError

    def _keep(self, d: Any, factors: Any) -> None:
        if chainer.config.enable_backprop:
            self.retain_inputs((0, 1))
            self._d, self._factors = d, factors

    def backward(self, target_input_indexes, grad_outputs):
        """Gradients with respect to ``h``, ``W`` and ``b``.

        Raises:
            NotImplementedError: If asked for a graph of the gradient (double backprop).
        """
        refuse_double_backprop(type(self).__name__)
        h, w = (v.array for v in self.get_retained_inputs())
        d = self._d
        # (k D)^T h = D^T (k h): the factors go to the small matrices, not to D.
        factors = self._factors * grad_outputs[0].array
        grads = []
        for i in target_input_indexes:
            if i == 0:
                grad = d.dot(w)
                grad *= factors[:, None]
            elif i == 1:
                grad = d.T.dot(h * factors[:, None])
            else:
                grad = factors.dot(d)
            grads.append(chainer.as_variable(grad))
        return tuple(grads)


class LinearSoftmaxCrossEntropy(_LinearCrossEntropy):
    """Softmax of a linear layer, and the summed negative log-likelihood of the labels."""

    def __init__(self, labels: Any) -> None:
        self.labels = labels

    def _others(self, n_rows, n_outputs):
        return [("labels", self.labels, "iu", (n_rows,))]

    def forward(self, inputs):
        """The sum over all rows whose label is not -1, a scalar."""
        h, w, *bias = inputs
        xp = backend.get_array_module(h)
        labels, counts = self.labels, self.labels >= 0
        rows = xp.arange(len(h))
        d = h.dot(w.T)
        sums = xp.empty(len(h), dtype=d.dtype)
        score_of_label = xp.empty_like(sums)
        if xp is np and d.dtype.char in "fd":  # a float16's range is too small for sums of exp(y)
            ones = np.ones(d.shape[1], dtype=d.dtype)
            block = max(BLOCK_BYTES // (d.itemsize * d.shape[1]), 1)
            for start in range(0, len(d), block):
                part = slice(start, start + block)
                self._exp(d[part], bias, labels[part], score_of_label[part], sums[part], ones)
            self._repeat_extreme_rows(inputs, d, score_of_label, sums)
        else:
            if bias:
                d += bias[0]
            d -= d.max(axis=1, keepdims=True)
            score_of_label[...] = d[rows, labels]
            xp.exp(d, out=d)
            d.sum(axis=1, out=sums)
        loss = xp.where(counts, xp.log(sums) - score_of_label, 0).sum()
        if xp is np and not counts.all():
            d[~counts], sums[~counts] = 0, 1  # whatever their scores are, Inf included
        d[rows, labels] -= sums  # a label of -1 changes a row that does not count
        self._keep(d, counts / sums)
        return (xp.asarray(loss, dtype=h.dtype),)

    @staticmethod
    def _exp(y: Any, bias: Any, labels: Any, score_of_label: Any, sums: Any, ones: Any) -> None:
        if bias:
            y += bias[0]
        score_of_label[...] = y[np.arange(len(y)), labels]
        with np.errstate(over="ignore"):
            np.exp(y, out=y)
            np.dot(y, ones, out=sums)

    @staticmethod
    def _repeat_extreme_rows(inputs: Any, d: Any, score_of_label: Any, sums: Any) -> None:
        """Rows whose sum of exp(y) is too large or too small, with the largest y subtracted."""
        (extreme,) = np.nonzero(~((sums > SMALLEST_SUM) & (sums < LARGEST_SUM)))
        if not len(extreme):
            return
        h, w, *bias = inputs
        y = h[extreme].dot(w.T)
        if bias:
            y += bias[0]
        largest = y.max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            score_of_label[extreme] -= largest[:, 0]
            y -= largest
        np.exp(y, out=y)
        d[extreme] = y
        sums[extreme] = y.sum(axis=1)


class LinearSigmoidCrossEntropy(_LinearCrossEntropy):
    """Logistic outputs of a linear layer, and their summed negative log-likelihood."""

    def __init__(self, targets: Any, counts: Any = None) -> None:
        self.targets, self.counts = targets, counts

    def _others(self, n_rows, n_outputs):
        targets = ("targets", self.targets, "fiub", (n_rows, n_outputs))
        return [targets, ("counts", self.counts, "fiub", (n_rows,))]

    def forward(self, inputs):
        """The sum over all outputs of all rows that count, a scalar."""
        h, w, *bias = inputs
        xp = backend.get_array_module(h)
        y = h.dot(w.T)
        if bias:
            y += bias[0]
        targets = self.targets.astype(y.dtype, copy=False)
        # -log p(t) = softplus(y) - t y, with softplus(y) = max(y, 0) + log(1 + exp(-|y|)).
        terms = xp.log1p(xp.exp(-xp.abs(y)))
        terms += xp.maximum(y, 0)
        terms -= targets * y
        losses = terms.sum(axis=1)
        # Its gradient: sigmoid(y) - t.
        y *= 0.5
        xp.tanh(y, out=y)
        y += 1
        y *= 0.5
        y -= targets
        counts = xp.ones_like(losses) if self.counts is None else self.counts.astype(y.dtype)
        self._keep(y, counts)
        return (xp.asarray(losses.dot(counts), dtype=h.dtype),)


def linear_softmax_cross_entropy(h: Any, W: Any, b: Any, labels: Any) -> chainer.Variable:
    """Summed negative log-likelihood of labels under ``softmax(h W^T + b)``.

    Equal to ``softmax_cross_entropy(linear(h, W, b), labels)`` summed over the rows, up to
    rounding.

    Args:
        h: Shape (N, n), float.
        W: Weights (V, n), same dtype.
        b: Bias (V,), same dtype, or ``None``.
        labels: Array (N,) of integers below V; rows with -1 do not count.

    Returns:
        A scalar, in nats; NaN or Inf where a score of a row that counts is.

    Raises:
        IndexError: If a label is not below V (on a CPU).
        chainer.utils.type_check.InvalidType: If shapes or dtypes do not fit.
        NotImplementedError: On double backprop through the result.
    """
    inputs = (h, W) if b is None else (h, W, b)
    return LinearSoftmaxCrossEntropy(labels).apply(inputs)[0]


def linear_sigmoid_cross_entropy(
    h: Any, W: Any, b: Any, targets: Any, counts: Any = None
) -> chainer.Variable:
    """Summed negative log-likelihood of targets under ``V`` independent logistic outputs.

    Equal to ``softplus(y) - t y`` with ``y = linear(h, W, b)``, summed over outputs and rows, up
    to rounding.

    Args:
        h: Shape (N, n), float.
        W: Weights (V, n), same dtype.
        b: Bias (V,), same dtype, or ``None``.
        targets: Array (N, V) of numbers between 0 and 1.
        counts: Array (N,), 0 where a row does not count and 1 elsewhere, or ``None``.

    Returns:
        A scalar, in nats; NaN or Inf where a score is.

    Raises:
        chainer.utils.type_check.InvalidType: If shapes or dtypes do not fit.
        NotImplementedError: On double backprop through the result.
    """
    inputs = (h, W) if b is None else (h, W, b)
    return LinearSigmoidCrossEntropy(targets, counts).apply(inputs)[0]
