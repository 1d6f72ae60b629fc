"""What the finished runs in ``results/`` tell of the same run to come."""

import math
from typing import NamedTuple

from experiments.config import Cell
from experiments.cost import estimate_seconds, product_rate
from experiments.paths import RESULTS
from experiments.results import FINISHED, ResultError, find_results


class Estimate(NamedTuple):
    """Seconds of a run on this CPU, ``None`` where they cannot be told.

    Attributes:
        at_most: If it takes all its epochs.
        as_ours: If it takes as many as the run in ``results/``; without one the same.
        epochs: Those of the run in ``results/``, or ``None``.
    """

    at_most: float | None
    as_ours: float | None
    epochs: int | None


def estimate(cell: Cell, max_iterations: int | None = None) -> Estimate:
    """What a run of a cell, stopped after ``max_iterations`` if given, will cost."""
    epochs = epochs_taken(cell)
    at_most, as_ours = (
        estimate_seconds(cell.conditions, product_rate(), max_iterations, count)
        for count in (None, epochs)
    )
    return Estimate(at_most, as_ours, epochs)


def epochs_taken(cell: Cell) -> int | None:
    """Epochs after which the longest of them ended; ``None`` where none ended before its limit."""
    try:
        results = find_results(RESULTS, cell)
    except ResultError:  # said where that file is needed
        return None
    taken = [math.ceil(r["epochs"]) for r in results if r["status"] in FINISHED]
    longest = max(taken, default=cell.conditions.epochs)
    return longest if longest < cell.conditions.epochs else None
