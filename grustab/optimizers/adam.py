"""Adam without temporary arrays."""

import chainer
import numpy as np
from chainer.optimizers import adam

from grustab.optimizers.blocks import can_work_in_place, flat_blocks


class AdamRule(adam.AdamRule):
    """Chainer's rule, in place on a CPU; its variants (AMSGrad, AdaBound, ...) as they are."""

    def update_core_cpu(self, param: chainer.Parameter) -> None:
        """``m``, ``v``, and ``W -= eta alpha_t m / (sqrt(v) + eps)``."""
        grad, hp = param.grad, self.hyperparam
        if grad is None:
            return
        arrays = (param.array, grad, self.state["m"], self.state["v"])
        variant = hp.amsgrad or hp.adabound or hp.weight_decay_rate
        if variant or not can_work_in_place(*arrays):
            super().update_core_cpu(param)
            return
        self._check_eps(grad.dtype.type)
        rate = hp.eta * self.alpha_t
        for w, g, m, v in flat_blocks(*arrays):
            step = g - m
            step *= 1 - hp.beta1
            m += step
            np.multiply(g, g, out=step)
            step -= v
            step *= 1 - hp.beta2
            v += step
            np.sqrt(v, out=step)
            step += hp.eps
            np.divide(m, step, out=step)
            step *= rate
            w -= step


class Adam(chainer.optimizers.Adam):
    """As :class:`chainer.optimizers.Adam`, same numbers up to rounding."""

    def create_update_rule(self) -> AdamRule:
        """The rule of one parameter."""
        return AdamRule(self.hyperparam)
