"""The form of a ``result.json``, so that an edited or damaged one is noticed when it is read."""

from typing import Any, Literal

from pydantic import Field, model_validator

from experiments.results.json_file import Form
from experiments.results.measurement import Machine

SCHEMA = 1
Curve = list[float | None]
LayerCurve = list[list[float | None]]


class Best(Form):
    """Where the validation loss was lowest."""

    epoch: float
    iteration: int
    validation_loss: float
    test_loss: float | None


class GradientMean(Form):
    """Means over all iterations; ``None`` where one is not finite."""

    norm: float | None
    mean_abs: float | None


class _Seconds(Form):
    training: float
    projection: float
    evaluation: float
    total: float


class _Points(Form):
    @model_validator(mode="after")
    def _equally_long(self) -> "_Points":
        lengths = {key: len(getattr(self, key)) for key in type(self).model_fields}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"curves of different lengths: {lengths}")
        for key in sorted({"sigma_1", "spectral_radius", "capped"} & set(lengths)):
            if len({len(layers) for layers in getattr(self, key)}) > 1:
                raise ValueError(f"{key} of different numbers of layers")
        return self


class IterationCurves(_Points):
    """One point per window of iterations, see ``IterationRecorder``."""

    iteration: list[int]
    loss: Curve
    gradient_norm: Curve
    gradient_norm_max: Curve
    gradient_mean_abs: Curve
    sigma_1: LayerCurve
    spectral_radius: LayerCurve
    capped: LayerCurve


class EpochCurves(_Points):
    """One point per epoch, see :class:`experiments.training.recorder.EpochRecorder`."""

    epoch: list[float]
    iteration: list[int]
    validation_loss: Curve
    learning_rate: list[float]
    seconds: list[float]


class _Curves(Form):
    iterations: IterationCurves
    epochs: EpochCurves


class _Session(Form):
    """A later part of a run that was interrupted."""

    environment: Machine


class ResultFile(Form):
    """What tables and figures read of a result; other keys are free."""

    schema_: Literal[1] = Field(alias="schema")
    config: str
    cell: str
    seed: int
    status: Literal["completed", "diverged", "interrupted"]
    stopped_by: str
    divergence: dict[str, Any] | None
    iterations: int
    epochs: float
    best: Best | None
    unigram_validation_loss: float
    n_symbols: int | None = Field(default=None, gt=1)
    gradient_mean: GradientMean
    seconds: _Seconds
    overrides: dict[str, Any]
    conditions: dict[str, Any]
    conditions_sha256: str
    environment: Machine
    resumed: list[_Session] = Field([])
    curves: _Curves

    @model_validator(mode="after")
    def _conditions_say_enough(self) -> "ResultFile":
        if self.conditions.get("task") not in ("language", "music"):
            raise ValueError("conditions.task is neither language nor music")
        if not isinstance(self.conditions.get("epochs"), int):
            raise ValueError("conditions.epochs is not an integer")
        if self.status == "completed" and self.best is None:
            raise ValueError("completed without a best epoch")
        epochs = self.curves.epochs
        losses = dict(zip(epochs.iteration, epochs.validation_loss, strict=True))
        if self.best and losses.get(self.best.iteration) != self.best.validation_loss:
            raise ValueError("best is no point of curves.epochs")
        return self
