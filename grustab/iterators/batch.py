"""What one iteration of truncated back-propagation through time works on."""

from typing import Any, NamedTuple

import chainer
import numpy as np


class SequenceBatch(NamedTuple):
    """T steps of B sequences.

    Attributes:
        xs: Inputs (T, B) of word numbers, int32, or (T, B, notes), float32.
        ts: Targets, the inputs one step later, same shape and dtype.
        mask: (T, B) float32, 1 where the step counts and 0 in the padding; ``None``: all count.
        first: Whether the state is to be reset before: where sequences begin, unless it is carried.
    """

    xs: np.ndarray
    ts: np.ndarray
    mask: np.ndarray | None
    first: bool

    @property
    def n_steps(self) -> int:
        """Number of steps that count, over all sequences."""
        return self.ts.shape[0] * self.ts.shape[1] if self.mask is None else int(self.mask.sum())


def require_sequence_batch(batch: Any) -> SequenceBatch:
    """The batch itself.

    Raises:
        TypeError: If it is anything else, such as the list of examples of Chainer's iterators.
    """
    if not isinstance(batch, SequenceBatch):
        raise TypeError(
            "expected a SequenceBatch, as grustab's StreamIterator and TuneIterator give, got "
            f"{type(batch).__name__}"
        )
    return batch


def send(batch: SequenceBatch, device: chainer.backend.Device) -> tuple[Any, Any, Any]:
    """``(xs, ts, mask)`` on the device."""
    return tuple(None if array is None else device.send(array) for array in batch[:3])
