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
from grustab.optimizer_hooks import GradientClipping


def ours(w: Workload, device: chainer.backend.Device) -> Callable[[Any, Any], float]:
    """An iteration of this package; the function takes a batch and returns its loss."""
    model = (LanguageModel if w.task == "language" else MusicModel)(
        w.symbols,
        w.units,
        w.layers,
        INPUT_SCALE,
        None,
        DROPOUT,
        ("input", "gru"),
        True,
        Generators(0),
    )
    model.to_device(device)
    optimizer = optimizers.SGD(LEARNING_RATE).setup(model)
    optimizer.add_hook(GradientClipping(THRESHOLD[w.task]))

    def iterate(xs: Any, ts: Any) -> float:
        total = model(xs, ts)
        value = float(total.array)
        loss = total / w.batch
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return value / (w.steps * w.batch)

    return iterate


class StepwiseModel(chainer.Chain):
    """The same model of Chainer's own parts, a step at a time, as in its Penn Treebank example.

    ``StatefulGRU`` has other equations (biases, ``z`` the other way round), at the same cost.
    """

    def __init__(self, w: Workload) -> None:
        super().__init__()
        with self.init_scope():
            if w.task == "language":
                self.input = L.EmbedID(w.symbols, w.units)
            else:
                self.input = L.Linear(w.symbols, w.units, nobias=True)
            self.gru = chainer.ChainList(
                *(L.StatefulGRU(w.units, w.units) for _ in range(w.layers))
            )
            self.output = L.Linear(w.units, w.symbols)
        self.language = w.task == "language"

    def forward(self, x: Any, t: Any) -> chainer.Variable:
        """One step of all sequences: the loss, mean over the sequences."""
        h = F.dropout(self.input(x) * INPUT_SCALE, DROPOUT)
        for layer in self.gru:
            h = F.dropout(layer(h), DROPOUT)
        y = self.output(h)
        if self.language:
            return F.softmax_cross_entropy(y, t)
        return F.sum(F.softplus(y) - y * t) / len(t)


def stock(w: Workload, device: chainer.backend.Device) -> Callable[[Any, Any], float]:
    """An iteration of stock Chainer."""
    np.random.seed(0)
    model = StepwiseModel(w)
    model.to_device(device)
    optimizer = optimizers.SGD(LEARNING_RATE).setup(model)
    optimizer.add_hook(optimizer_hooks.GradientClipping(THRESHOLD[w.task]))

    def iterate(xs: Any, ts: Any) -> float:
        loss = 0
        for x, t in zip(xs, ts, strict=True):
            loss += model(x, t)
        value = float(loss.array)
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()
        return value / w.steps

    return iterate
