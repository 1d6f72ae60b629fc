"""Truncated back-propagation through time."""

import math
import time
from collections.abc import Callable

import chainer
import numpy as np
from chainer.training import updaters

from grustab.errors import DivergenceError
from grustab.iterators.batch import SequenceBatch, require_sequence_batch, send
from grustab.links.gru import gru_layers
from grustab.serialization import serialize_array, serialize_json

#: Takes the numbers of an iteration by what they are called.
Receiver = Callable[[dict[str, float]], None]


class BPTTUpdater(updaters.StandardUpdater):
    """One iteration: T steps forward, back through the same T steps, one optimizer step.

    The loss is the negative log-likelihood summed over the steps and averaged over the batch, as
    in Chainer's own Penn Treebank example (our assumption: the supplement does not say), or as the
    arguments say. Reports ``loss``: the same, mean over all steps that count, in nats.

    Args:
        iterator: Iterator of :class:`grustab.iterators.SequenceBatch`.
        optimizer: Optimizer set up with the model; ``model(xs, ts, mask)`` gives the summed
            negative log-likelihood of a batch, ``model.reset_state()`` starts from ``h = 0``.
        device: As of Chainer's updaters; batches go where the model is.
        mean_over_steps: Average over the steps that count instead of summing over steps.
        sum_over_batch: Sum over the batch instead of averaging over it.

    Attributes:
        seconds_by_part: Time spent so far in ``forward`` (reading the batch included),
            ``backward`` and ``update``, the optimizer's step with its hooks.
        synchronize: Whether to wait for the GPU before each look at the clock. Without it, parts
            of a GPU's work are booked on the part that happens to wait for them.
        receivers: Called with the numbers of each iteration where these come too late for its
            observation: not here, but in :class:`grustab.updaters.LateUpdater`.

    Raises:
        ValueError: If given several iterators or optimizers, of which it would use but one, or an
            optimizer with a loss scale.
        RuntimeError: In an update, if the iterator has ended.
        TypeError: In an update, if the iterator gives anything but a ``SequenceBatch``.
        DivergenceError: In an update, if the loss is not finite; the weights stay as they were.
    """

    def __init__(
        self,
        iterator: chainer.dataset.Iterator,
        optimizer: chainer.Optimizer,
        device: chainer.backend.Device | None = None,
        mean_over_steps: bool = False,
        sum_over_batch: bool = False,
    ) -> None:
        super().__init__(iterator, optimizer, device=device)
        for kind, given in (("iterator", self._iterators), ("optimizer", self._optimizers)):
            if list(given) != ["main"]:
                raise ValueError(f"expected one {kind}, 'main', got {list(given)}")
        if self._optimizers["main"]._loss_scale is not None:
            raise ValueError("a loss scale is not supported, expected an optimizer without")
        self.mean_over_steps, self.sum_over_batch = mean_over_steps, sum_over_batch
        self.seconds_by_part = {"forward": 0.0, "backward": 0.0, "update": 0.0}
        self.synchronize = False
        self.receivers: list[Receiver] = []

    @property
    def seconds(self) -> float:
        """Time spent in all updates so far."""
        return sum(self.seconds_by_part.values())

    def update_core(self) -> None:
        """Read a batch, update the weights."""
        start = self.clock()
        iterator, optimizer = self.get_iterator("main"), self.get_optimizer("main")
        try:
            batch, model = require_sequence_batch(iterator.next()), optimizer.target
        except StopIteration:
            raise RuntimeError(
                "the iterator ended before training, expected repeat=True or an earlier end"
            ) from None
        if batch.first:
            model.reset_state()
        total = model(*send(batch, model.device))
        sequences = batch.ts.shape[1]
        by = divisor(batch.n_steps, sequences, self.mean_over_steps, self.sum_over_batch)
        with chainer.using_device(model.device):
            total.grad = total.xp.full_like(total.array, 1 / by)
        model.cleargrads()
        start = self._book("forward", start)
        total.backward()
        total.unchain_backward()  # or a state that is a Variable leads back to earlier batches
        start = self._book("backward", start)
        self._step(total, batch)
        if iterator.is_new_epoch:
            optimizer.new_epoch(auto=True)
        self._book("update", start)

    def _step(self, total: chainer.Variable, batch: SequenceBatch) -> None:
        optimizer = self.get_optimizer("main")
        value = float(total.array)
        chainer.report({"loss": value / batch.n_steps}, optimizer.target)
        if not math.isfinite(value):
            raise DivergenceError("loss", value)
        optimizer.update()

    def settle(self, receive: Receiver | None = None) -> None:
        """Make sure that the last iteration is done with: here it always is.

        Args:
            receive: Takes its numbers instead of the receivers, where they were still to come:
                ``chainer.report`` within the iteration.
        """

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load weights, optimizer, place in the data, and the states of our GRUs."""
        super().serialize(serializer)
        self.seconds_by_part = serialize_json(serializer, "seconds_by_part", self.seconds_by_part)
        for name, gru in gru_layers(self.get_optimizer("main").target).items():
            h = serialize_array(serializer["states"], name or "/", gru.h)
            if not isinstance(serializer, chainer.serializer.Deserializer):
                continue
            if h is not None and h.dtype != gru.W_h.dtype:
                raise ValueError(
                    f"the state of layer {name or '/'} is {h.dtype} there, {gru.W_h.dtype} here"
                )
            gru.set_state(h)

    def clock(self) -> float:
        """Now, in seconds, as ``seconds_by_part`` is taken."""
        device = self.get_optimizer("main").target.device
        if self.synchronize and device.xp is not np:
            device.device.synchronize()  # all of that GPU, current or not
        return time.perf_counter()

    def _book(self, part: str, start: float) -> float:
        now = self.clock()
        self.seconds_by_part[part] += now - start
        return now


def divisor(steps: int, sequences: int, mean_over_steps: bool, sum_over_batch: bool) -> float:
    """What to divide a summed loss by; ``steps``: those that count, of all sequences together."""
    number = steps if mean_over_steps else sequences
    return number / sequences if sum_over_batch else number
