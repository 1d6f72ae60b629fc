"""RMSprop without temporary arrays."""

import chainer
import numpy as np
from chainer.optimizers import rmsprop

from grustab.optimizers.blocks import can_work_in_place, flat_blocks


class RMSpropRule(rmsprop.RMSpropRule):
    """Chainer's rule, in place on a CPU."""

    def update_core_cpu(self, param: chainer.Parameter) -> None:
        """``ms = alpha ms + (1 - alpha) g^2``, ``W -= lr g / (sqrt(ms) + eps)``."""
        grad, hp = param.grad, self.hyperparam
        if grad is None:
            return
        arrays = (param.array, grad, self.state["ms"])
        tiny = hp.eps != 0 and grad.dtype.type(hp.eps) == 0  # Chainer's rule refuses it
        if hp.eps_inside_sqrt or tiny or not can_work_in_place(*arrays):
            super().update_core_cpu(param)
            return
        for w, g, ms in flat_blocks(*arrays):
            ms *= hp.alpha
            step = g * g
            step *= 1 - hp.alpha
            ms += step
            np.sqrt(ms, out=step)
            step += hp.eps
            np.divide(g, step, out=step)
            step *= hp.lr
            w -= step


class RMSprop(chainer.optimizers.RMSprop):
    """As :class:`chainer.optimizers.RMSprop`, same numbers up to rounding."""

    def create_update_rule(self) -> RMSpropRule:
        """The rule of one parameter."""
        return RMSpropRule(self.hyperparam)
