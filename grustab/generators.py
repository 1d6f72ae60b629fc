"""The random generators of one run: every draw of a run comes from one of these."""

from typing import Any

import chainer
import numpy as np

from grustab.serialization import serialize_generator, serialize_json


def default_generator() -> np.random.Generator:
    """A generator seeded from NumPy's global state, which Chainer's own links draw from."""
    return np.random.default_rng(np.random.randint(2**31, size=4))


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
            self._device, self._dropout_seeds = device, dropout.generate_state(2)
            self.dropout = device.xp.random.Generator(self._gpu_bits(0))
        self._resumed = 0

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load where the generators are, but that of the initial weights.

        A generator on a GPU cannot be read out: there, dropout masks after a resumption come from a
        new stream, derived from the seed and the number of resumptions.
        """
        serialize_generator(serializer, "order", self.order)
        serialize_generator(serializer, "projection", self.projection)
        if isinstance(self.dropout, np.random.Generator):
            serialize_generator(serializer, "dropout", self.dropout)
            return
        self._resumed = serialize_json(serializer, "resumed", self._resumed)
        if isinstance(serializer, chainer.serializer.Deserializer):
            self._resumed += 1
            self.dropout.bit_generator = self._gpu_bits(self._resumed)

    def _gpu_bits(self, resumed: int) -> Any:
        first, more = map(int, self._dropout_seeds)
        with chainer.using_device(self._device):
            return self._device.xp.random.XORWOW((first + resumed * (more | 1)) % 2**32)
