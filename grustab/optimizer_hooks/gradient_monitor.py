"""Watch the gradient before anything clips it."""

import math
from typing import Any

import chainer
import numpy as np

from grustab.errors import DivergenceError

#: Steps between two looks at the single elements.
ELEMENTS_INTERVAL = 10


class GradientMonitor:
    """Report the norm of the whole gradient and the mean absolute value of its elements.

    Add it to the optimizer before any clipping hook. Reports ``gradient/norm`` at each step and
    ``gradient/mean_abs`` at every tenth: the supplement chose its clipping thresholds by averages
    of the norm (section B) and of "the elements of the gradient" (section C, which may mean their
    root mean square). With Chainer's loss scaling, both are of the scaled gradient, and an
    overflow, which dynamic scaling would skip, is an error.

    Raises:
        DivergenceError: In a call, if the gradient holds NaN or Inf; no weight has changed then.
    """

    name = "GradientMonitor"

    def __call__(self, opt: chainer.Optimizer) -> None:
        """Look at the gradients of all parameters of the optimizer's target."""
        self.observe(opt)

    def observe(self, opt: chainer.Optimizer) -> tuple[float, float]:
        """Report, and return ``(scale, norm)``: the norm of the gradient over ``scale``.

        ``scale`` is 1, but where squares or their sum leave the range of the gradient's dtype: then
        it is the largest absolute value of an element.
        """
        with chainer.using_device(opt.target.device), np.errstate(over="ignore", invalid="ignore"):
            xp = opt.target.device.xp
            # None is missing: Chainer puts in zeros before it calls a hook.
            grads = [param.grad.ravel() for param in opt.target.params(False)]
            scale, square = 1.0, float(sum(g.dot(g) for g in grads))
            if not self._fits(grads, square):
                # Of the array, as max() of Python's passes over NaN.
                scale = float(np.max([float(xp.abs(g).max()) for g in grads if g.size]))
                if not math.isfinite(scale):
                    raise DivergenceError("gradient", scale)
                scale = scale or 1.0
                grads = [xp.divide(g, scale, dtype="d") for g in grads]
                square = float(sum(g.dot(g) for g in grads))
            norm = math.sqrt(square)
            report = {"gradient/norm": scale * norm}
            if opt.t % ELEMENTS_INTERVAL == 0:
                total = float(sum(xp.abs(g).sum() for g in grads))
                report["gradient/mean_abs"] = scale * (total / sum(g.size for g in grads))
        chainer.report(report)
        return scale, norm

    @staticmethod
    def _fits(grads: list[Any], square: float) -> bool:
        """Whether a sum of squares is neither infinite nor so small that digits were lost."""
        if any(g.dtype.char not in "fd" for g in grads):
            return False  # half precision has neither range nor digits for it
        limits = [np.finfo(g.dtype) for g in grads]
        return max(i.tiny / i.eps**2 for i in limits) < square < math.inf
