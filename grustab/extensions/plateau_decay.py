"""Divide the learning rate when the validation loss stops improving."""

import chainer
from chainer import training


class PlateauDecay(training.Extension):
    """Divide an optimizer attribute after ``patience`` checks without improvement.

    Section B.1, music with SGD: eta 0.1, divided by 1.25 after 10 consecutive epochs without
    improvement. The count starts anew after each division (our assumption).

    Args:
        divisor: What the attribute is divided by.
        patience: Number of consecutive checks without a new best value.
        attr: Attribute of the optimizer, ``"lr"`` or Adam's ``"alpha"``.
        monitor: Observation to watch, smaller is better.

    Attributes:
        best: Smallest value seen.
        count: Checks since then, or since the last division.

    Like Chainer's schedules it saves the attribute's value, which optimizers do not, and puts it
    back when a trainer goes on.
    """

    trigger = (1, "epoch")
    priority = training.PRIORITY_READER

    def __init__(
        self,
        divisor: float,
        patience: int,
        attr: str = "lr",
        monitor: str = "validation/main/loss",
    ) -> None:
        self.divisor, self.patience, self.attr, self.monitor = divisor, patience, attr, monitor
        self.best = float("inf")
        self.count = 0
        self._value: float | None = None
        self._optimizer: chainer.Optimizer | None = None

    def initialize(self, trainer: training.Trainer) -> None:
        """Put the loaded value into the optimizer, if one was."""
        self._optimizer = trainer.updater.get_optimizer("main")
        self._put_back()
        self._value = getattr(self._optimizer, self.attr)

    def _put_back(self) -> None:
        if self._optimizer is not None and self._value is not None:
            setattr(self._optimizer, self.attr, self._value)

    def __call__(self, trainer: training.Trainer) -> None:
        """Compare the observed value with the best one so far."""
        value = trainer.observation[self.monitor]
        value = float(value.array if isinstance(value, chainer.Variable) else value)
        optimizer = trainer.updater.get_optimizer("main")
        if value < self.best:
            self.best, self.count = value, 0
        else:
            self.count += 1
        if self.count >= self.patience:
            setattr(optimizer, self.attr, getattr(optimizer, self.attr) / self.divisor)
            self.count = 0
        self._value = getattr(optimizer, self.attr)

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load what has been seen, and the attribute's value."""
        self.best = serializer("best", self.best)
        self.count = serializer("count", self.count)
        value = serializer("value", self._value)
        self._value = None if value is None else float(value)
        if isinstance(serializer, chainer.serializer.Deserializer):
            self._put_back()  # a snapshot with autoload is read after ``initialize``
