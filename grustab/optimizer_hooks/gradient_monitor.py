"""Watch the gradient before anything clips it."""

import math

import chainer

from grustab.errors import DivergenceError
from grustab.row_sparse import nonzero_gradients


class GradientMonitor:
    """Report the norm of the whole gradient and the mean absolute value of its elements.

    Add it to the optimizer before any clipping hook. Reports ``gradient/norm`` at each step and
    ``gradient/mean_abs`` at every ``elements_interval``-th: the two averages that the supplement
    chose its clipping thresholds by (sections B and C).

    Args:
        elements_interval: Steps between two looks at the single elements.

    Raises:
        DivergenceError: In a call, if the gradient holds NaN or Inf; no weight has changed then.
    """

    name = "GradientMonitor"
    timing = "pre"
    call_for_each_param = False

    def __init__(self, elements_interval: int = 10) -> None:
        self.elements_interval = elements_interval

    def __call__(self, opt: chainer.Optimizer) -> None:
        """Look at the gradients of all parameters of the optimizer's target."""
        self.observe(opt)

    def observe(self, opt: chainer.Optimizer) -> float:
        """Report, and return the norm."""
        with chainer.using_device(opt.target.device):
            grads = [grad.ravel() for grad in nonzero_gradients(opt.target)]
            xp = opt.target.device.xp
            norm = math.sqrt(float(sum(g.dot(g) for g in grads)))
            if not math.isfinite(norm):
                # A finite gradient can overflow the squares in float32.
                norm = math.sqrt(float(sum(xp.square(g, dtype="d").sum() for g in grads)))
            if not math.isfinite(norm):
                raise DivergenceError("gradient", norm)
            report = {"gradient/norm": norm}
            if opt.t % self.elements_interval == 0:
                total = float(sum(xp.abs(g).sum() for g in grads))
                report["gradient/mean_abs"] = total / opt.target.count_params()
        chainer.report(report)
        return norm
