"""What the results say to a claim: reproduced, not reproduced, or not enough runs."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.config import load_config
from experiments.messages import perplexity
from experiments.results import FINISHED, find_results, mean_of_gradient
from experiments.success import diverged, succeeded
from experiments.timing_result import ratio, read_timing, timing_file

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
NOT_ENOUGH = "not enough runs"


class Verdict(NamedTuple):
    """A verdict and the numbers behind it.

    Attributes:
        word: ``reproduced``, ``not reproduced`` or ``not enough runs``.
        numbers: Ours, or what is missing, in a few words.
    """

    word: str
    numbers: str


class Evidence:
    """The finished results in a folder, and the forms that claims have.

    Args:
        out: Folder of the results.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._config = cache(load_config)

    def runs(self, table: str, cell: str) -> list[dict[str, Any]]:
        """Finished runs of a cell under the config's own conditions."""
        if (table, cell) not in self._runs:
            results = find_results(self.out, self._config(table).cell(cell))
            self._runs[table, cell] = [r for r in results if r["status"] in FINISHED]
        return self._runs[table, cell]

    def value(self, table: str, cell: str) -> float | None:
        """Mean of the lowest validation values of the successful runs, as the table has it.

        Where none succeeded, of those that stayed finite: the supplement, too, prints values that
        are worse than a unigram predictor's.
        """
        finite = [r for r in self.runs(table, cell) if r["status"] == "completed"]
        good = [r for r in finite if succeeded(r)] or finite
        losses = [r["best"]["validation_loss"] for r in good]
        if good and good[0]["conditions"]["task"] == "language":
            losses = [perplexity(loss) for loss in losses]
        return statistics.fmean(losses) if losses else None

    def rate(self, table: str, cell: str) -> float:
        """Share of the finished runs that succeeded; there has to be one."""
        return statistics.fmean(bool(succeeded(r)) for r in self.runs(table, cell))

    def _diverged(self, table: str, cells: Sequence[str]) -> dict[str, float]:
        """Share of the finished runs that diverged, of each cell that has any."""
        runs = {cell: self.runs(table, cell) for cell in cells}
        return {
            cell: statistics.fmean(map(diverged, found)) for cell, found in runs.items() if found
        }

    def _missing(self, table: str, cells: Iterable[str]) -> Verdict | None:
        """What there is to say where a cell has fewer finished runs than its config asks for."""
        runs = self._config(table).runs
        short = {cell: len(self.runs(table, cell)) for cell in cells}
        short = {cell: n for cell, n in short.items() if n < runs}
        if not short:
            return None
        named = ", ".join(f"{cell} has {n} of {runs}" for cell, n in list(short.items())[:2])
        more = f" and {len(short) - 2} more cells" if len(short) > 2 else ""
        return Verdict(NOT_ENOUGH, f"{named}{more}")

    def _rates(self, table: str, cells: Iterable[str]) -> dict[str, float]:
        return {cell: self.rate(table, cell) for cell in cells}

    def all_succeed(self, table: str, cells: Sequence[str]) -> Verdict:
        """Every run of every cell succeeds."""
        rates = self._rates(table, [c for c in cells if self.runs(table, c)])
        failing = {cell: rate for cell, rate in rates.items() if rate < 1}
        if failing:  # one failure is enough, whatever is missing
            return Verdict(NOT_REPRODUCED, _percent(failing))
        return self._missing(table, cells) or Verdict(REPRODUCED, "100 % of all runs")

    def all_diverge(self, table: str, cells: Sequence[str]) -> Verdict:
        """Every run of every cell diverges."""
        shares = self._diverged(table, cells)
        if any(share < 1 for share in shares.values()):
            return Verdict(NOT_REPRODUCED, f"diverged: {_percent(shares)}")
        return self._missing(table, cells) or Verdict(REPRODUCED, f"diverged: {_percent(shares)}")

    def none_diverges(self, table: str, cells: Sequence[str]) -> Verdict:
        """No run of any cell diverges."""
        shares = self._diverged(table, cells)
        diverging = {cell: share for cell, share in shares.items() if share}
        if diverging:
            return Verdict(NOT_REPRODUCED, f"diverged: {_percent(diverging)}")
        return self._missing(table, cells) or Verdict(REPRODUCED, f"none in {len(cells)} cells")

    def some_fail(self, table: str, cells: Sequence[str]) -> Verdict:
        """In each cell, at least one run fails."""
        rates = self._rates(table, [c for c in cells if self.runs(table, c)])
        if len(rates) == len(cells) and all(rate < 1 for rate in rates.values()):
            return Verdict(REPRODUCED, _percent(rates))
        missing = self._missing(table, [c for c in cells if rates.get(c, 1) == 1])
        return missing or Verdict(NOT_REPRODUCED, _percent(rates))

    def fewer_succeed(self, these: tuple[str, Sequence[str]], than: tuple[str, str]) -> Verdict:
        """The success rate of each of these cells lies below that of the other one."""
        missing = self._missing(than[0], [than[1]]) or self._missing(*these)
        if missing:
            return missing
        rates = {**self._rates(*these), than[1]: self.rate(*than)}
        fewer = all(rates[cell] < rates[than[1]] for cell in these[1])
        return Verdict(REPRODUCED if fewer else NOT_REPRODUCED, _percent(rates))

    def is_lowest(self, table: str, cell: str, among: Sequence[str], place: int = 1) -> Verdict:
        """Just ``place - 1`` of the other cells have a lower value; a failed one has none."""
        missing = self._missing(table, among)
        if missing and not self.runs(table, cell):
            return missing
        values = {name: self.value(table, name) for name in among if self.runs(table, name)}
        own = values.pop(cell)
        order = sorted((value, name) for name, value in values.items() if value is not None)
        lower = len(order) if own is None else sum(value < own for value, _ in order)
        if missing and own is not None and lower < place:
            return missing  # but that too many are lower is decided, whatever is missing
        good = own is not None and lower == place - 1
        shown = ([(own, cell)] if own is not None else []) + order[: max(lower, 3)]
        return Verdict(REPRODUCED if good else NOT_REPRODUCED, _list(sorted(shown)))

    def all_lower(self, table: str, pairs: Sequence[tuple[str, str]]) -> Verdict:
        """In each pair the first cell has the lower value; a failed second one counts as higher."""
        return self.all_lower_across([((table, a), (table, b)) for a, b in pairs])

    def all_lower_across(
        self,
        pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]],
        measure: Callable[[str, str], float | None] | None = None,
    ) -> Verdict:
        """The same of pairs whose cells are named with their tables, or of another ``measure``."""
        measure = measure or self.value
        missing = [self._missing(a[0], [a[1]]) or self._missing(b[0], [b[1]]) for a, b in pairs]
        known = [pair for pair, lack in zip(pairs, missing, strict=True) if lack is None]
        wrong = []
        for a, b in known:
            x, y = measure(*a), measure(*b)
            if x is None or (y is not None and x >= y):
                wrong.append(_list([(x, a[1]), (y, b[1])]))
        if wrong:  # one is enough, whatever is missing
            return Verdict(
                NOT_REPRODUCED, f"{len(wrong)} of {len(known)} pairs otherwise: {'; '.join(wrong)}"
            )
        return next(filter(None, missing), Verdict(REPRODUCED, f"all {len(pairs)} pairs"))

    def gradient_near(self, table: str, cell: str, quantity: str, stated: float) -> Verdict:
        """A cell's mean of the gradient's ``norm`` or ``mean_abs`` is within a factor of two."""
        missing = self._missing(table, [cell])
        if missing:
            return missing
        mean = mean_of_gradient(self.runs(table, cell), quantity)
        near = stated / 2 <= mean <= stated * 2
        return Verdict(REPRODUCED if near else NOT_REPRODUCED, f"{cell} {mean:.3g}")

    def largest_norm_lower(self, table: str, pairs: Sequence[tuple[str, str]]) -> Verdict:
        """In each pair the gradient's largest norm, of any run, is lower in the first cell."""
        return self.all_lower_across(
            [((table, a), (table, b)) for a, b in pairs],
            lambda table, cell: self._largest(table, cell, "gradient_norm_max"),
        )

    def radius_below(self, table: str, cells: Sequence[str], bound: float) -> Verdict:
        """In every run of every cell, at every look, the spectral radius is below a bound."""
        known = [cell for cell in cells if self.runs(table, cell)]
        seen = {cell: self._largest(table, cell, "spectral_radius") for cell in known}
        above = {cell: radius for cell, radius in seen.items() if radius >= bound}
        if above:
            listed = ", ".join(f"{cell} {radius:.3f}" for cell, radius in above.items())
            return Verdict(NOT_REPRODUCED, listed)
        missing = self._missing(table, cells)
        return missing or Verdict(REPRODUCED, f"at most {max(seen.values()):.3f}")

    def _largest(self, table: str, cell: str, curve: str) -> float:
        """Largest value of a curve in any run of a cell; infinite where one is not finite.

        The iteration in which loss or gradient were not finite is in the result, not in its curves.
        """
        runs = self.runs(table, cell)
        ends = {run["divergence"].get("quantity") for run in runs if run["divergence"]}
        if curve.startswith("gradient") and ends & {"gradient", "loss"}:
            return math.inf
        curves = [run["curves"]["iterations"][curve] for run in runs]
        values = np.concatenate([np.array(values, dtype=float).ravel() for values in curves])
        return float(values.max()) if np.isfinite(values).all() and values.size else math.inf

    def no_slower(self, config: str, cell: str, reference: str) -> Verdict:
        """At every point of training measured, an iteration takes no longer."""
        measured = read_timing(timing_file(self.out, self._config(config), {}))
        if measured is None:
            return Verdict(NOT_ENOUGH, "not measured")
        for name in (cell, reference):
            if not measured.holds(self._config(config).cell(name)):
                return Verdict(NOT_ENOUGH, f"{name} not measured")
        ratios = {p.name: ratio(p.cells[cell], p.cells[reference]) for p in measured.points}
        numbers = ", ".join(f"{name}: {value:.2f} times" for name, value in ratios.items())
        good = all(value <= 1 for value in ratios.values())
        return Verdict(REPRODUCED if good else NOT_REPRODUCED, numbers)


def _list(values: Sequence[tuple[float | None, str]]) -> str:
    return ", ".join(
        f"{cell} {'failed' if value is None else f'{value:.4g}'}" for value, cell in values
    )


def _percent(rates: dict[str, float]) -> str:
    return ", ".join(f"{cell} {100 * rate:.0f} %" for cell, rate in rates.items())
