"""Batches of whole tunes, padded, read T steps at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from grustab.iterators.batch import SequenceBatch
from grustab.iterators.shuffling_iterator import ShufflingIterator


class TuneIterator(ShufflingIterator):
    """Each batch holds ``batch_size`` whole tunes side by side, cut into pieces of T steps.

    The state is reset where new tunes begin; steps after the end of a shorter tune are masked.
    A step's target is the next step, so a tune of N steps counts N - 1 times.

    Memory of back-propagation grows with T: whole tunes (``n_steps=None``) of up to 1,788 steps
    take some 50 times what 35 steps take.

    Args:
        tunes: Piano rolls (steps, notes), 0/1, at least 2 steps each.
        batch_size: Tunes per batch, B; an epoch's last batch may have fewer.
        n_steps: Steps of a piece T; a batch's last piece may have fewer. ``None``: whole tunes.
        repeat: ``True`` goes on for ever, ``False`` makes one pass.
        rng: Shuffle the tunes with it at each epoch; ``None`` keeps their order.
        by_length: Put tunes of like length into one batch, so that few steps are masked; the
            order of the batches, and which of two equally long tunes comes first, is still
            ``rng``'s.
        count_padding: Mask nothing: after its end a shorter tune goes on as silence that counts.
        carry_state: Start new tunes from the state that the batch before left, unless that had
            another number of tunes.

    Raises:
        ValueError: If there is no tune, one is no matrix or has fewer than 2 steps, or
            ``batch_size`` or ``n_steps`` < 1.
    """

    def __init__(
        self,
        tunes: Sequence[np.ndarray],
        batch_size: int,
        n_steps: int | None,
        repeat: bool = True,
        rng: np.random.Generator | None = None,
        by_length: bool = False,
        count_padding: bool = False,
        carry_state: bool = False,
    ) -> None:
        if len(tunes) == 0:
            raise ValueError("expected at least one tune")
        for number, shape in enumerate(map(np.shape, tunes)):
            if len(shape) != 2 or shape[0] < 2:
                raise ValueError(
                    f"tune {number}: expected (steps, notes) with at least 2 steps, got {shape}"
                )
        self.by_length, self.count_padding, self.carry_state = by_length, count_padding, carry_state
        super().__init__(tunes, batch_size, n_steps, repeat, rng)

    def _layout(self) -> dict[str, Any]:
        return super()._layout() | {"by_length": bool(self.by_length)}

    def _lay_out(self) -> None:
        """The epoch's batches of tunes and its pieces, as (batch, first step) pairs."""
        n, size = len(self.items), self.batch_size
        order = self._order
        if self.by_length:
            order = sorted(order, key=lambda i: len(self.items[i]))
        self._batches = [order[i : i + size] for i in range(0, n, size)]
        if self.by_length:
            place = np.argsort(self._order)
            self._batches.sort(key=lambda batch: place[batch[0]])
        self._pieces = []
        for number, batch in enumerate(self._batches):
            last = max(len(self.items[i]) for i in batch) - 1
            self._pieces += [(number, start) for start in range(0, last, self.n_steps or last)]
        self.batches = len(self._pieces)

    def _read(self) -> SequenceBatch:
        before = len(self._batches[self._pieces[self.position - 1][0]]) if self.position else None
        if self.is_new_epoch:
            self._begin_epoch()
        number, start = self._pieces[self.position]
        tunes = [self.items[i] for i in self._batches[number]]
        left = max(len(tune) for tune in tunes) - 1 - start
        steps = min(self.n_steps or left, left)
        rolls = np.zeros((steps + 1, len(tunes), tunes[0].shape[1]), dtype=np.float32)
        mask = np.zeros((steps, len(tunes)), dtype=np.float32)
        for column, tune in enumerate(tunes):
            piece = tune[start : start + steps + 1]
            rolls[: len(piece), column] = piece
            mask[: max(len(piece) - 1, 0), column] = 1
        first = start == 0 and not (self.carry_state and before == len(tunes))
        masked = not (self.count_padding or mask.all())
        return SequenceBatch(rolls[:-1], rolls[1:], mask if masked else None, first)
