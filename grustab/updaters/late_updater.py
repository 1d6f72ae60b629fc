"""Updates on a GPU that nobody waits for."""

import copy
import math
from typing import Any, NamedTuple

import chainer
import numpy as np
from chainer.backends import cuda

from grustab.errors import DivergenceError, require_above_zero
from grustab.iterators.batch import SequenceBatch
from grustab.optimizer_hooks.gradient_monitor import ELEMENTS_INTERVAL
from grustab.updaters import gpu_step
from grustab.updaters.bptt_updater import BPTTUpdater, Receiver


class _Outstanding(NamedTuple):
    """An iteration whose numbers are still on their way, and what to go back to if they are bad."""

    iteration: int
    iterator: chainer.dataset.Iterator
    n_steps: int
    with_elements: bool


class LateUpdater(BPTTUpdater):
    """For a GPU: the numbers of an iteration arrive while the next one is being computed.

    Loss and gradient stay on the GPU, and it leaves the weights alone where one of them is not
    finite. The host reads them before the next update: had they been bad, the weights, the number
    of the iteration and the place in the data are as if training had stopped in their iteration;
    states, counters and generators may be a step further. A trainer reads those of the last
    iteration, too; without one, call :meth:`settle` after it. The updater also watches and clips
    the gradient, as :class:`grustab.optimizer_hooks.GradientClipping`: it takes the norm before the
    optimizer's hooks act, and scales what they leave.

    Args:
        iterator: As of :class:`BPTTUpdater`.
        optimizer: SGD, Adam or RMSprop. Its own kernels are switched off: do not use it without
            this updater afterwards. All weights share one dtype and the optimizer's own
            rate. Options that change the rule, hooks to be called after an update and settings of
            single weights are refused; but frozen weights stay frozen.
        threshold: Largest norm of the gradient that is left alone, > 0.
        late: ``False``: each iteration waits for its own numbers and reports them. Needed where an
            extension reads them, or changes weights without calling :meth:`settle` before.
        **options: As of :class:`BPTTUpdater`.

    Raises:
        TypeError: If given another optimizer.
        ValueError: If it has one of those, such as Adam's ``weight_decay_rate``; if ``threshold``
            is not above 0; or if the weights are not on a GPU, not of one dtype, without values yet
            or all frozen.
        DivergenceError: In an update, in :meth:`settle` or at the end of training, if loss or
            gradient of the iteration that is outstanding was not finite.
    """

    def __init__(
        self,
        iterator: chainer.dataset.Iterator,
        optimizer: chainer.GradientMethod,
        threshold: float = math.inf,
        late: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(iterator, optimizer, **options)
        if type(optimizer) not in gpu_step.RULES:
            names = ", ".join(rule.__name__ for rule in gpu_step.RULES)
            raise TypeError(f"expected one of {names}, got {type(optimizer).__name__}")
        require_above_zero(threshold=threshold)
        self.threshold, self.late = threshold, late
        for name, value in gpu_step.DEFAULTS.items():
            if (found := getattr(optimizer.hyperparam, name, value)) != value:
                raise ValueError(f"expected {name} {value}, got {found}: use BPTTUpdater")
        self._params = list(optimizer.target.params())
        if optimizer.target.xp is np or not all(param.is_initialized for param in self._params):
            raise ValueError("expected weights on a GPU, all with values")
        if len({param.dtype for param in self._params}) != 1:
            raise ValueError("expected weights of one dtype")
        self._check_rules()
        for param in self._params:  # its own kernels have nothing to do
            param.update_rule.update_core_gpu = lambda param: None
        self._outstanding: _Outstanding | None = None
        import cupyx

        with chainer.using_device(optimizer.target.device):
            # Only into pinned memory a copy goes beside other work.
            self._numbers = getattr(cupyx, "empty_pinned", np.empty)((3,), np.float64)
            self._copied = cuda.Event(disable_timing=True)

    def _check_rules(self) -> None:
        """Refuse what may be set at any time, and what the kernels would take no notice of."""
        rules = [param.update_rule for param in self._params]
        if not any(rule.enabled for rule in rules):
            raise ValueError("all weights are frozen: nothing to update")
        # They would come before the update.
        if any(each._hookable._post_update_hooks for each in (self.get_optimizer("main"), *rules)):
            raise ValueError("a hook with timing 'post' is not supported: use BPTTUpdater")
        if any(vars(rule.hyperparam).keys() - {"_parent"} for rule in rules):
            raise ValueError("a weight has settings of its own: use BPTTUpdater")

    def _step(self, total: chainer.Variable, batch: SequenceBatch) -> None:
        self.settle()
        self._check_rules()
        iterator, optimizer = self.get_iterator("main"), self.get_optimizer("main")
        with_elements = optimizer.t % ELEMENTS_INTERVAL == 0
        place = copy.copy(iterator)
        with chainer.using_device(optimizer.target.device):
            optimizer.reallocate_cleared_grads()
            sums = gpu_step.gradient_sums(self._params)
            optimizer.update()  # hooks and counters
            numbers = gpu_step.update(
                gpu_step.RULES[type(optimizer)],
                [param for param in self._params if param.update_rule.enabled],
                *(total.array, sums, self.threshold),
            )
            numbers.get(out=self._numbers, blocking=False)
            self._copied.record()
        self._outstanding = _Outstanding(self.iteration, place, batch.n_steps, with_elements)
        if not self.late or self.synchronize or iterator.is_new_epoch:
            self.settle(chainer.report)

    def settle(self, receive: Receiver | None = None) -> None:
        """Wait for the numbers of the last iteration, and hand them on."""
        seen, self._outstanding = self._outstanding, None
        if seen is None:
            return
        if not self._copied.done:
            self._copied.synchronize()
        loss, norm, elements = self._numbers.tolist()
        for quantity, value in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(value):
                self.iteration, self._iterators["main"] = seen.iteration, seen.iterator
                raise DivergenceError(quantity, value)
        values = {"main/loss": loss / seen.n_steps, "gradient/norm": norm}
        if seen.with_elements:
            values["gradient/mean_abs"] = elements / sum(param.size for param in self._params)
        for taker in self.receivers if receive is None else [receive]:
            taker(values)

    def finalize(self) -> None:
        """Settle the last iteration."""
        try:
            self.settle()
        finally:
            super().finalize()

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load as :class:`BPTTUpdater`; nothing is outstanding then."""
        self.settle()
        super().serialize(serializer)
