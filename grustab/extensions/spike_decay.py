"""Divide the learning rate when the gradient's norm spikes."""

import chainer
from chainer import training

from grustab.errors import require_above_zero
from grustab.extensions.rate_decay import RateDecay


class SpikeDecay(RateDecay):
    """Divide an optimizer attribute after an iteration whose gradient norm exceeds a bound.

    At most once per epoch: an explosion lasts for many iterations, and would divide the rate until
    training ends. The last iteration of an epoch counts as the next epoch's. The step of the spike
    itself is taken as it is. Ours, not the paper's.

    Args:
        bound: Gradient norm, before any clipping, that counts as a spike.
        divisor, attr: As of :class:`grustab.extensions.rate_decay.RateDecay`.

    Attributes:
        epoch: Epoch of the last division, -1 before the first.

    Raises:
        ValueError: In a call, if no :class:`grustab.optimizer_hooks.GradientMonitor` has reported.
    """

    def __init__(self, bound: float, divisor: float, attr: str = "lr") -> None:
        super().__init__(divisor, attr)
        require_above_zero(bound=bound)
        self.bound = bound
        self.epoch = -1

    def is_time(self, trainer: training.Trainer) -> bool:
        """Look at the norm of the last iteration."""
        epoch = trainer.updater.epoch
        norm = trainer.observation.get("gradient/norm")
        if norm is None:
            raise ValueError(
                "SpikeDecay found no gradient/norm, add grustab.optimizer_hooks.GradientMonitor to "
                "the optimizer"
            )
        spike = epoch > self.epoch and float(norm) > self.bound
        if spike:
            self.epoch = epoch
        return spike

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the epoch of the last division, and the attribute's value."""
        super().serialize(serializer)
        self.epoch = int(serializer("epoch", self.epoch))
