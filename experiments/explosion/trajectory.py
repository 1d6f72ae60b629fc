"""Train from the start, and look at the worst update of every hundred."""

import statistics
from pathlib import Path
from typing import Any

import chainer

from experiments.config.load import Cell
from experiments.results.run_spec import RunSpec
from experiments.results.store import finite
from experiments.system.console import print_safely
from experiments.training.progress import TrainingBar
from experiments.training.run import Run
from grustab.extensions import LyapunovMonitor, SpectrumMonitor
from grustab.extensions.lyapunov_monitor import exponents
from grustab.links import GRU
from grustab.stability import largest_singular_value

MATRICES = ("W_xz", "W_xr", "W_xh", "W_hz", "W_hr", "W_hh")


class WorstUpdates:
    """Hook of an optimizer: of each hundred updates, the one with the largest gradient.

    It looks before the update, at the weights that made the gradient.

    Attributes:
        points: Of each hundred ``update`` (the worst one's number, from 1), ``gradient_norm``
            (its), ``mean_gradient_norm`` (the hundred's), and ``layers``: see
            :func:`describe_layer`.
    """

    name = "WorstUpdates"

    def __init__(self, model: chainer.Link) -> None:
        self.monitor = LyapunovMonitor(model)
        self.points: list[dict[str, Any]] = []
        self._norms: list[float] = []

    def __call__(self, opt: chainer.Optimizer) -> None:
        """Take in one update; copy weights and inputs where it is the worst so far."""
        norm = chainer.get_current_reporter().observation["gradient/norm"]
        self._norms.append(norm)
        if norm >= max(self._norms):
            layers = [
                (gru.copy(mode="copy"), *self.monitor.seen[name])
                for name, gru in self.monitor.grus.items()
            ]
            self._worst = {"update": opt.t + 1, "gradient_norm": finite(norm)}, layers
        if (opt.t + 1) % 100 == 0:
            self.close()

    def close(self) -> None:
        """End the window, if it holds anything."""
        if self._norms:
            point, layers = self._worst
            point["mean_gradient_norm"] = finite(statistics.fmean(self._norms))
            point["layers"] = [describe_layer(*layer) for layer in layers]
            self.points.append(point)
            self._norms = []


def describe_layer(gru: GRU, xs: Any, h: Any) -> dict[str, Any]:
    """``sigma_1`` of a layer's six matrices, spectral radius at zero, exponents along the batch.

    ``xs`` and ``h`` are as of :func:`exponents`.
    """
    ((_, radius),) = SpectrumMonitor(gru).observe().values()
    of_sequences = exponents(gru, xs, h)
    return {
        "sigma_1": {m: finite(largest_singular_value(getattr(gru, m))) for m in MATRICES},
        "spectral_radius": finite(radius),
        "largest_exponent": finite(max(of_sequences)),
        "median_exponent": finite(statistics.median(of_sequences)),
    }


def train(cell: Cell, seed: int, updates: int, out: Path) -> dict[str, Any]:
    """Train a cell for some updates, or until it diverges or is interrupted.

    Raises:
        GrustabError: If the data is not usable.
    """
    run = Run(RunSpec(cell, seed, out, updates), chainer.get_device("@numpy"))
    worst = WorstUpdates(run.model)
    run.optimizer.add_hook(worst)
    run.trainer.extend(TrainingBar(cell.conditions, updates))
    print_safely(f"training {cell.config} {cell.name}, seed {seed}, for {updates} updates")
    run.train()
    if run.failure:
        raise run.failure
    worst.close()
    epochs = run.epochs.curves
    return {
        "updates": run.updater.iteration,
        "stopped_by": run.stopped_by,
        "divergence": run.divergence,
        "seconds": finite(run.elapsed()),
        "epochs": {key: epochs[key] for key in ("iteration", "validation_loss", "learning_rate")},
        "worst_updates": worst.points,
    }
