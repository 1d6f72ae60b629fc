"""Run one cell with one seed and write its result."""

import datetime
import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import chainer
import numpy as np
from chainer import training

from experiments.conditions import Conditions
from experiments.config import Cell
from experiments.data import RunData, load_data
from experiments.device import find_device
from experiments.environment import describe_environment
from experiments.interruption import interruptible
from experiments.messages import announce, summary
from experiments.models import LanguageModel, MusicModel, SequenceModel
from experiments.optimization import (
    add_schedule,
    make_optimizer,
    make_projection,
    make_stop_trigger,
)
from experiments.paths import RUNS, shown
from experiments.progress import EpochLog, TrainingBar
from experiments.recorder import EpochRecorder, IterationRecorder
from experiments.result_schema import SCHEMA
from experiments.results import (
    FINISHED,
    check_writable,
    finite,
    keep_result,
    read_result,
    result_file,
    run_path,
)
from grustab.errors import DivergenceError, NonFiniteMatrixError
from grustab.extensions import SequenceEvaluator, SpectrumMonitor
from grustab.generators import Generators
from grustab.updaters import BPTTUpdater


class Run:
    """One cell with one seed, built and ready to train.

    Args:
        cell: What to run.
        seed: Seed of all its generators.
        device: Where to run.
        max_iterations: Stop there, whatever the conditions say; the result is then partial.

    Attributes:
        trainer: The Chainer trainer with all extensions.
        model: The model.
        data: The iterators.
        failure: What ended training where nothing was to end it.
    """

    def __init__(
        self, cell: Cell, seed: int, device: chainer.backend.Device, max_iterations: int | None
    ) -> None:
        self.cell, self.seed, self.device = cell, seed, device
        c = cell.conditions
        generators = Generators(seed, device)
        self.data = load_data(c, generators.order)
        self.model = make_model(c, self.data, generators)
        self.model.to_device(device)
        optimizer = make_optimizer(c, self.model)
        self.updater = BPTTUpdater(
            self.data.train, optimizer, mean_over_steps=c.loss == "mean_over_steps"
        )
        self.rule = make_stop_trigger(c, optimizer)
        self.max_iterations = max_iterations
        self.stopped_by = "an interruption"
        self.failure: Exception | None = None
        self.trainer = training.Trainer(
            self.updater, self._stop, out=str(RUNS / run_path(cell, seed))
        )
        self.validation = SequenceEvaluator(self.data.valid, self.model)
        self.test = SequenceEvaluator(self.data.test, self.model, name="test")
        self.iterations = IterationRecorder(SpectrumMonitor(self.model), c.monitor_interval)
        self.epochs = EpochRecorder(self.validation, self.test)
        self.projection = make_projection(c, self.model, generators)
        for extension in (self.projection, self.iterations, self.epochs):
            if extension is not None:
                self.trainer.extend(extension)
        add_schedule(c, self.trainer)
        self.trainer.extend(EpochLog(trigger=(1, "epoch")))
        # Now, because files may change while a long run goes on.
        self.environment = describe_environment(device)
        self.started = datetime.datetime.now(datetime.UTC)

    def _stop(self, trainer: training.Trainer) -> bool:
        if self.rule(trainer):
            self.stopped_by = "its own rule"
            return True
        if self.max_iterations and trainer.updater.iteration >= self.max_iterations:
            self.stopped_by = f"--max-iterations {self.max_iterations}"
            return True
        return False

    def train(self) -> dict[str, Any]:
        """Train to the end, to divergence, or to an interruption.

        Returns:
            The contents of ``result.json``.
        """
        self.trainer.extend(TrainingBar(self.cell.conditions.epochs, self.max_iterations))
        start = time.perf_counter()
        status, divergence = "interrupted", None
        try:
            # An explosion overflows; the loss and gradient checks say so, once.
            with np.errstate(over="ignore", invalid="ignore"):
                self.trainer.run(show_loop_exception_msg=False)
                if self.stopped_by == "its own rule":
                    status = "completed"
                if not self.epochs.up_to_date(self.trainer):
                    print("evaluating", flush=True)
                    self.epochs(self.trainer)
        except (DivergenceError, NonFiniteMatrixError) as error:
            status = "diverged"
            self.stopped_by = "a value that is not finite"
            divergence = {
                "iteration": self.updater.iteration,
                "quantity": getattr(error, "quantity", "W_hh"),
                "message": str(error),
            }
        except KeyboardInterrupt:
            self.stopped_by = "an interruption"
        except Exception as error:  # whatever it is, the epochs before it are not to be lost
            self.stopped_by = f"{type(error).__name__}: {error}"
            self.failure = error
        with suppress(Exception), np.errstate(over="ignore", invalid="ignore"):
            self.iterations.close(self.trainer)
        return self._result(status, divergence, time.perf_counter() - start)

    def _command(self) -> str:
        """What repeats the run, wherever its result went."""
        words = ["run", self.cell.config, "--cell", self.cell.name, "--seed", str(self.seed)]
        words += self.cell.set_words()
        if self.max_iterations:
            words += ["--max-iterations", str(self.max_iterations)]
        return "python -m experiments " + shlex.join(words)

    def _projection_ways(self) -> dict[str, dict[str, int]]:
        """How often each way of ``auto`` was taken, and how often it was verified, by layer."""
        automatic = self.projection.automatic if self.projection else {}
        return {name: dict(auto.counts) for name, auto in automatic.items()}

    def _epochs_done(self, divergence: dict[str, Any] | None) -> float:
        # The iterator has moved on past a batch whose loss or gradient was not finite.
        if divergence and divergence["quantity"] in ("loss", "gradient"):
            return self.updater.previous_epoch_detail
        return self.updater.epoch_detail

    def _result(
        self, status: str, divergence: dict[str, Any] | None, total: float
    ) -> dict[str, Any]:
        cell, c = self.cell, self.cell.conditions
        curves = {
            "iterations": _whole_points(self.iterations.curves),
            "epochs": _whole_points(self.epochs.curves),
        }
        return {
            "schema": SCHEMA,
            "config": cell.config,
            "cell": cell.name,
            "seed": self.seed,
            "status": status,
            "stopped_by": self.stopped_by,
            "divergence": divergence,
            "iterations": self.updater.iteration,
            "epochs": finite(self._epochs_done(divergence)),
            "best": self.epochs.best,
            "unigram_validation_loss": self.data.unigram_loss,
            "gradient_mean": self.iterations.gradient_means(),
            "certificate": certificate(c, curves["iterations"]),
            "projection_ways": self._projection_ways(),
            "seconds": {
                "training": finite(self.updater.seconds),
                "projection": finite(self.projection.seconds if self.projection else 0.0),
                "evaluation": finite(self.validation.seconds + self.test.seconds),
                "total": finite(total),
            },
            "overrides": cell.overrides,
            "conditions": c.model_dump(),
            "sources": cell.sources,
            "conditions_sha256": c.digest(),
            "command": self._command(),
            "started": self.started.isoformat(timespec="seconds"),
            "environment": self.environment,
            "curves": curves,
        }


def _whole_points(curves: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without a last point of which an interruption left only a part."""
    length = min(map(len, curves.values()))
    return {key: values[:length] for key, values in curves.items()}


def make_model(c: Conditions, data: RunData, generators: Generators) -> SequenceModel:
    """The model of the task, as the conditions say."""
    model = LanguageModel if c.task == "language" else MusicModel
    return model(
        data.n_symbols,
        c.units,
        c.layers,
        c.input_scale,
        c.initial_std,
        c.dropout,
        c.dropout_after,
        c.output_bias,
        generators,
    )


def certificate(c: Conditions, curves: dict[str, list[Any]]) -> dict[str, Any]:
    """Largest exact ``sigma_1(W_hh)`` seen at the end of any window, beside the cap."""
    seen = [value for layers in curves.get("sigma_1", []) for value in layers if value is not None]
    return {
        "cap": None if c.delta is None else 2 - c.delta,
        "largest_sigma_1": max(seen, default=None),
        "checks": len(seen),
    }


def run_cell(
    cell: Cell,
    seed: int,
    device_name: str,
    max_iterations: int | None,
    out: Path,
    force: bool,
) -> Path:
    """Run a cell unless its result is there, and write the result.

    Args:
        cell: What to run.
        seed: Seed of the run.
        device_name: ``cpu`` or the number of a GPU.
        max_iterations: Stop there; the result is then partial (``interrupted``).
        out: Folder of the results.
        force: Run even where a finished result is there, and replace it.

    Returns:
        Path of the result file.

    Raises:
        KeyboardInterrupt: After an interruption, the partial result written.
        GrustabError: If the device, the data or the results folder is not usable.
    """
    device = find_device(device_name)
    device.use()
    path = result_file(out, cell, seed)
    if path.exists() and not force:
        there = read_result(path)
        enough = max_iterations and there["iterations"] >= max_iterations
        if there["status"] in FINISHED or enough:
            print(f"{cell.config} {cell.name}, seed {seed}: done already, see {shown(path)}")
            return path
    check_writable(path)
    announce(cell, seed, device_name, max_iterations, path)
    with interruptible():
        run = Run(cell, seed, device, max_iterations)
        result = run.train()
        aside = RUNS / run_path(cell, seed) / "result.json"
        path = keep_result(path, aside, result)
    print(summary(result), flush=True)
    if run.failure:
        raise run.failure
    if run.stopped_by == "an interruption":
        raise KeyboardInterrupt
    return path
