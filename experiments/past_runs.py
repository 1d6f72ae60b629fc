"""What the finished runs in ``results/`` tell of the same run to come."""

import math

from experiments.config import Cell
from experiments.paths import RESULTS
from experiments.results import FINISHED, ResultError, find_results


def epochs_taken(cell: Cell) -> int | None:
    """Epochs after which the longest of them ended; ``None`` where none ended before its limit."""
    try:
        results = find_results(RESULTS, cell)
    except ResultError:  # said where that file is needed
        return None
    taken = [math.ceil(r["epochs"]) for r in results if r["status"] in FINISHED]
    longest = max(taken, default=cell.conditions.epochs)
    return longest if longest < cell.conditions.epochs else None
