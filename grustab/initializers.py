"""Initial weights of the GRU."""

from typing import Any

import chainer
import numpy as np
from chainer import backend

from grustab.projection.decompositions import svd


class GRUInitializer(chainer.Initializer):
    """Three matrices, one above the other, from a normal distribution.

    Main paper (unverified): all of them N(0, 1/n), except ``W_hh``, which is the orthogonal matrix
    of the left singular vectors of a random one.

    Args:
        std: Standard deviation.
        rng: ``numpy.random.Generator`` to draw from. Copies share it, so that repeated links
            differ.
        dtype: Floating dtype of the array.
        orthogonal: Whether the last of the three, ``W_hh``, is orthogonal, whatever ``std`` is.
    """

    def __init__(
        self, std: float, rng: np.random.Generator, dtype: Any, orthogonal: bool = False
    ) -> None:
        super().__init__(dtype)
        self.std, self.rng, self.orthogonal = std, rng, orthogonal

    def __call__(self, array: Any) -> None:
        """Fill an array of shape (3n, m), or (3n, n) with ``orthogonal``."""
        w = self.rng.normal(0, self.std, array.shape)
        if self.orthogonal:
            n = array.shape[1]
            w[-n:] = svd(self.rng.normal(size=(n, n)))[0]
        array[...] = backend.get_device_from_array(array).send(w)

    def __deepcopy__(self, memo: Any) -> "GRUInitializer":
        return self
