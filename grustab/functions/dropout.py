"""Dropout whose masks the caller owns."""

from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import function_node
from chainer.backends import cuda

from grustab.functions.double_backprop import refuse_double_backprop
from grustab.masks import Masks


class _Dropout(function_node.FunctionNode):
    """Of ``x``, or of rows ``ids`` of it. On a GPU the mask is made where it is used, both ways."""

    def __init__(self, masks: Masks, ratio: float, factor: float = 1, ids: Any = None) -> None:
        self.masks, self.ratio, self.factor, self.ids = masks, ratio, factor, ids
        self.number = masks.next()

    def forward_gpu(self, inputs):
        (x,) = inputs
        self.shape, ids = x.shape, self.ids
        y = cuda.cupy.empty(x.shape if ids is None else (*ids.shape, x.shape[1]), x.dtype)
        return (self._masked("times" if ids is None else "rows", x, y),)

    def backward(self, target_input_indexes, grad_outputs):
        refuse_double_backprop("seeded_dropout")
        (gy,) = (g.array for g in grad_outputs)
        use, new = ("times", "empty") if self.ids is None else ("add", "zeros")
        gx = getattr(cuda.cupy, new)(self.shape, gy.dtype)
        return (chainer.as_variable(self._masked(use, gy, gx)),)

    def _masked(self, use: str, x: Any, out: Any) -> Any:
        return self.masks.on_gpu(use, self.number, self.ratio, x, out, self.factor, self.ids)


def seeded_dropout(x: Any, ratio: float, masks: Masks) -> chainer.Variable:
    """Drop elements of ``x`` at random, scale the others by ``1 / (1 - ratio)``.

    ``chainer.functions.dropout`` draws from NumPy's global state; here a run draws its own masks,
    so that one seed fixes the masks whatever else the process does, on whatever device.

    Args:
        x: Variable or array of any shape, float.
        ratio: Probability of an element to be dropped, in [0, 1), to the nearest multiple of
            2^-16. The scale is that of the ratio as given: above 0.999 the mean is no longer kept.
        masks: Gives the mask.

    Returns:
        Variable of the same shape; ``x`` itself outside training or with ``ratio`` 0.
    """
    x = chainer.as_variable(x)
    if ratio == 0 or not chainer.config.train:
        return x
    if x.xp is np:
        return F.dropout(x, ratio, mask=masks(x.shape, ratio, x.dtype))
    return _Dropout(masks, ratio).apply((x,))[0]


def embed_with_dropout(
    ids: Any, W: chainer.Parameter, factor: float, ratio: float, masks: Masks
) -> chainer.Variable:
    """Rows of a table times a factor, with :func:`seeded_dropout`: one kernel on a GPU.

    Args:
        ids: Numbers of rows, array of any shape, int32.
        W: Table (rows, n), float.
        factor: What all is multiplied by.
        ratio: As of :func:`seeded_dropout`.
        masks: As there.

    Returns:
        Variable of the shape of ``ids`` and n.
    """
    if W.xp is np or ratio == 0 or not chainer.config.train:
        return seeded_dropout(F.embed_id(ids, W) * factor, ratio, masks)
    return _Dropout(masks, ratio, factor, ids).apply((W,))[0]
