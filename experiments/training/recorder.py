"""Record a run's curves: windows of iterations, and epochs."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import chainer
from chainer import training

from experiments.results.schema import EpochCurves, IterationCurves
from experiments.results.store import finite
from experiments.training.optimization import VALIDATION_LOSS, learning_rate_name
from grustab.errors import DivergenceError
from grustab.extensions import SequenceEvaluator, SpectrumMonitor
from grustab.extensions.spectrum_monitor import Spectra
from grustab.serialization import serialize_json


class IterationRecorder(training.Extension):
    """Mean and maximum of what iterations report, one point per window.

    At the end of a window it looks at the exact spectrum too.

    Args:
        monitor: Reports ``sigma_1`` and the spectral radius of each layer.
        interval: Iterations in a window.
    """

    def __init__(self, monitor: SpectrumMonitor, interval: int) -> None:
        self.monitor, self.interval = monitor, interval
        self._curves: dict[str, list[Any]] = {key: [] for key in IterationCurves.model_fields}
        self._spectra: Callable[[], Spectra] | None = None  # of the last point, on their way
        self._window: dict[str, list[float]] = defaultdict(list)
        self._gradient_sums = [0.0, 0.0]
        self._gradient_counts = [0, 0]

    @property
    def curves(self) -> dict[str, list[Any]]:
        """Lists of equal length.

        ``iteration`` (of a window's end), ``loss`` (mean, nats per step), ``gradient_norm`` (mean),
        ``gradient_norm_max``, ``gradient_mean_abs``, and per layer ``sigma_1``,
        ``spectral_radius``, ``capped`` (mean).
        """
        if self._spectra is not None:
            spectra, self._spectra = self._spectra(), None
            for i, key in enumerate(("sigma_1", "spectral_radius")):
                self._curves[key].append(
                    [finite(spectra[name][i]) for name in self.monitor.matrices]
                )
        return self._curves

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load all that was recorded."""
        state = [self.curves, self._window, self._gradient_sums, self._gradient_counts]
        self._curves, window, self._gradient_sums, self._gradient_counts = serialize_json(
            serializer, "recorded", state
        )
        self._window = defaultdict(list, window)

    def __call__(self, trainer: training.Trainer) -> None:
        """Take in one iteration, and end its window if it is the last one."""
        self.take(trainer.observation)
        if trainer.updater.iteration % self.interval == 0:
            self.close(trainer)

    def take(self, seen: dict[str, Any]) -> None:
        """Take in what was observed of an iteration."""
        for key in ("main/loss", "gradient/norm", "gradient/mean_abs"):
            if key in seen:
                self._window[key].append(float(seen[key]))
        for name in self.monitor.matrices:
            keys = [k for k in seen if k.startswith(f"projection{name}/") and k.endswith("/capped")]
            if keys:
                self._window[f"capped{name}"].append(sum(seen[key] for key in keys))
        for i, key in enumerate(("gradient/norm", "gradient/mean_abs")):
            if key in seen:
                self._gradient_sums[i] += float(seen[key])
                self._gradient_counts[i] += 1

    def close(self, trainer: training.Trainer) -> None:
        """End the current window, if it holds anything."""
        trainer.updater.settle()
        window = self._window
        if not window:
            return
        norms = window["gradient/norm"]
        point = {
            "iteration": trainer.updater.iteration,
            "loss": _mean(window["main/loss"]),
            "gradient_norm": _mean(norms),
            "gradient_norm_max": finite(max(norms)) if norms else None,
            "gradient_mean_abs": _mean(window["gradient/mean_abs"]),
            "capped": [_mean(window[f"capped{name}"]) for name in self.monitor.matrices],
        }
        curves = self.curves  # with the spectra of the window before
        for key, value in point.items():
            curves[key].append(value)
        self._spectra = self.monitor.begin()
        window.clear()

    def gradient_means(self) -> dict[str, float | None]:
        """Mean norm, and mean absolute value of the elements, over all iterations so far."""
        means = [
            finite(total / n) if n else None
            for total, n in zip(self._gradient_sums, self._gradient_counts, strict=True)
        ]
        return {"norm": means[0], "mean_abs": means[1]}


class EpochRecorder(training.Extension):
    """Validation loss of each epoch, and the test loss at the best one.

    Args:
        validation: Evaluates on the validation data.
        test: Evaluates on the test data, each time the validation loss is the best so far.
        elapsed: Says how many seconds the run has taken so far.

    Attributes:
        curves: Lists of equal length: ``epoch``, ``iteration``, ``validation_loss`` (nats per
            step), ``learning_rate`` (of the epoch), ``seconds`` (since the start).
        best: ``epoch``, ``iteration``, ``validation_loss``, ``test_loss`` at the lowest
            validation loss, or ``None``.

    Raises:
        DivergenceError: In a call, if the validation loss is not finite.
    """

    trigger = (1, "epoch")
    # Before the schedule changes the learning rate that the epoch had.
    priority = training.PRIORITY_WRITER

    def __init__(
        self, validation: SequenceEvaluator, test: SequenceEvaluator, elapsed: Callable[[], float]
    ) -> None:
        self.validation, self.test, self.elapsed = validation, test, elapsed
        self.curves: dict[str, list[Any]] = {key: [] for key in EpochCurves.model_fields}
        self.best: dict[str, Any] | None = None

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load all that was recorded, and the time that the evaluations took."""
        self.curves, self.best = serialize_json(serializer, "recorded", [self.curves, self.best])
        self.validation.serialize(serializer["validation"])
        self.test.serialize(serializer["test"])

    def __call__(self, trainer: training.Trainer) -> None:
        """Evaluate and record."""
        loss = self.validation()[VALIDATION_LOSS]
        best = self.best is None or loss < self.best["validation_loss"]
        test_loss = self.test()["test/main/loss"] if best and math.isfinite(loss) else None
        optimizer = trainer.updater.get_optimizer("main")
        point = {
            "epoch": finite(trainer.updater.epoch_detail),
            "iteration": trainer.updater.iteration,
            "validation_loss": finite(loss),
            "learning_rate": getattr(optimizer, learning_rate_name(optimizer)),
            "seconds": finite(self.elapsed()),
        }
        for key, value in point.items():
            self.curves[key].append(value)
        if not math.isfinite(loss):
            raise DivergenceError("validation loss", loss)
        if best:
            keys = ("epoch", "iteration", "validation_loss")
            self.best = {key: point[key] for key in keys} | {"test_loss": finite(test_loss)}


def _mean(values: list[float]) -> float | None:
    return finite(sum(values) / len(values)) if values else None
