"""Norm clipping that watches and clips in one go."""

import chainer

from grustab.errors import require_above_zero
from grustab.optimizer_hooks.gradient_monitor import GradientMonitor


class GradientClipping(GradientMonitor):
    """Scale the whole gradient down where its norm exceeds a threshold (section B).

    Same result as :class:`chainer.optimizer_hooks.GradientClipping`, except that a finite
    gradient whose squares leave the range of its dtype is clipped, too, and not set to zero; and
    the norm, computed once, is also reported, as by :class:`GradientMonitor`. As with Chainer's, a
    loss scale is not divided out before.

    Args:
        threshold: Largest norm that is left alone, > 0.

    Raises:
        ValueError: If ``threshold`` is not above 0.
        DivergenceError: In a call, if the gradient holds NaN or Inf; no weight has changed then.
    """

    name = "GradientClipping"

    def __init__(self, threshold: float) -> None:
        require_above_zero(threshold=threshold)
        self.threshold = threshold

    def __call__(self, opt: chainer.Optimizer) -> None:
        """Look at the gradients of all parameters of the optimizer's target, and scale them."""
        scale, norm = self.observe(opt)
        if norm > self.threshold / scale:
            with chainer.using_device(opt.target.device):
                for param in opt.target.params(False):
                    grad = param.grad
                    if scale != 1:  # threshold / (scale * norm) may be too small for the dtype
                        grad /= scale
                    grad *= self.threshold / norm
