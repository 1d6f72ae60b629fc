"""The file that ``time`` writes: its form, its place, and what follows from it."""

import statistics
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from experiments.config.load import Cell, Config
from experiments.results.json_file import Form, read_json
from experiments.results.measurement import Machine
from experiments.results.store import override_suffix

SCHEMA = 1
PARTS = ("forward", "backward", "update", "projection")
Seconds = list[float]


class CellTimes(Form):
    """Seconds of each part of each iteration of a cell, and how many values it capped."""

    forward: Seconds = Field(min_length=1)
    backward: Seconds
    update: Seconds
    projection: Seconds
    capped: list[float]

    @model_validator(mode="after")
    def _whole(self) -> "CellTimes":
        if len({len(getattr(self, key)) for key in (*PARTS, "capped")}) > 1:
            raise ValueError("parts of different lengths")
        if min(self.totals()) <= 0:
            raise ValueError("an iteration that took no time")
        return self

    def totals(self) -> list[float]:
        """Seconds of each iteration."""
        parts = (getattr(self, part) for part in PARTS)
        return [sum(seconds) for seconds in zip(*parts, strict=True)]


class Point(Form):
    """A point of training, and the cells that took turns there."""

    name: str
    iteration: int
    cells: dict[str, CellTimes] = Field(min_length=1)


class TimingResult(Form):
    """The whole file; other keys are free."""

    schema_: Literal[1] = Field(alias="schema")
    command: str
    environment: Machine
    conditions_sha256: dict[str, str]
    iterations_an_epoch: int
    points: list[Point] = Field(min_length=1)

    @model_validator(mode="after")
    def _same_cells(self) -> "TimingResult":
        if len({frozenset(point.cells) for point in self.points}) > 1:
            raise ValueError("not the same cells at every point")
        if any(len({len(t.forward) for t in p.cells.values()}) > 1 for p in self.points):
            raise ValueError("not the same rounds for all cells")
        return self

    def holds(self, cell: Cell) -> bool:
        """Whether a cell was measured, under just its conditions."""
        same = self.conditions_sha256.get(cell.name) == cell.conditions.digest()
        return same and cell.name in self.points[0].cells


def timing_file(out: Path, config: Config, overrides: dict[str, Any]) -> Path:
    """Where the measurement of a config goes; with ``--set`` it has a file of its own."""
    return out / config.name / f"timing{override_suffix(overrides)}.json"


def read_timing(path: Path) -> TimingResult | None:
    """A measurement, or ``None`` where there is none.

    Raises:
        ResultError: If the file is damaged.
    """
    return read_json(path, TimingResult)[1] if path.exists() else None


def ratios(times: CellTimes, reference: CellTimes) -> list[float]:
    """In each round, one cell's iteration divided by another's."""
    pairs = zip(times.totals(), reference.totals(), strict=True)
    return [mine / theirs for mine, theirs in pairs]


def median_parts(times: CellTimes) -> dict[str, float]:
    """Median seconds of each part."""
    return {part: statistics.median(getattr(times, part)) for part in PARTS}
