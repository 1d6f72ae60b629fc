"""Truncated back-propagation through time."""

import math
import time

import chainer
from chainer.training import updaters

from grustab.errors import DivergenceError
from grustab.iterators.batch import send


class BPTTUpdater(updaters.StandardUpdater):
    """One iteration: T steps forward, back through the same T steps, one optimizer step.

    The loss is the negative log-likelihood summed over the steps and averaged over the batch, as
    in Chainer's own Penn Treebank example (our assumption: the paper does not say). Reports
    ``loss``: the same, mean over all steps that count, in nats.

    Args:
        iterator: Iterator of :class:`grustab.iterators.SequenceBatch`.
        optimizer: Optimizer set up with the model; ``model(xs, ts, mask)`` gives the summed
            negative log-likelihood of a batch.
        device: Device of the model and the batches.
        mean_over_steps: Average over the steps, too, instead of summing.

    Attributes:
        seconds: Time spent in all updates so far.

    Raises:
        DivergenceError: In an update, if the loss is not finite; the weights stay as they were.
    """

    def __init__(
        self,
        iterator: chainer.dataset.Iterator,
        optimizer: chainer.Optimizer,
        device: chainer.backend.Device | None = None,
        mean_over_steps: bool = False,
    ) -> None:
        super().__init__(iterator, optimizer, device=device)
        self.mean_over_steps = mean_over_steps
        self.seconds = 0.0

    def update_core(self) -> None:
        """Read a batch, update the weights."""
        start = time.perf_counter()
        iterator, optimizer = self.get_iterator("main"), self.get_optimizer("main")
        batch, model = iterator.next(), optimizer.target
        if batch.first:
            model.reset_state()
        total = model(*send(batch, model.device))
        value = float(total.array)
        chainer.report({"loss": value / batch.n_steps}, model)
        if not math.isfinite(value):
            raise DivergenceError("loss", value)
        steps, size = batch.ts.shape[:2]
        loss = total / (size * steps if self.mean_over_steps else size)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        if iterator.is_new_epoch:
            optimizer.new_epoch(auto=True)
        self.seconds += time.perf_counter() - start
