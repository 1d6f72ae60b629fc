"""One long stream, cut into B parallel parts and read T steps at a time."""

from collections.abc import Sequence

import numpy as np

from grustab.errors import require_counts
from grustab.iterators.batch import SequenceBatch
from grustab.iterators.shuffling_iterator import ShufflingIterator


class StreamIterator(ShufflingIterator):
    """Contiguous batches of a stream, as in the usual Penn Treebank set-up.

    The sequences are joined end to end and the stream is cut into ``batch_size`` parts of equal
    length, read side by side ``n_steps`` at a time; the state is carried from batch to batch and
    reset at the start of each epoch.

    Args:
        sequences: Arrays that agree in all but the first axis: (N,) word numbers or (N, notes).
        batch_size: Number of parts B.
        n_steps: Steps per batch, T.
        repeat: ``True`` (training): go on for ever, and drop the up to T - 1 last steps of a part
            that do not fill a batch, and the up to B - 1 last of the stream that do not fill a
            part, so that all batches have one shape. ``False`` (evaluation): one pass in which
            every step counts; the tail is a shorter batch and a mask marks the padding of the
            last parts.
        rng: Shuffle the sequences with it at each epoch; ``None`` keeps their order.
        carry_state: Whether the state runs on from one epoch to the next, too.

    Raises:
        ValueError: If the stream is too short for one batch, ``batch_size`` or ``n_steps`` < 1, or
            word numbers are no integers from 0 to 2^31 - 1.
    """

    def __init__(
        self,
        sequences: Sequence[np.ndarray],
        batch_size: int,
        n_steps: int,
        repeat: bool = True,
        rng: np.random.Generator | None = None,
        carry_state: bool = False,
    ) -> None:
        require_counts(n_steps=n_steps)
        self.carry_state = carry_state
        super().__init__(sequences, batch_size, n_steps, repeat, rng)

    def _lay_out(self) -> None:
        n = sum(map(len, self.items)) - 1  # the last one is only a target
        up = 0 if self.repeat else 1
        self.length = (n + up * (self.batch_size - 1)) // self.batch_size
        self.batches = (self.length + up * (self.n_steps - 1)) // self.n_steps
        if self.batches < 1:
            raise ValueError(
                f"a stream of {n + 1} steps is too short for batches of "
                f"{self.batch_size} x {self.n_steps} steps"
            )
        items = [self.items[i] for i in self._order]
        size = self.batch_size * self.length
        padding = np.zeros((max(size - n, 0), *items[0].shape[1:]), dtype=items[0].dtype)
        stream = np.concatenate((*items, padding))
        self._mask = (np.arange(size) < n).reshape(self.batch_size, -1).T.astype(np.float32)
        parts = (self.batch_size, self.length, *stream.shape[1:])
        self._xs = stream[:size].reshape(parts).swapaxes(0, 1)
        self._ts = stream[1 : size + 1].reshape(parts).swapaxes(0, 1)

    def _read(self) -> SequenceBatch:
        if self.is_new_epoch:
            self._begin_epoch()
        first = self.position == 0 and not (self.carry_state and self.epoch)
        steps = slice(self.position * self.n_steps, (self.position + 1) * self.n_steps)
        mask = None if self._mask[steps].all() else self._mask[steps]
        return SequenceBatch(_dense(self._xs[steps]), _dense(self._ts[steps]), mask, first)


def _dense(part: np.ndarray) -> np.ndarray:
    """Word numbers as they are, piano rolls (uint8) as float32, both contiguous."""
    return np.ascontiguousarray(part, dtype=np.int32 if part.ndim == 2 else np.float32)
