"""Mean negative log-likelihood over whole sequences."""

import time

import chainer
from chainer import training
from chainer.training import extensions

from grustab.iterators.batch import send


class SequenceEvaluator(extensions.Evaluator):
    """Evaluate a stateful model on sequences of any length.

    The state runs on through the batches and is reset where a batch says so; training's own
    state is untouched. Reports ``loss``: the negative log-likelihood in nats, mean over all
    steps of all sequences, each counted once (perplexity is its exponential).

    Args:
        iterator: Iterator of :class:`grustab.iterators.SequenceBatch` that does not repeat.
        target: Model: ``model(xs, ts, mask)`` gives the summed negative log-likelihood.
        name: Name of the data, the first part of what it reports (``validation/main/loss``).

    Attributes:
        seconds: Time spent in all evaluations so far.
    """

    trigger = (1, "epoch")
    priority = training.PRIORITY_WRITER

    def __init__(
        self, iterator: chainer.dataset.Iterator, target: chainer.Link, name: str = "validation"
    ) -> None:
        super().__init__(iterator, target)
        self.name = name
        self.seconds = 0.0

    def evaluate(self) -> dict[str, float]:
        """One pass over the iterator.

        Returns:
            ``{"<name>/main/loss": mean negative log-likelihood}``.
        """
        start = time.perf_counter()
        iterator = self.get_iterator("main")
        iterator.reset()
        model = self.get_target("main").copy()  # shares weights, has a state of its own
        total, steps = 0.0, 0
        with chainer.no_backprop_mode():
            for batch in iterator:
                if batch.first:
                    model.reset_state()
                total += float(model(*send(batch, model.device)).array)
                steps += batch.n_steps
        observation: dict[str, float] = {}
        with chainer.reporter.report_scope(observation):
            chainer.report({"loss": total / steps}, self.get_target("main"))
        self.seconds += time.perf_counter() - start
        return observation

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the time spent."""
        self.seconds = serializer("seconds", self.seconds)
