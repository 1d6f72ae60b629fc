"""What the iterators of sequences share: an order, a place in it, and how both are saved."""

from collections.abc import Sequence
from typing import Any

import chainer
import numpy as np
from chainer.dataset import Iterator

from grustab.errors import require_counts
from grustab.iterators.batch import SequenceBatch
from grustab.serialization import serialize_json


class ShufflingIterator(Iterator):
    """Goes through sequences in an order that each epoch draws anew.

    Args:
        items: The sequences.
        batch_size: Sequences side by side in a batch.
        n_steps: Steps per batch; ``None``: a whole sequence at a time, where the iterator can.
        repeat: Whether to go on after one epoch.
        rng: Shuffle the sequences with it at each epoch; ``None`` keeps their order.

    Attributes:
        epoch: Epochs done.
        is_new_epoch: Whether the last batch was the last of its epoch.
        position: Batches read in this epoch.
        batches: Batches of an epoch.
        previous_epoch_detail: ``epoch_detail`` before the last batch, -1 before the first.

    Raises:
        ValueError: If an item is no sequence of word numbers or notes, or ``batch_size`` or
            ``n_steps`` < 1; in loading, if the snapshot is one of other data or batches.
    """

    def __init__(
        self,
        items: Sequence[Any],
        batch_size: int,
        n_steps: int | None,
        repeat: bool,
        rng: np.random.Generator | None,
    ) -> None:
        require_counts(batch_size=batch_size, n_steps=1 if n_steps is None else n_steps)
        self.items = [np.asarray(item) for item in items]
        if any(item.ndim == 0 for item in self.items):
            raise ValueError("expected a list of sequences, [words] for a single one")
        if any(item.ndim == 1 and item.dtype.kind not in "iu" for item in self.items):
            raise ValueError("expected word numbers, which are integers, or (N, notes) arrays")
        words = [item for item in self.items if item.ndim == 1 and len(item)]
        if any(item.min() < 0 or item.max() >= 2**31 for item in words):
            raise ValueError("expected word numbers from 0 to 2^31 - 1")
        self.batch_size, self.n_steps = batch_size, n_steps
        self.repeat, self.rng = repeat, rng
        self.reset()

    def reset(self) -> None:
        """Start from the beginning of the first epoch, with ``rng`` in a new order."""
        self.epoch = 0
        self.is_new_epoch = False
        self.previous_epoch_detail = -1.0
        self._begin_epoch()

    @property
    def epoch_detail(self) -> float:
        """Epochs done, with the fraction of the current one."""
        return self.epoch + self.position % self.batches / self.batches

    def __next__(self) -> SequenceBatch:
        """Next batch; the first one of new sequences says that the state is to be reset."""
        if not self.repeat and self.epoch:
            raise StopIteration
        self.previous_epoch_detail = self.epoch_detail
        batch = self._read()
        self.position += 1
        self.is_new_epoch = self.position == self.batches
        self.epoch += self.is_new_epoch
        return batch

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the place in the data, but not the generator's state."""
        here = self._layout()
        there = serialize_json(serializer, "layout", here)
        differing = [
            f"{key} {there.get(key)} there, {here[key]} here"
            for key in here
            if there.get(key) != here[key]
        ]
        if differing:
            raise ValueError(f"a snapshot of other data or batches: {'; '.join(differing)}")
        self.epoch = serializer("epoch", self.epoch)
        self.is_new_epoch = serializer("is_new_epoch", self.is_new_epoch)
        self.position = serializer("position", self.position)
        self.previous_epoch_detail = serializer("previous_epoch_detail", self.previous_epoch_detail)
        self._order = serializer("order", self._order)
        if isinstance(serializer, chainer.serializer.Deserializer):
            self._lay_out()

    def _layout(self) -> dict[str, Any]:
        """What a place in the data depends on."""
        return {
            "sequences": len(self.items),
            "steps": sum(map(len, self.items)),
            "batch_size": int(self.batch_size),
            "n_steps": None if self.n_steps is None else int(self.n_steps),
            "repeat": bool(self.repeat),
        }

    def _begin_epoch(self) -> None:
        n = len(self.items)
        self._order = np.arange(n) if self.rng is None else self.rng.permutation(n)
        self.position = 0
        self._lay_out()

    def _lay_out(self) -> None:
        """Cut the sequences, in ``_order``, into the epoch's ``batches``."""
        raise NotImplementedError

    def _read(self) -> SequenceBatch:
        """The batch at ``position``, or after the last one the first of an epoch that it begins."""
        raise NotImplementedError
