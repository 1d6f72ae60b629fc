"""Validation value over the epochs."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from experiments.config.load import Config
from experiments.figures import style
from experiments.results.measures import Result, value

# How far above a unigram predictor the panels reach. What is worse has learned nothing, and on one
# axis with it the differences that matter could not be seen.
HEADROOM = 2.0


def draw_learning_curves(config: Config, results: dict[str, list[Result]]) -> Figure | None:
    """Validation value over the epochs on a logarithmic axis, a panel for each optimizer.

    Values over twice that of a unigram predictor, and values that are not finite, are triangles at
    the upper edge. Where no run of a cell has ended, its published value is a dashed line. A panel
    that would hold no line is left out; ``None`` where all would.
    """
    runs = [run for cells in results.values() for run in cells]
    top = HEADROOM * max(value(run, run["unigram_validation_loss"]) for run in runs)
    every = style.group_cells(results)
    groups = {
        group: cells
        for group, cells in every.items()
        if any(_has_line(run, top) for cell in cells for run in results[cell])
    }
    if not groups:
        return None
    left_out = [group.replace("_", " ") for group in every if group not in groups]
    results = {cell: results[cell] for cells in groups.values() for cell in cells}
    runs = [run for cells in results.values() for run in cells]
    columns = min(len(groups), 3)
    rows = -(-len(groups) // columns)
    several = style.has_several_optimizers(config, groups)
    height = 4.2 if several else 3.2  # many labels stand below their panel
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 2} if several else {}
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.2 * columns + 0.6, height * rows), squeeze=False, sharey=True
    )
    colors = style.cell_colors(config, results)
    lines = []
    for axis, (group, cells) in zip(axes.flat, groups.items()):
        for cell in cells:
            text = style.method_label(config, cell)
            if several:
                text = f"{style.optimizer_label(config, cell)}, {text}"
            if not any(run["curves"]["epochs"]["epoch"] for run in results[cell]):
                text += ": no epoch"
            for number, run in enumerate(results[cell]):
                _draw_run(axis, run, top, colors[cell], None if number else text)
            published = config.cells[cell].published
            partial = all(run["status"] == "interrupted" for run in results[cell])
            if partial and published and published.value is not None:
                axis.axhline(published.value, color=colors[cell], linewidth=1.2, linestyle="--")
                lines.append(published.value)
        run = results[cells[0]][0]
        unigram = value(run, run["unigram_validation_loss"])
        axis.set_xlim(0, 1.03 * max(2.0, axis.dataLim.x1))
        axis.axhline(unigram, color="#888888", linewidth=1, linestyle=":")
        axis.set_title(group.replace("_", " "))
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(fontsize=7, frameon=True, framealpha=0.7, edgecolor="none", **place)
    for axis in list(axes.flat)[len(groups) :]:
        axis.set_visible(False)
    _scale(axes.flat[0], runs, top, lines)
    axes.flat[0].set_ylabel(style.value_name(config))
    figure.tight_layout()
    figure.suptitle(
        f"{config.title}\ndotted: a constant unigram predictor; triangles: above the panel"
        + ("\ndashed: published, where no run of ours has ended" if lines else "")
        + (f"\nno panel (no line on the scale): {', '.join(left_out)}" if left_out else ""),
        fontsize=9,
        y=1,  # above all panels; what is saved ends where the last artist does
        va="bottom",
    )
    return figure


def _draw_run(axis: Axes, run: Result, top: float, color: str, label: str | None) -> None:
    epochs = np.array(run["curves"]["epochs"]["epoch"], dtype=float)
    values = np.array(_values(run))
    marker = "o" if len(values) < 8 else None
    look = {"color": color, "marker": marker, "markersize": 3, "linewidth": 1.4}
    (line,) = axis.plot(epochs, values, label=label, **look)
    style.mark_above(axis, line, top, 3.5)


def _has_line(run: Result, top: float) -> bool:
    """Whether a run has two epochs, and one of them within the panel."""
    values = _values(run)
    return len(values) > 1 and any(v <= top for v in values)


def _values(run: Result) -> list[float]:
    return [value(run, loss) for loss in run["curves"]["epochs"]["validation_loss"]]


def _scale(axis: Axes, runs: list[Result], top: float, lines: list[float]) -> None:
    """Logarithmic, with plain numbers, for all panels: they share the axis."""
    every = [v for run in runs for v in _values(run)]
    every += [value(run, run["unigram_validation_loss"]) for run in runs]
    within = [v for v in (*every, *lines) if v <= top]
    low = min(within)
    high = 1.05 * max(within) if len(within) == len(every) + len(lines) else top
    axis.set_yscale("log")
    axis.set_ylim(low / 1.05, high)
    subs = (1, 2, 3, 4, 5, 6, 8) if high < 20 * low else (1, 2, 5)
    style.plain_ticks(axis.yaxis, MaxNLocator(6) if high < 3 * low else LogLocator(subs=subs))
