"""Dropout whose mask comes from a generator that the caller owns."""

from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import backend


def seeded_dropout(x: Any, ratio: float, rng: Any) -> chainer.Variable:
    """Drop elements of ``x`` at random, scale the others by ``1 / (1 - ratio)``.

    ``chainer.functions.dropout`` draws from NumPy's global state; here a run draws from its own
    generator, so that one seed fixes the run whatever else the process does.

    Args:
        x: Variable or array of any shape, float.
        ratio: Probability of an element to be dropped, in [0, 1); with NumPy to the nearest
            multiple of 2^-16.
        rng: ``numpy.random.Generator``, or ``cupy.random.Generator`` for arrays on a GPU, which
            saves sending the mask there (:class:`grustab.generators.Generators` holds the right
            one).

    Returns:
        Variable of the same shape; ``x`` itself outside training or with ``ratio`` 0.
    """
    x = chainer.as_variable(x)
    if ratio == 0 or not chainer.config.train:
        return x
    xp = backend.get_array_module(x)
    if xp is np or isinstance(rng, np.random.Generator):
        # 16 bits an element: a quarter of the time that floating-point numbers take.
        kept = rng.integers(2**16, size=x.shape, dtype=np.uint16) >= round(ratio * 2**16)
        kept = xp.asarray(kept)
    else:
        kept = rng.random(x.shape, dtype=xp.float32) >= ratio
    mask = xp.multiply(kept, x.dtype.type(1 / (1 - ratio)), dtype=x.dtype)
    return F.dropout(x, ratio, mask=mask)
