"""Dropout whose masks the caller owns."""

from typing import Any

import chainer
import chainer.functions as F

from grustab.masks import Masks


def seeded_dropout(x: Any, ratio: float, masks: Masks) -> chainer.Variable:
    """Drop elements of ``x`` at random, scale the others by ``1 / (1 - ratio)``.

    ``chainer.functions.dropout`` draws from NumPy's global state; here a run draws its own masks,
    so that one seed fixes the run whatever else the process does, on whatever device.

    Args:
        x: Variable or array of any shape, float.
        ratio: Probability of an element to be dropped, in [0, 1), to the nearest multiple of
            2^-16.
        masks: Gives the mask.

    Returns:
        Variable of the same shape; ``x`` itself outside training or with ``ratio`` 0.
    """
    x = chainer.as_variable(x)
    if ratio == 0 or not chainer.config.train:
        return x
    with chainer.using_device(x.device):
        return F.dropout(x, ratio, mask=masks(x.shape, ratio, x.dtype, x.xp))
