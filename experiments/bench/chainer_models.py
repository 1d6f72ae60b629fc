"""The iteration in Chainer: ours, and as Chainer's own examples would do it."""

from collections.abc import Callable
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer import optimizer_hooks, optimizers

from experiments.bench.workload import DROPOUT, INPUT_SCALE, LEARNING_RATE, THRESHOLD, Workload
from experiments.training.models import LanguageModel, MusicModel
from grustab.generators import Generators
from grustab.iterators import SequenceBatch
from grustab.optimizer_hooks import GradientClipping
from grustab.updaters import BPTTUpdater, LateUpdater


def our_model(w: Workload) -> LanguageModel | MusicModel:
    """The paper's model, as our runs build it."""
    make = LanguageModel if w.task == "language" else MusicModel
    sizes = (w.symbols, w.units, w.layers)
    return make(*sizes, INPUT_SCALE, None, DROPOUT, ("input", "gru"), True, Generators(0))


class StepwiseModel(chainer.Chain):
    """The same model of Chainer's own parts, a step at a time, as in its Penn Treebank example.

    ``StatefulGRU`` has other equations (biases, ``z`` the other way round), at the same cost.
    """

    def __init__(self, w: Workload) -> None:
        super().__init__()
        np.random.seed(0)
        with self.init_scope():
            if w.task == "language":
                self.input = L.EmbedID(w.symbols, w.units)
            else:
                self.input = L.Linear(w.symbols, w.units, nobias=True)
            layers = (L.StatefulGRU(w.units, w.units) for _ in range(w.layers))
            self.gru = chainer.ChainList(*layers)
            self.output = L.Linear(w.units, w.symbols)
        self.language = w.task == "language"

    def forward(self, xs: Any, ts: Any) -> chainer.Variable:
        """The loss: summed over the steps, mean over the sequences."""
        return sum(self._step(x, t) for x, t in zip(xs, ts, strict=True))

    def _step(self, x: Any, t: Any) -> chainer.Variable:
        h = F.dropout(self.input(x) * INPUT_SCALE, DROPOUT)
        for layer in self.gru:
            h = F.dropout(layer(h), DROPOUT)
        y = self.output(h)
        if self.language:
            return F.softmax_cross_entropy(y, t)
        return F.sum(F.softplus(y) - y * t) / len(t)


class _Batches(chainer.dataset.Iterator):
    """Stands in for an iterator: gives the batch at hand."""

    is_new_epoch = False

    def next(self) -> SequenceBatch:
        return self.batch


def our_iteration(model: LanguageModel | MusicModel, w: Workload) -> Callable[[Any, Any], Any]:
    """An iteration as our runs do it; the function takes a batch and returns its loss.

    The loss is per sequence. It comes at the end of the step, so that a GPU has to be waited for; a
    run reads it one iteration later.
    """
    optimizer, batches = optimizers.SGD(LEARNING_RATE).setup(model), _Batches()
    if model.xp is np:
        optimizer.add_hook(GradientClipping(THRESHOLD[w.task]))
        updater = BPTTUpdater(batches, optimizer)
    else:
        updater = LateUpdater(batches, optimizer, THRESHOLD[w.task], late=False)
    reporter = chainer.Reporter()
    reporter.add_observer("main", model)

    def iterate(xs: Any, ts: Any) -> Any:
        batches.batch = SequenceBatch(xs, ts, None, False)
        with reporter.scope({}):
            updater.update()
            return reporter.observation["main/loss"] * w.steps

    return iterate


def stock_iteration(model: StepwiseModel, w: Workload) -> Callable[[Any, Any], Any]:
    """An iteration of stock Chainer; as :func:`our_iteration`, and it does not wait for a GPU."""
    optimizer = optimizers.SGD(LEARNING_RATE).setup(model)
    optimizer.add_hook(optimizer_hooks.GradientClipping(THRESHOLD[w.task]))

    def iterate(xs: Any, ts: Any) -> Any:
        loss = model(xs, ts)
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()  # the states hold on to the graph
        optimizer.update()
        return loss.array

    return iterate
