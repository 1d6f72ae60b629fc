"""The random generators of one run: every draw of a run comes from one of these."""

import chainer
import numpy as np
from chainer import training

from grustab.masks import Masks
from grustab.serialization import serialize_generator


def default_generator() -> np.random.Generator:
    """A generator seeded from NumPy's global state, which Chainer's own links draw from."""
    return np.random.default_rng(np.random.randint(2**31, size=4))


class Generators(training.Extension):
    """Independent generators, all derived from one seed.

    Each purpose has a stream of its own, so that a change in how often one is used (say, no
    dropout) leaves the others as they were: runs with the same seed start from the same weights
    and see the data in the same order whatever the method under test.

    As an extension of a trainer, they are in its snapshots: a training with dropout (``masks``) or
    shuffled data (``order``) then goes on as if it had never stopped. It does nothing else. With
    it, a trainer cannot load a snapshot that was made without (``KeyError``).

    Args:
        seed: Seed of the run, a non-negative integer.

    Attributes:
        weights: ``numpy.random.Generator`` of the initial weights.
        order: ``numpy.random.Generator`` of the order of the data.
        projection: ``numpy.random.Generator`` of randomized singular value decompositions.
        masks: The dropout masks.
    """

    def __init__(self, seed: int) -> None:
        weights, order, dropout, projection = np.random.SeedSequence(seed).spawn(4)
        self.weights = np.random.default_rng(weights)
        self.order = np.random.default_rng(order)
        self.projection = np.random.default_rng(projection)
        self.masks = Masks(dropout.generate_state(2, np.uint64))

    def __call__(self, trainer: training.Trainer) -> None:
        """Nothing."""

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load where the generators are, but that of the initial weights."""
        serialize_generator(serializer, "order", self.order)
        serialize_generator(serializer, "projection", self.projection)
        self.masks.serialize(serializer)
