"""What extensions that divide the learning rate share."""

import math

import chainer
from chainer import training

from grustab.errors import require_above_zero


class RateDecay(training.Extension):
    """Divides an attribute of the updater's optimizer, and keeps its value in snapshots.

    Chainer's optimizers do not save this value. Several of these may divide one attribute, in any
    order. To write a schedule of your own, subclass it and write :meth:`is_time`.

    Args:
        divisor: What the attribute is divided by.
        attr: Attribute of the optimizer, ``"lr"`` or Adam's ``"alpha"``.

    Raises:
        ValueError: If ``divisor`` is not above 1, or infinite; when training begins, if the
            optimizer has no such ``attr`` that can be set.
    """

    def __init__(self, divisor: float, attr: str = "lr") -> None:
        require_above_zero(divisor=divisor)
        if not 1 < divisor < math.inf:
            raise ValueError(f"divisor must be above 1, and finite, got {divisor!r}")
        self.divisor, self.attr = divisor, attr
        self._optimizer: chainer.Optimizer | None = None
        self._loaded: float | None = None  # and not yet put back

    def initialize(self, trainer: training.Trainer) -> None:
        """Put the loaded value into the optimizer, if one was."""
        self._optimizer = trainer.updater.get_optimizer("main")
        attribute = getattr(type(self._optimizer), self.attr, None)
        read_only = isinstance(attribute, property) and attribute.fset is None  # Adam's ``lr``
        if read_only or not hasattr(self._optimizer, self.attr):
            raise ValueError(
                f"{type(self).__name__} cannot divide {self.attr!r} of "
                f"{type(self._optimizer).__name__}, expected one of "
                f"{', '.join(self._optimizer.hyperparam.get_dict())}"
            )
        self._put_back()

    def _put_back(self) -> None:
        if self._optimizer is not None and self._loaded is not None:
            setattr(self._optimizer, self.attr, self._loaded)
            self._loaded = None

    def __call__(self, trainer: training.Trainer) -> None:
        """Divide where :meth:`is_time` says so."""
        if self.is_time(trainer):
            value = getattr(self._optimizer, self.attr)
            setattr(self._optimizer, self.attr, value / self.divisor)

    def is_time(self, trainer: training.Trainer) -> bool:
        """Whether to divide now, asked at each call."""
        raise NotImplementedError

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the attribute's value."""
        now = self._loaded
        if now is None and self._optimizer is not None:
            now = getattr(self._optimizer, self.attr)
        value = serializer("value", now)
        if isinstance(serializer, chainer.serializer.Deserializer):
            self._loaded = None if value is None else float(value)
            self._put_back()  # a snapshot with autoload is read after ``initialize``
