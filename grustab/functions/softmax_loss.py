"""Output layer and negative log-likelihood of a language model."""

import functools
from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import function_node
from chainer.backends import cuda

from grustab.functions.double_backprop import refuse_double_backprop

# The sum of exp(y) by its logarithm's two parts, the largest y so far and the sum below it.
_PARTS = """
struct Parts {
    T most, sum;
    __device__ Parts() : most(0), sum(0) {}  // of no y
    __device__ Parts(T y) : most(y), sum(1) {}
    __device__ Parts(T most_, T sum_) : most(most_), sum(sum_) {}
};
__device__ Parts join(const Parts& p, const Parts& q) {
    if (p.sum == 0 || q.sum == 0) return p.sum == 0 ? q : p;
    if (p.most == q.most) return Parts(p.most, p.sum + q.sum);  // both may be infinite
    T most = p.most > q.most ? p.most : q.most;
    return Parts(most, p.sum * exp(p.most - most) + q.sum * exp(q.most - most));
}
"""
_LOG_SUMS = (
    "T y, T bias",
    "T log_sum",
    "Parts(y + bias)",
    "join(a, b)",
    "log_sum = a.most + log(a.sum)",
    None,
    "grustab_log_sums",
)
_TOTAL = (
    "T log_sum, S label, int32 row, raw T y, raw T bias, int64 n",
    "T total",
    "label < 0 ? (T)0 : (T)(log_sum - (y[row * n + label] + bias[label]))",
    "a + b",
    "total = a",
    "0",
    "grustab_cross_entropy",
)
_GRADIENT = (
    "T y, T bias, T log_sum, S label, T g, int64 n",
    "T gy",
    "gy = label < 0 ? (T)0 : (T)((exp(y + bias - log_sum) - (i % n == label)) * g)",
    "grustab_cross_entropy_gradient",
)


class _CrossEntropy(function_node.FunctionNode):
    """Summed loss of scores ``y + bias`` on a GPU: two kernels forward, one back for ``y``.

    Chainer's takes ten and one; the scores, 28 MB, are the largest array of all by far.
    """

    def __init__(self, labels: Any) -> None:
        self.labels = labels

    def forward_gpu(self, inputs):
        self.retain_inputs((0, 1))
        y, bias = inputs
        log_sums = cuda.reduce(*_LOG_SUMS, reduce_type="Parts", preamble=_PARTS)
        self.log_sums = log_sums(y, bias, axis=1)
        rows = _numbers(len(y), cuda.cupy.cuda.get_device_id())
        total = cuda.reduce(*_TOTAL)
        return (total(self.log_sums, self.labels, rows, y, bias, y.shape[1]),)

    def backward(self, target_input_indexes, grad_outputs):
        refuse_double_backprop("cross_entropy")
        y, bias = (v.array for v in self.get_retained_inputs())
        (g,) = (g.array for g in grad_outputs)
        labels, log_sums = self.labels[:, None], self.log_sums[:, None]
        gy = cuda.elementwise(*_GRADIENT)(y, bias, log_sums, labels, g, y.shape[1])
        grads = gy, gy.sum(axis=0)
        return tuple(chainer.as_variable(grads[i]) for i in target_input_indexes)


@functools.lru_cache(maxsize=4)
def _numbers(n: int, device: int) -> Any:
    return cuda.cupy.arange(n, dtype=np.int32)


def cross_entropy(h: Any, W: Any, b: Any, labels: Any) -> chainer.Variable:
    """Summed negative log-likelihood of labels under ``softmax(h W^T + b)``.

    Args:
        h: Variable (N, n), float.
        W: Weights (V, n), same dtype.
        b: Bias (V,), same dtype, or ``None``.
        labels: Array (N,) of whole numbers below V; rows with -1 do not count.

    Returns:
        A scalar Variable, in nats.
    """
    if h.xp is np:
        return F.sum(
            F.softmax_cross_entropy(F.linear(h, W, b), labels, normalize=False, reduce="no")
        )
    with chainer.using_device(h.device):
        bias = h.xp.zeros(len(W.array), h.dtype) if b is None else b
        return _CrossEntropy(labels).apply((F.linear(h, W), bias))[0]
