"""What the iterators of sequences share: an order, a place in it, and how both are saved."""

from collections.abc import Sequence
from typing import Any

import chainer
import numpy as np
from chainer.dataset import Iterator


class ShufflingIterator(Iterator):
    """Goes through sequences in an order that each epoch draws anew.

    Args:
        items: The sequences.
        repeat: Whether to go on after one epoch.
        rng: Shuffle the sequences with it at each epoch; ``None`` keeps their order.

    Attributes:
        epoch: Epochs done.
        is_new_epoch: Whether the last batch was the last of its epoch.
        position: Batches read in this epoch.
        previous_epoch_detail: ``epoch_detail`` before the last batch, -1 before the first.
    """

    def __init__(self, items: Sequence[Any], repeat: bool, rng: np.random.Generator | None) -> None:
        self.items, self.repeat, self.rng = items, repeat, rng
        self.reset()

    def reset(self) -> None:
        """Start from the beginning of the first epoch."""
        self.epoch = 0
        self.is_new_epoch = False
        self.previous_epoch_detail = -1.0
        self._begin_epoch()

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the place in the data, but not the generator's state."""
        self.epoch = serializer("epoch", self.epoch)
        self.is_new_epoch = serializer("is_new_epoch", self.is_new_epoch)
        self.position = serializer("position", self.position)
        self.previous_epoch_detail = serializer("previous_epoch_detail", self.previous_epoch_detail)
        self._order = serializer("order", self._order)
        if isinstance(serializer, chainer.serializer.Deserializer):
            self._lay_out()

    def _begin_epoch(self) -> None:
        n = len(self.items)
        self._order = np.arange(n) if self.rng is None else self.rng.permutation(n)
        self.position = 0
        self._lay_out()

    def _lay_out(self) -> None:
        """Cut the sequences, in ``_order``, into the epoch's batches."""
        raise NotImplementedError
