"""Stochastic gradient descent that touches only the weights that change."""

import chainer
from chainer.optimizers import sgd

from grustab.optimizers.blocks import can_work_in_place, flat_blocks


class SGDRule(sgd.SGDRule):
    """Chainer's rule, in place; of a row-sparse gradient only its rows."""

    def update_core_cpu(self, param: chainer.Parameter) -> None:
        """``W -= lr * gradient``."""
        rows = getattr(param, "row_gradient", None)
        if rows is not None:
            param.array[rows[0]] -= self.hyperparam.lr * rows[1]
            return
        grad = param.grad
        if grad is None:
            return
        if not can_work_in_place(param.array, grad):
            super().update_core_cpu(param)
            return
        for w, g in flat_blocks(param.array, grad):
            w -= self.hyperparam.lr * g


class SGD(chainer.optimizers.SGD):
    """As :class:`chainer.optimizers.SGD`, same numbers up to rounding."""

    def create_update_rule(self) -> SGDRule:
        """The rule of one parameter."""
        return SGDRule(self.hyperparam)

    def reallocate_cleared_grads(self) -> None:
        """Zeros for a gradient that is missing; one that is held as rows is not."""
        for param in self.target.params(False):
            if getattr(param, "row_gradient", None) is None and param.grad is None:
                with chainer.using_device(param.device):
                    param.grad = param.device.xp.zeros_like(param.array)
