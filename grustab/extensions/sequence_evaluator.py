"""Mean negative log-likelihood over whole sequences."""

import time

import chainer
from chainer.training import extensions

from grustab.iterators.batch import require_sequence_batch, send


class SequenceEvaluator(extensions.Evaluator):
    """Evaluate a stateful model on sequences of any length.

    The state runs on through the batches and is reset where a batch says so; training's own
    state is untouched. Reports ``loss``: the negative log-likelihood in nats, mean over all
    steps of all sequences, each counted once (perplexity is its exponential). What the model itself
    reports is averaged over the batches, as by Chainer's evaluator.

    Args:
        iterator: Iterator of :class:`grustab.iterators.SequenceBatch` that does not repeat,
            and has a ``reset``.
        target: Model: ``model(xs, ts, mask)`` gives the summed negative log-likelihood,
            ``model.reset_state()`` starts from ``h = 0``.
        name: Name of the data, the first part of what it reports (``validation/main/loss``).

    Attributes:
        seconds: Time spent in all evaluations so far.

    Raises:
        ValueError: If the iterator repeats; in a call, if it gives no step that counts.
        TypeError: In a call, if it gives anything but a ``SequenceBatch``.
    """

    def __init__(
        self, iterator: chainer.dataset.Iterator, target: chainer.Link, name: str = "validation"
    ) -> None:
        super().__init__(iterator, target)
        if getattr(self.get_iterator("main"), "repeat", False):
            raise ValueError("expected an iterator that does not repeat: others never end")
        self.name = name
        self.seconds = 0.0

    def evaluate(self) -> dict[str, float]:
        """One pass over the iterator; a call of the extension switches training off around it.

        Returns:
            ``{"<name>/main/loss": mean negative log-likelihood}``, and what the model reports.
        """
        start = time.perf_counter()
        iterator = self.get_iterator("main")
        iterator.reset()
        model = self.get_target("main").copy()  # shares weights, has a state of its own
        reporter, prefix = chainer.get_current_reporter(), f"{self.name}/main"
        reporter.add_observer(prefix, model)
        reporter.add_observers(prefix, model.namedlinks(skipself=True))
        total, steps, reported = 0.0, 0, chainer.DictSummary()
        with chainer.no_backprop_mode():
            for batch in iterator:
                if require_sequence_batch(batch).first:
                    model.reset_state()
                with reporter.scope({}):
                    total += float(model(*send(batch, model.device)).array)
                    reported.add(reporter.observation)
                steps += batch.n_steps
        self.seconds += time.perf_counter() - start
        if not steps:
            raise ValueError(f"the evaluation {self.name!r} found no step that counts")
        return {**reported.compute_mean(), f"{prefix}/loss": total / steps}

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the time spent."""
        self.seconds = serializer("seconds", self.seconds)
