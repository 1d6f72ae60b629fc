"""Batches of whole tunes, padded, read T steps at a time."""

from collections.abc import Sequence

import chainer
import numpy as np
from chainer.dataset import Iterator

from grustab.iterators.batch import SequenceBatch


class TuneIterator(Iterator):
    """Each batch holds ``batch_size`` whole tunes side by side, cut into pieces of T steps.

    The state is reset where new tunes begin; steps after the end of a shorter tune are masked.
    A step's target is the next step, so a tune of N steps counts N - 1 times.

    Args:
        tunes: Piano rolls (steps, notes), 0/1, at least 2 steps each.
        batch_size: Tunes a batch B; an epoch's last batch may have fewer.
        n_steps: Steps of a piece T; a batch's last piece may have fewer.
        repeat: ``True`` goes on for ever, ``False`` makes one pass.
        rng: Shuffle the tunes with it at each epoch; ``None`` keeps their order.

    Raises:
        ValueError: If there is no tune, or one has fewer than 2 steps.
    """

    def __init__(
        self,
        tunes: Sequence[np.ndarray],
        batch_size: int,
        n_steps: int,
        repeat: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        if not tunes or min(len(tune) for tune in tunes) < 2:
            raise ValueError("expected at least one tune, and at least 2 steps in every tune")
        self.tunes = list(tunes)
        self.batch_size, self.n_steps = batch_size, n_steps
        self.repeat, self.rng = repeat, rng
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
            self._plan()

    def _begin_epoch(self) -> None:
        n = len(self.tunes)
        self._order = np.arange(n) if self.rng is None else self.rng.permutation(n)
        self.position = 0  # pieces read in this epoch
        self._plan()

    def _plan(self) -> None:
        """The epoch's batches of tunes and its pieces, as (batch, first step) pairs."""
        n, size = len(self.tunes), self.batch_size
        self._batches = [self._order[i : i + size] for i in range(0, n, size)]
        self._pieces = [
            (number, start)
            for number, batch in enumerate(self._batches)
            for start in range(0, max(len(self.tunes[i]) for i in batch) - 1, self.n_steps)
        ]

    @property
    def epoch_detail(self) -> float:
        """Epochs done, with the fraction of the current one."""
        return self.epoch + (0 if self.is_new_epoch else self.position / len(self._pieces))

    def __next__(self) -> SequenceBatch:
        """Next piece; the first one of new tunes says that the state is to be reset."""
        if not self.repeat and self.epoch:
            raise StopIteration
        self.previous_epoch_detail = self.epoch_detail
        if self.is_new_epoch:
            self._begin_epoch()
        number, start = self._pieces[self.position]
        tunes = [self.tunes[i] for i in self._batches[number]]
        steps = min(self.n_steps, max(len(tune) for tune in tunes) - 1 - start)
        rolls = np.zeros((steps + 1, len(tunes), tunes[0].shape[1]), dtype=np.float32)
        mask = np.zeros((steps, len(tunes)), dtype=np.float32)
        for column, tune in enumerate(tunes):
            piece = tune[start : start + steps + 1]
            rolls[: len(piece), column] = piece
            mask[: max(len(piece) - 1, 0), column] = 1
        self.position += 1
        self.is_new_epoch = self.position == len(self._pieces)
        self.epoch += self.is_new_epoch
        return SequenceBatch(rolls[:-1], rolls[1:], None if mask.all() else mask, first=start == 0)

    next = __next__
