"""The random generators of one run: every draw of a run comes from one of these."""

import chainer
import numpy as np


class Generators:
    """Independent generators, all derived from one seed.

    Each purpose has a stream of its own, so that a change in how often one is used (say, no
    dropout) leaves the others as they were: runs with the same seed start from the same weights
    and see the data in the same order whatever the method under test.

    Args:
        seed: Seed of the run, a non-negative integer.
        device: Where the model lives; dropout masks are drawn there.

    Attributes:
        weights: ``numpy.random.Generator`` of the initial weights.
        order: ``numpy.random.Generator`` of the order of the data.
        projection: ``numpy.random.Generator`` of randomized singular value decompositions.
        dropout: Generator of dropout masks, NumPy's or CuPy's as the device asks.
    """

    def __init__(self, seed: int, device: chainer.backend.Device | None = None) -> None:
        weights, order, dropout, projection = np.random.SeedSequence(seed).spawn(4)
        self.weights = np.random.default_rng(weights)
        self.order = np.random.default_rng(order)
        self.projection = np.random.default_rng(projection)
        if device is None or device.xp is np:
            self.dropout = np.random.default_rng(dropout)
        else:
            cupy = device.xp
            bits = cupy.random.XORWOW(int(dropout.generate_state(1)[0]))
            self.dropout = cupy.random.Generator(bits)
