"""The files of ``explosion``, as far as the figure reads them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from experiments.results.json_file import Form, read_json


class Cut(Form):
    """What is left with some ways back in time cut; ``None``: not finite."""

    gradient_norm: float | None
    growth: list[float | None]


class _MeasuredLayer(Form):
    cuts: dict[Literal["none", "z", "r", "z and r", "candidate", "W_hh", "all"], Cut] = Field(
        min_length=7
    )


class _Scaled(Form):
    layer: int
    matrix: Literal["W_hz", "W_hr", "W_hh"]
    factor: float
    gradient_norm: float | None


class MeasuredSnapshot(Form):
    """One update."""

    update: int
    gradient_norm: float | None
    other_masks: list[float | None] = Field(min_length=1)
    layers: list[_MeasuredLayer] = Field(min_length=1)
    scaled: list[_Scaled]


class _OfOneRun(Form):
    schema_: Literal[1] = Field(alias="schema")
    cell: str
    overrides: dict[str, Any]
    seed: int


class Explosion(_OfOneRun):
    """``explosion.json``."""

    snapshots: list[MeasuredSnapshot] = Field(min_length=1)


class _WatchedLayer(Form):
    sigma_1: dict[str, float | None]
    spectral_radius: float | None
    largest_exponent: float | None
    median_exponent: float | None


class WorstUpdate(Form):
    """The update of a window with the largest gradient."""

    update: int
    gradient_norm: float | None
    mean_gradient_norm: float | None
    layers: list[_WatchedLayer] = Field(min_length=1)


class Training(_OfOneRun):
    """``training.json``."""

    worst_updates: list[WorstUpdate] = Field(min_length=1)


def read_explosion(out: Path) -> tuple[Explosion, Training | None] | None:
    """What was measured, and the training of that run; ``None`` where nothing is.

    Raises:
        ResultError: If a file is damaged.
    """
    folder = out / "explosion"
    if not (folder / "explosion.json").exists():
        return None
    measured = read_json(folder / "explosion.json", Explosion)[1]
    training = folder / "training.json"
    trained = read_json(training, Training)[1] if training.exists() else None
    if trained and _run(trained) != _run(measured):
        trained = None  # of another run, from an earlier measurement
    return measured, trained


def _run(file: _OfOneRun) -> tuple[str, dict[str, Any], int]:
    return file.cell, file.overrides, file.seed
