"""What a run will cost, before it starts: from its matrix products, and from runs like it."""

import math
import time
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from experiments.config.conditions import Conditions
from experiments.config.load import Cell
from experiments.config.model_size import n_symbols
from experiments.results.json_file import ResultError
from experiments.results.store import FINISHED, find_results
from experiments.system.paths import RESULTS
from experiments.system.threads import one_blas_thread

#: Iterations of an epoch, so that no data has to be read for an estimate.
#: Nottingham as whole tunes depends on the order: the mean over shuffled epochs.
EPOCH = {
    ("ptb", "stream"): 46_479 // 35,
    ("synthetic words", "stream"): 85,
    ("synthetic", "stream"): 5,
    ("synthetic", "tunes"): 6,
    ("synthetic", "tunes_by_length"): 7,
    ("nottingham", "stream"): 8_828 // 35,
    ("nottingham", "tunes"): 650,
    ("nottingham", "tunes_by_length"): 312,
}
#: Tunes of the training data.
TUNES = {"nottingham": 694, "synthetic": 40}
#: Seen with one BLAS thread, 2026-11: share of the machine's rate that an iteration reaches, ...
EFFICIENCY = {"language": 0.75, "music": 0.55}
#: ... evaluation's time beside training's, ...
EVALUATION = {"language": 0.05, "music": 0.14}
#: ... and products of n^3 that take as long as a projection: a full SVD, and what ``auto`` does
#: (several times that where dozens of values come near the cap).
PROJECTION = {"naive": 80, "truncated": 80, "auto": 6}
#: Seconds until the first iteration: imports, data, the first check of weights.
START = 4
YEAR = 365 * 24 * 3600


def iterations_an_epoch(c: Conditions) -> int | None:
    """Iterations of one epoch, or ``None`` where it is not known without the data."""
    steps = _steps_an_epoch(c)
    if steps is None:
        return None
    least = 1 if c.batching == "stream" else math.ceil(TUNES[_data(c)] / c.batch_size)
    if c.bptt_steps is None:
        return least
    return max(steps // (c.batch_size * c.bptt_steps), least)


def _data(c: Conditions) -> str:
    words = c.task == "language" and c.dataset == "synthetic"
    return "synthetic words" if words else c.dataset


def _steps_an_epoch(c: Conditions) -> int | None:
    """Steps of all sequences together, as the paper's batches of 20 x 35 are filled."""
    known = EPOCH.get((_data(c), c.batching))
    return None if known is None else known * 700


def _estimate_seconds(
    c: Conditions, rate: float, max_iterations: int | None, epochs: int | None
) -> float | None:
    """Seconds of a run on a CPU with a :func:`_product_rate`; may well be off by a factor of two.

    It takes ``epochs``, or as many as it may.
    """
    steps, iterations = _steps_an_epoch(c), iterations_an_epoch(c)
    if steps is None or iterations is None:
        return None
    symbols = n_symbols(c.task, c.dataset)
    n, rows = c.units, steps / iterations
    # Forward, and twice as much backward; the input layer of a language model is a look-up.
    inputs = 0 if c.task == "language" else symbols * n
    flops = 6 * rows * (inputs + 6 * c.layers * n * n + n * symbols)
    seconds = flops / rate / EFFICIENCY[c.task]
    evaluation = EVALUATION[c.task] * iterations * seconds
    if c.method == "projection":
        matrices = c.layers * (3 if c.projected == "all" else 1)
        seconds += PROJECTION[c.projection] * matrices * n**3 / rate
    count = min(max_iterations or math.inf, (epochs or c.epochs) * iterations)
    return START + count * seconds + math.ceil(count / iterations) * evaluation


@cache
def _product_rate() -> float:
    """Floating point operations per second of this machine's float32 matrix product."""
    a = np.ones((1000, 1000), dtype=np.float32)
    best = float("inf")
    with one_blas_thread():
        for _ in range(3):
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
    return 2 * len(a) ** 3 / best


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


def total(costs: Sequence[Estimate]) -> Estimate:
    """What all together cost, unknown where one of them is."""
    columns = [cost.at_most for cost in costs], [cost.as_ours for cost in costs]
    return Estimate(*(None if None in column else sum(column) for column in columns), None)


def cost_in_words(cost: Estimate) -> str:
    """Such as ``at most about 12 h, about 3.1 h if as long as ours``."""
    if cost.at_most is None:
        return "time unknown"
    text = f"at most about {human_time(cost.at_most)}"
    if cost.as_ours == cost.at_most:
        return text
    return f"{text}, about {human_time(cost.as_ours)} if as long as ours"


def human_time(seconds: float | None) -> str:
    """Such as ``45 s``, ``12 min``, ``7.5 h``, or ``unknown``."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < YEAR:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / YEAR:.3g} years"


def estimate(cell: Cell, max_iterations: int | None = None) -> Estimate:
    """What a run of a cell, stopped after ``max_iterations`` if given, will cost."""
    epochs = epochs_taken(cell)
    at_most, as_ours = (
        _estimate_seconds(cell.conditions, _product_rate(), max_iterations, count)
        for count in (None, epochs)
    )
    return Estimate(at_most, as_ours, epochs)


def epochs_taken(cell: Cell) -> int | None:
    """Epochs of a cell's longest finished run in ``results/``.

    ``None`` without one, or where it took all it may.
    """
    try:
        results = find_results(RESULTS, cell)
    except ResultError:  # said where that file is needed
        return None
    taken = [math.ceil(r["epochs"]) for r in results if r["status"] in FINISHED]
    longest = max(taken, default=cell.conditions.epochs)
    return longest if longest < cell.conditions.epochs else None
