"""Divide the learning rate when the validation loss stops improving."""

import math
import warnings

import chainer
from chainer import training

from grustab.errors import require_counts
from grustab.extensions.rate_decay import RateDecay


class PlateauDecay(RateDecay):
    """Divide an optimizer attribute after ``patience`` checks without improvement.

    A check is a call that finds ``monitor`` observed: between two evaluations there is none.

    Section B.1, music with SGD: eta 0.1, divided by 1.25 after 10 consecutive epochs without
    improvement. The count starts anew after each division (our assumption).

    Args:
        divisor, attr: As of :class:`grustab.extensions.rate_decay.RateDecay`.
        patience: Number of consecutive checks without a new best value.
        monitor: Observation to watch, smaller is better.

    Attributes:
        best: Smallest value seen.
        count: Checks since the best value, or since the last division.
    """

    trigger = (1, "epoch")

    def __init__(
        self, divisor: float, patience: int, attr: str = "lr", monitor: str = "validation/main/loss"
    ) -> None:
        super().__init__(divisor, attr)
        require_counts(patience=patience)
        self.patience, self.monitor = patience, monitor
        self.best = math.inf
        self.count = 0
        self._observed: bool | None = None  # None: not called yet

    def is_time(self, trainer: training.Trainer) -> bool:
        """Compare the observed value, where there is one, with the best one so far."""
        value = trainer.observation.get(self.monitor)
        self._observed = self._observed or value is not None
        if value is None:
            return False
        value = float(chainer.as_array(value))
        if value < self.best:
            self.best, self.count = value, 0
        else:
            self.count += 1
        late = self.count >= self.patience
        if late:
            self.count = 0
        return late

    def finalize(self) -> None:
        """Warn where there never was anything to compare."""
        if self._observed is False and self.best == math.inf:
            warnings.warn(
                f"PlateauDecay divided nothing: {self.monitor!r} was never observed when it "
                "looked, check the name, and that an evaluation has the same trigger",
                stacklevel=2,
            )

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load what has been seen, and the attribute's value."""
        super().serialize(serializer)
        self.best = serializer("best", self.best)
        self.count = serializer("count", self.count)
