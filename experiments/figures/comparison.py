"""Published values against ours."""

import math

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from experiments.config.load import Config
from experiments.figures.style import COLORS, plain_ticks, value_name
from experiments.results.intervals import t_interval
from experiments.results.measures import Result, lowest_value
from experiments.results.store import FINISHED
from experiments.results.success import succeeded

PUBLISHED = {"marker": "D", "markerfacecolor": "white", "markeredgecolor": "#222222"}


def draw_comparison(config: Config, results: dict[str, list[Result]]) -> Figure | None:
    """Published against ours, for every cell with a finished run; ``None`` where there is none.

    On a logarithmic axis; in each row the published value stands above ours, and each of our runs
    on a line of its own, so that none hides another.
    """
    rows = {}
    for name, runs in results.items():
        published = config.cells[name].published
        ended = [r for r in runs if r["status"] in FINISHED and r["best"]]
        if published and published.value is not None and ended:
            rows[name] = published.value, ended
    if not rows:
        return None
    height = max(0.42, *(0.1 * len(runs) for _, runs in rows.values()))
    figure, axis = plt.subplots(figsize=(6.4, 1.4 + height * len(rows)))
    methods = []
    for y, (name, (theirs, runs)) in enumerate(reversed(rows.items())):
        method = config.cells[name].conditions.method
        methods.append(method)
        axis.plot(theirs, y + 0.32, markersize=6, **PUBLISHED)
        _draw_ours(axis, y, runs, COLORS[method][0])
    axis.set_xscale("log")
    low, high = axis.dataLim.intervalx
    subs = (1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8) if high < 8 * low else (1, 2, 5)
    plain_ticks(axis.xaxis, LogLocator(subs=subs))
    axis.set_yticks(range(len(rows)), list(reversed(rows)))
    axis.set_yticks([y - 0.5 for y in range(1, len(rows))], minor=True)
    axis.grid(False, axis="y")
    axis.grid(True, axis="y", which="minor")
    axis.tick_params(axis="y", which="both", length=0)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    bar = "bar: 95 % t-interval of the mean, drawn down to half the best run at most"
    axis.set_xlabel(f"lowest {value_name(config)}\n{bar}", fontsize=9)
    axis.set_title(config.title, fontsize=9, pad=26)
    keys = [Line2D([], [], ls="", label="published", **PUBLISHED)]
    for method in dict.fromkeys(reversed(methods)):
        ours = {"color": COLORS[method][0], "label": f"ours, {method.replace('_', ' ')}"}
        keys.append(Line2D([], [], marker="o", ls="", **ours))
    keys.append(Line2D([], [], marker="x", ls="", color="#555555", label="ours, no success"))
    axis.legend(handles=keys, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=8)
    figure.tight_layout()
    return figure


def _draw_ours(axis: Axes, y: float, runs: list[Result], color: str) -> None:
    """Our runs below the middle of a row, and the t-interval of those that succeeded."""
    good = [lowest_value(run) for run in runs if succeeded(run)]
    low, high = t_interval(good)
    if math.isfinite(low):
        axis.plot([max(low, min(good) / 2), high], [y - 0.1] * 2, color=color, alpha=0.35, lw=4)
    step = min(0.16, 0.5 / len(runs))
    for number, run in enumerate(runs):
        place = y - 0.1 + step * ((len(runs) - 1) / 2 - number)
        axis.plot(lowest_value(run), place, "o" if succeeded(run) else "x", color=color, ms=3.5)
