"""The files of ``explosion``, as far as the figure reads them."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.results.json_file import read_json


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class Cut(_Strict):
    """What is left with some ways back in time cut; ``None``: not finite."""

    gradient_norm: float | None
    growth: list[float | None]


class MeasuredLayer(_Strict):
    """A layer of a snapshot."""

    cuts: dict[str, Cut]


class Scaled(_Strict):
    """The gradient with one matrix a little smaller."""

    layer: int
    matrix: str
    factor: float
    gradient_norm: float | None


class MeasuredSnapshot(_Strict):
    """One update."""

    update: int
    gradient_norm: float | None
    other_masks: list[float | None]
    layers: list[MeasuredLayer] = Field(min_length=1)
    scaled: list[Scaled]


class Explosion(_Strict):
    """``explosion.json``."""

    schema_: Literal[1] = Field(alias="schema")
    cell: str
    snapshots: list[MeasuredSnapshot] = Field(min_length=1)


class WatchedLayer(_Strict):
    """A layer at one update of training."""

    sigma_1: dict[str, float | None]
    spectral_radius: float | None
    largest_exponent: float | None
    median_exponent: float | None


class WorstUpdate(_Strict):
    """The update of a window with the largest gradient."""

    update: int
    gradient_norm: float | None
    mean_gradient_norm: float | None
    layers: list[WatchedLayer] = Field(min_length=1)


class Training(_Strict):
    """``training.json``."""

    schema_: Literal[1] = Field(alias="schema")
    worst_updates: list[WorstUpdate] = Field(min_length=1)


def read_explosion(out: Path) -> tuple[Explosion, Training | None] | None:
    """What was measured, and the training if there was one; ``None`` where nothing is.

    Raises:
        ResultError: If a file is damaged.
    """
    folder = out / "explosion"
    if not (folder / "explosion.json").exists():
        return None
    training = folder / "training.json"
    trained = read_json(training, Training)[1] if training.exists() else None
    return read_json(folder / "explosion.json", Explosion)[1], trained
