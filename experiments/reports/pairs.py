"""Two cells compared: paired differences over the seeds that both have."""

import math
import statistics
from collections.abc import Callable
from typing import NamedTuple

from scipy.special import bdtr

from experiments.results.intervals import digits, t_interval
from experiments.results.measures import Result, largest_norm, lowest_value
from experiments.results.store import FINISHED
from experiments.results.success import exploded, succeeded

#: Of runs of one cell, each up to an iteration: a number each; ``None`` is worse than any number.
Measure = Callable[[list[Result], list[float]], list[float | None]]


def lowest_values(runs: list[Result], iterations: list[float]) -> list[float | None]:
    """Lowest validation value of each run that has not failed.

    Where all failed, of those that stayed finite: the supplement, too, prints values that are worse
    than a unigram predictor's, if its losses are nats per step.
    """
    good = [succeeded(run) is not False for run in runs]
    if not any(good):
        good = [run["status"] == "completed" for run in runs]
    values = map(lowest_value, runs, iterations)
    return [value if ok else None for value, ok in zip(values, good, strict=True)]


def log_norms(runs: list[Result], iterations: list[float]) -> list[float | None]:
    """Decimal logarithm of each run's largest gradient norm: norms differ by powers of ten."""
    norms = map(largest_norm, runs, iterations)
    return [math.log10(norm) if 0 < norm < math.inf else None for norm in norms]


class Difference(NamedTuple):
    """The first cell's numbers minus the second's.

    Attributes:
        mean: Over the seeds with which neither run failed, if these are more than half; else the
            median of all, which may be infinite, or NaN where both cells failed.
        low: Lower end of the 95 % t-interval, or, where that leaves no more than half of the seeds,
            of what all have; minus infinity where there is no second seed.
        high: The upper end.
        n: Seeds that count.
        failed: Of these, with which one of the runs failed.
        lower: Of these, with which the first cell has the lower number.
        epoch: Up to which runs were compared, where one of them is partial, the least of all seeds;
            else ``None``.
    """

    mean: float
    low: float
    high: float
    n: int
    failed: int
    lower: int
    epoch: float | None

    def __str__(self) -> str:
        if not math.isfinite(self.mean):
            who = "first" if self.mean > 0 else "second" if self.mean < 0 else "both"
            text = f"{who} failed"
        else:
            mean, low, high = (digits(x, "+#.3g") for x in (self.mean, self.low, self.high))
            text = f"{mean} [{low}, {high}]" if math.isfinite(self.high - self.low) else mean
        failed = f", {self.failed} failed" if 0 < self.failed < self.n else ""
        lower = f", {self.lower} lower" if self.n > 1 else ""
        epoch = "" if self.epoch is None else f", epoch {self.epoch:g}{' or later' * (self.n > 1)}"
        return f"{text} (n = {self.n}{failed}{lower}{epoch})"


def same_seeds(a: list[Result], b: list[Result]) -> list[tuple[Result, Result]]:
    """The runs of two cells by the seeds that both have."""
    return [(x, y) for x in a for y in b if x["seed"] == y["seed"]]


def compare(a: list[Result], b: list[Result], measure: Measure) -> Difference | None:
    """Paired differences of two cells' runs; ``None`` where they share no seed.

    A partial run is compared up to its last evaluation, with what the other run had by then. A run
    that failed is worse than any other; seeds with which both failed count where all did.
    """
    pairs = same_seeds(a, b)
    if not pairs:
        return None
    ends = [_end(*pair) for pair in pairs]
    iterations = [iteration for iteration, _ in ends]
    x, y = (measure(list(runs), iterations) for runs in zip(*pairs, strict=True))
    both = [(p, q) for p, q in zip(x, y, strict=True) if (p, q) != (None, None)]
    every = [math.inf if p is None else -math.inf if q is None else p - q for p, q in both]
    every = every or [math.inf] * len(pairs)
    values = [d for d in every if math.isfinite(d)]
    if len(values) > len(every) / 2:
        mean, (low, high) = statistics.fmean(values), t_interval(values)
    else:
        mean = statistics.median(every) if both else math.nan
        low, high = (min(every), max(every)) if len(every) > 1 else (-math.inf, math.inf)
    lower = sum(d < 0 for d in every)
    epoch = min((epoch for _, epoch in ends if epoch), default=None)
    return Difference(mean, low, high, len(every), len(every) - len(values), lower, epoch)


HEADER = ["first", "second", "first minus second", "only first exploded", "only second did", "p"]
NOTE = (
    "First minus second: difference of the lowest validation values, seed by seed; mean and 95 % "
    "t-interval over the seeds with which neither run failed. If a run failed with half of the n "
    "seeds or more, it says whose failed, or gives the median. n: seeds with which both runs have "
    "ended, without those with which both failed (unless both failed with all). Lower: with how "
    "many of them the first value is lower; a failed run's counts as higher than any other. If no "
    "run of a cell succeeded, its finite ones do not count as failed. p: exact sign test, "
    "two-sided, of the two columns before it."
)


def pair_rows(pairs: list[list[str]], results: dict[str, list[Result]]) -> list[list[str]]:
    """Rows below :data:`HEADER`, one per pair of cells, given by name with the runs of each."""
    rows = []
    for pair in pairs:
        a, b = ([run for run in results[name] if run["status"] in FINISHED] for name in pair)
        seen = [tuple(map(exploded, two)) for two in same_seeds(a, b)]
        only = [seen.count((True, False)), seen.count((False, True))]
        p = min(1.0, 2 * bdtr(min(only), sum(only), 0.5))
        difference = str(compare(a, b, lowest_values) or "no seed with which both have ended")
        rows.append([*pair, difference, *map(str, only), f"{p:.2g}" if any(only) else ""])
    return rows


def _end(*runs: Result) -> tuple[float, float | None]:
    """Iteration and epoch to compare runs up to: the last evaluation of a partial one."""
    epochs = [r["curves"]["epochs"] for r in runs if r["status"] == "interrupted"]
    return min(((e["iteration"][-1], e["epoch"][-1]) for e in epochs), default=(math.inf, None))
