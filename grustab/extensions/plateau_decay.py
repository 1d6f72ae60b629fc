"""Divide the learning rate when the validation loss stops improving."""

import math
import warnings

import chainer
from chainer import training


class PlateauDecay(training.Extension):
    """Divide an optimizer attribute after ``patience`` checks without improvement.

    A call that finds nothing observed, as between two evaluations, is no check.

    Section B.1, music with SGD: eta 0.1, divided by 1.25 after 10 consecutive epochs without
    improvement. The count starts anew after each division (our assumption).

    Args:
        divisor: What the attribute is divided by.
        patience: Number of consecutive checks without a new best value.
        attr: Attribute of the optimizer, ``"lr"`` or Adam's ``"alpha"``.
        monitor: Observation to watch, smaller is better.
        optimizer: The optimizer; ``None``: the updater's ``"main"`` one.

    Attributes:
        best: Smallest value seen.
        count: Checks since then, or since the last division.

    Like Chainer's schedules it saves the attribute's value, which optimizers do not, and puts it
    back when a trainer goes on.

    Raises:
        ValueError: When training begins, if the optimizer has no such ``attr`` that can be set.
    """

    trigger = (1, "epoch")
    priority = training.PRIORITY_READER

    def __init__(
        self,
        divisor: float,
        patience: int,
        attr: str = "lr",
        monitor: str = "validation/main/loss",
        optimizer: chainer.Optimizer | None = None,
    ) -> None:
        self.divisor, self.patience, self.attr, self.monitor = divisor, patience, attr, monitor
        self.best = math.inf
        self.count = 0
        self._given = self._optimizer = optimizer
        self._value: float | None = None
        self._observed: bool | None = None  # None: not called yet

    def initialize(self, trainer: training.Trainer) -> None:
        """Put the loaded value into the optimizer, if one was."""
        self._optimizer = self._given or trainer.updater.get_optimizer("main")
        attribute = getattr(type(self._optimizer), self.attr, None)
        read_only = isinstance(attribute, property) and attribute.fset is None  # Adam's ``lr``
        if read_only or not hasattr(self._optimizer, self.attr):
            raise ValueError(
                f"PlateauDecay cannot divide {self.attr!r} of {type(self._optimizer).__name__}, "
                f"expected one of {', '.join(self._optimizer.hyperparam.get_dict())}"
            )
        self._put_back()
        self._value = getattr(self._optimizer, self.attr)

    def _put_back(self) -> None:
        if self._optimizer is not None and self._value is not None:
            setattr(self._optimizer, self.attr, self._value)

    def __call__(self, trainer: training.Trainer) -> None:
        """Compare the observed value, where there is one, with the best one so far."""
        value = trainer.observation.get(self.monitor)
        self._observed = self._observed or value is not None
        if value is None:
            return
        value = float(value.array if isinstance(value, chainer.Variable) else value)
        optimizer = self._optimizer or trainer.updater.get_optimizer("main")
        if value < self.best:
            self.best, self.count = value, 0
        else:
            self.count += 1
        if self.count >= self.patience:
            setattr(optimizer, self.attr, getattr(optimizer, self.attr) / self.divisor)
            self.count = 0
        self._value = getattr(optimizer, self.attr)

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
        self.best = serializer("best", self.best)
        self.count = serializer("count", self.count)
        value = serializer("value", self._value)
        self._value = None if value is None else float(value)
        if isinstance(serializer, chainer.serializer.Deserializer):
            self._put_back()  # a snapshot with autoload is read after ``initialize``
