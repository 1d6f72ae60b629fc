"""What the results say to a claim: the forms that claims have, and the words of a verdict."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from experiments.config.load import load_config
from experiments.reports.pairs import Measure, compare, lowest_values
from experiments.results.intervals import mean_and_interval, t_interval
from experiments.results.measures import Result, gradient_mean, value
from experiments.results.store import FINISHED, find_results
from experiments.results.success import succeeded

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
#: The runs are there, but the interval of a difference covers 0, or there is no second seed.
UNDECIDED = "undecided"
#: Runs are missing or partial, but each cell has one, and they lean one way.
SO_FAR_YES, SO_FAR_NO = "so far as claimed", "so far otherwise"
NOT_ENOUGH = "not enough runs"
WORDS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, SO_FAR_YES, SO_FAR_NO, NOT_ENOUGH)

#: A partial run says nothing before so many evaluations.
EARLY = 5
#: A value is called near that differs from the published one by no more than this.
NEAR = 0.1

#: A config, its name or its file, and the name of one of its cells.
Place = tuple[str, str]
#: Pairs of cells by what they are called.
Pairs = dict[str, tuple[Place, Place]]
#: Whether a run obeys; ``None``: it cannot be judged.
Rule = Callable[[Result], bool | None]


class Verdict(NamedTuple):
    """One of :data:`WORDS`, of a sign ``holds``, ``fails`` or ``open``; our numbers behind it."""

    word: str
    numbers: str


class Evidence:
    """The results in a folder, and the forms that claims have."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._config = cache(load_config)
        self._found = cache(self._find)

    def _find(self, place: Place) -> list[Result]:
        return find_results(self.out, self._config(place[0]).cell(place[1]))

    def finished(self, place: Place) -> list[Result]:
        """Finished runs of a cell under the config's own conditions."""
        return [r for r in self._found(place) if r["status"] in FINISHED]

    def runs(self, place: Place) -> list[Result]:
        """Finished runs; if some are missing, partial ones of :data:`EARLY` evaluations, too."""
        if not self._missing([place]):
            return self.finished(place)
        return [
            r
            for r in self._found(place)
            if r["status"] in FINISHED
            or (r["best"] and len(r["curves"]["epochs"]["validation_loss"]) >= EARLY)
        ]

    def _missing(self, places: Iterable[Place]) -> str:
        """Which cells have fewer finished runs than their config asks for; empty where none."""
        short = []
        for place in dict.fromkeys(places):
            n, runs = len(self.finished(place)), self._config(place[0]).runs
            if n < runs:
                short.append(f"{place[1]} has {n} of {runs}")
        more = f" and {len(short) - 2} more cell{'s' * (len(short) > 3)}" if len(short) > 2 else ""
        return ", ".join(short[:2]) + more

    def _verdict(
        self, holds: bool | None, numbers: str, places: Iterable[Place], decided: bool = False
    ) -> Verdict:
        """The word for what the runs say.

        Args:
            holds: Whether the claim holds over the runs that count; ``None``: open, or a cell has
                none.
            numbers: Theirs, or how far partial runs are; empty where there is no run.
            places: The cells that the claim is about.
            decided: Whether the runs that are missing could not change it.
        """
        missing = self._missing(places)
        if decided or not missing:
            word = {True: REPRODUCED, False: NOT_REPRODUCED, None: UNDECIDED}[holds]
            return Verdict(word, numbers)
        if not numbers:
            return Verdict(NOT_ENOUGH, missing)
        word = {True: SO_FAR_YES, False: SO_FAR_NO, None: NOT_ENOUGH}[holds]
        return Verdict(word, f"{numbers}; finished runs: {missing}")

    def _judge(self, places: Sequence[Place], rule: Rule) -> dict[Place, list[bool | None]]:
        """Which finished runs of each cell obey a rule."""
        return {place: [rule(run) for run in self.finished(place)] for place in places}

    def _listed(self, what: str, shares: dict[Place, float], places: Iterable[Place]) -> str:
        """Shares, and how far partial runs are."""
        if len(shares) > 2 and len(set(shares.values())) == 1:
            text = f"{100 * next(iter(shares.values())):.0f} % in each of {len(shares)} cells"
        else:
            text = ", ".join(f"{p[1]} {100 * share:.0f} %" for p, share in shares.items())
        partial = self._partial(places)
        return "; ".join(part for part in (text and f"{what}: {text}", partial) if part)

    def _partial(self, places: Iterable[Place]) -> str:
        runs = [r for place in places for r in self.runs(place) if r["status"] == "interrupted"]
        far = []
        for run in runs:
            epochs = run["curves"]["epochs"]
            last = value(run, epochs["validation_loss"][-1])
            far.append(f"{run['cell']} (validation {last:.4g} at epoch {epochs['epoch'][-1]:g})")
        return f"partial: {', '.join(far)}" if far else ""

    def every(self, places: Sequence[Place], rule: Rule, what: str) -> Verdict:
        """Every run of every cell obeys a rule; one that does not is enough to refute that."""
        judged = self._judge(places, rule)
        refuted = any(False in found for found in judged.values())
        whole = all(found and None not in found for found in judged.values())
        holds = False if refuted else True if whole else None
        listed = self._listed(what, _shares(judged), places)
        return self._verdict(holds, listed, places, decided=refuted)

    def some_fail(self, places: Sequence[Place]) -> Verdict:
        """In each cell, at least one run fails."""
        rates = _shares(self._judge(places, succeeded))
        shown = len(rates) == len(places) and all(rate < 1 for rate in rates.values())
        holds = shown if len(rates) == len(places) else None
        return self._verdict(holds, self._listed("success", rates, places), places, decided=shown)

    def fewer_succeed(self, these: Sequence[Place], than: Place) -> Verdict:
        """The success rate of each of these cells lies below that of the other one."""
        places = [*these, than]
        rates = _shares(self._judge(places, succeeded))
        listed = self._listed("success", rates, places)
        if len(rates) < len(places):
            return self._verdict(None, listed, places)
        fewer = sum(rates[place] < rates[than] for place in these)
        numbers = f"fewer in {fewer} of {len(these)} cells; {listed}"
        return self._verdict(fewer == len(these), numbers, places)

    def lower(
        self, pairs: Pairs, measure: Measure = lowest_values, rank: int = 0, what: str = ""
    ) -> Verdict:
        """The first cell of each pair has the lower value, judged by the interval of a difference.

        Args:
            pairs: Pairs of cells by what they are called.
            measure: What is compared.
            rank: If given, just ``rank - 1`` of the second cells have to be lower, and equal is
                not lower, but for two cells whose runs all failed; else none may be lower or equal.
            what: Words before the numbers.
        """
        found = {name: compare(*map(self.runs, pair), measure) for name, pair in pairs.items()}
        known = {name: d for name, d in found.items() if d}
        # Wrong and right are clear, lower is by the mean.
        wrong = {n for n, d in known.items() if d.low > 0 or (not rank and d.low == d.high == 0)}
        right = {n for n, d in known.items() if d.high < 0 or (rank and d.low == d.high == 0)}
        lower = {n for n, d in known.items() if d.mean < 0 or (rank and d.mean == 0)}
        others = max(rank - 1, 0)  # so many pairs must go the other way
        ways = others, len(pairs) - others
        full = {name for name in known if not self._missing(pairs[name])}
        everything = [place for pair in pairs.values() for place in pair]
        refuted = len(wrong & full) > ways[0] or len(right & full) > ways[1]
        if refuted:
            holds = False
        elif not self._missing(everything):
            holds = True if (len(wrong), len(right)) == ways else None
        else:
            holds = len(lower) == ways[1] if len(known) == len(pairs) else None
        listed = "; ".join(f"{name} {d}" for name, d in known.items())
        clear = f" ({len(right)} clearly)" if right else ""
        numbers = f"{what}lower in {len(lower)} of {len(known)} pairs{clear}: {listed}"
        if not known:
            numbers = "no seed in common" if all(map(self.runs, everything)) else ""
        return self._verdict(holds, numbers, everything, decided=refuted)

    def is_lowest(self, place: Place, among: Sequence[Place], rank: int = 1) -> Verdict:
        """Just ``rank - 1`` of the other cells have a lower value."""
        return self.lower({b[1]: (place, b) for b in among if b != place}, rank=rank)

    def gradient_near(self, place: Place, quantity: str, stated: float, also: str = "") -> Verdict:
        """The mean of a :func:`gradient_mean` over the runs is within a factor of two.

        It is where the whole interval is, and is not where all of the interval is outside.
        """
        runs = [r for r in self.finished(place) if r["iterations"]]
        if not runs:
            return self._verdict(None, "", [place])
        means = [gradient_mean(run, quantity) for run in runs]
        numbers = f"{place[1]} {quantity} {mean_and_interval(means)}"
        if also:
            numbers += f"; {also} {mean_and_interval([gradient_mean(run, also) for run in runs])}"
        return self._within(place, means, stated / 2, stated * 2, numbers)

    def value_near(self, place: Place, stated: float) -> Verdict:
        """The mean of the lowest validation values is within :data:`NEAR` of a number.

        Of the runs that did not fail, as in :func:`lowest_values`; by the interval, as above.
        """
        runs = self.finished(place)
        values = [v for v in lowest_values(runs, [math.inf] * len(runs)) if v is not None]
        if not values:
            return self._verdict(False, "no success" if runs else "", [place])
        bounds = stated * (1 - NEAR), stated * (1 + NEAR)
        numbers = mean_and_interval(values) + " (no success)" * (not any(map(succeeded, runs)))
        return self._within(place, values, *bounds, numbers)

    def _within(
        self, place: Place, values: Sequence[float], least: float, most: float, numbers: str
    ) -> Verdict:
        """The mean over a cell's runs is between two bounds, judged by its interval."""
        low, high = t_interval(values)
        if self._missing([place]):
            holds = least <= statistics.fmean(values) <= most
        elif len(values) > 1 and math.inf in values:
            holds = False
        else:
            inside = least <= low and high <= most
            holds = inside or (False if low > most or high < least else None)
        return self._verdict(holds, numbers, [place])


def _shares(judged: dict[Place, list[bool | None]]) -> dict[Place, float]:
    """Share of the runs that obey, of each cell with one that could be judged."""
    known = {p: [obeys for obeys in found if obeys is not None] for p, found in judged.items()}
    return {place: statistics.fmean(found) for place, found in known.items() if found}
