"""Divide the learning rate when the gradient's norm spikes."""

from typing import Any

import chainer
from chainer import training


class SpikeDecay(training.Extension):
    """Divide an optimizer attribute after an iteration whose gradient norm exceeds a bound.

    At most once per epoch, or one explosion, which lasts for many iterations, would end the
    training. Ours, not the paper's. The step of the spike itself is taken as it is.

    Args:
        bound: Gradient norm, before any clipping, that counts as a spike.
        divisor: What the attribute is divided by.
        attr: Attribute of the optimizer, ``"lr"`` or Adam's ``"alpha"``.
        monitor: Observation to watch, as reported by
            :class:`grustab.optimizer_hooks.GradientMonitor`.

    Attributes:
        epoch: Epoch of the last division, -1 before the first.
    """

    trigger = (1, "iteration")
    priority = training.PRIORITY_READER

    def __init__(
        self, bound: float, divisor: float, attr: str = "lr", monitor: str = "gradient/norm"
    ) -> None:
        self.bound, self.divisor, self.attr, self.monitor = bound, divisor, attr, monitor
        self.epoch = -1
        self._value: float | None = None

    def initialize(self, trainer: training.Trainer) -> None:
        """Put the loaded value into the optimizer, where a schedule has put that of its last call.

        So extend the trainer with the schedule first.
        """
        if self._value is not None:
            setattr(trainer.updater.get_optimizer("main"), self.attr, self._value)

    def __call__(self, trainer: training.Trainer) -> None:
        """Look at the norm of the last iteration."""
        updater: Any = trainer.updater
        optimizer = updater.get_optimizer("main")
        if updater.epoch > self.epoch and float(trainer.observation[self.monitor]) > self.bound:
            setattr(optimizer, self.attr, getattr(optimizer, self.attr) / self.divisor)
            self.epoch = updater.epoch
        self._value = getattr(optimizer, self.attr)

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the epoch of the last division, and the attribute's value."""
        self.epoch = int(serializer("epoch", self.epoch))
        value = serializer("value", self._value)
        self._value = None if value is None else float(value)
