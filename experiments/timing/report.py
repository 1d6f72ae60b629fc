"""Table and figure of ``time``'s measurement."""

import statistics
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from experiments.config.load import Cell, Config, all_overrides
from experiments.figures.style import method_label
from experiments.results.measurement import median_and_range
from experiments.timing import store

NOT_MEASURED = "not measured"
HEADER = [
    "point of training",
    "cell",
    "seconds per iteration",
    *store.PARTS,
    "projection's share",
    "ratio to clipping",
    "values capped",
]
COLORS = {"forward": "#1b6ca8", "backward": "#5bb5c9", "update": "#e8a33d", "projection": "#c8553d"}


def timing_rows(
    config: Config, cells: list[Cell], out: Path
) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, rows and notes of the table.

    Raises:
        grustab.errors.GrustabError: If the measurement's file is damaged.
    """
    path = store.timing_file(out, config, all_overrides(cells))
    measured = store.read_timing(path)
    if measured is None:
        blank = [""] * (len(HEADER) - 3)
        return HEADER, [["", cell.name, NOT_MEASURED, *blank] for cell in cells], []
    epochs = cells[0].conditions.epochs
    epoch = measured.iterations_an_epoch
    header = [*HEADER, f"hours for {epochs} epochs"]
    rows = []
    for point in measured.points:
        reference = _clipping(cells, measured, point)
        for cell in cells:
            if not measured.holds(cell):
                rows.append([_place(point), cell.name, NOT_MEASURED, *[""] * (len(header) - 3)])
                continue
            times = point.cells[cell.name]
            hours = statistics.median(times.totals()) * epoch * epochs / 3600
            rows.append([_place(point), cell.name, *_row(times, reference), f"{hours:.1f}"])
    return header, rows, _notes(measured)


def _place(point: store.Point) -> str:
    return f"{point.name} (iteration {point.iteration})"


def _clipping(
    cells: Iterable[Cell], measured: store.TimingResult, point: store.Point
) -> store.CellTimes | None:
    """Times of the cell that the others are compared with."""
    clipped = (cell for cell in cells if cell.conditions.method == "clipping")
    return next((point.cells[cell.name] for cell in clipped if measured.holds(cell)), None)


def _row(times: store.CellTimes, reference: store.CellTimes | None) -> list[str]:
    parts, total = store.median_parts(times), statistics.median(times.totals())
    compared = reference is not None and times is not reference
    return [
        f"{total:.4f}",
        *(f"{parts[part]:.4f}" for part in store.PARTS),
        f"{parts['projection'] / total:.1%}",
        median_and_range(store.ratios(times, reference), ".3f") if compared else "",
        f"{statistics.fmean(times.capped):.3g}",
    ]


def _notes(measured: store.TimingResult) -> list[str]:
    rounds = len(next(iter(measured.points[0].cells.values())).forward)
    return [
        f"Ours: the cells took turns, {rounds} iterations each at each point, in changing order; "
        "medians; ratio: median over the rounds of the ratio to clipping in the same round "
        "(in parentheses the smallest and the largest). "
        "Evaluation is not part of it.",
        "All cells start from the same weights at a point, those of P_δ with `auto`, and go on by "
        "themselves (one whose loss is no longer finite goes back to them; an explosion makes the "
        "output layer do work twice). Values capped: mean number per step.",
        f"Ours ran on: {measured.environment.name}.",
        f"Ours came from: `{measured.command}` (`--force` to measure again).",
    ]


def draw_timing(config: Config, out: Path) -> Figure | None:
    """Bars of the parts of an iteration, a panel for each point; ``None`` without measurement."""
    measured = store.read_timing(store.timing_file(out, config, {}))
    if measured is None:
        return None
    names = [name for name, cell in config.cells.items() if measured.holds(cell)]
    if not names:
        return None
    columns = len(measured.points)
    size = (3.1 * columns + 1.6, 1.4 + 0.3 * len(names))
    figure, axes = plt.subplots(1, columns, figsize=size, sharey=True, sharex=True, squeeze=False)
    for axis, point in zip(axes.flat, measured.points, strict=True):
        left = [0.0] * len(names)
        for part in store.PARTS:
            widths = [1000 * store.median_parts(point.cells[name])[part] for name in names]
            axis.barh(
                range(len(names)), widths, left=left, color=COLORS[part], label=part, height=0.7
            )
            left = [a + b for a, b in zip(left, widths, strict=True)]
        reference = _clipping(config.cells.values(), measured, point)
        for y, name in enumerate(names):
            if reference:
                text = f" {statistics.median(store.ratios(point.cells[name], reference)):.2f}"
                axis.text(left[y], y, text, va="center", fontsize=7.5)
        axis.set_title(_place(point).replace(" (", "\n("), fontsize=9)
        axis.set_xlabel("ms per iteration (median)")
        axis.grid(axis="y", visible=False)
        axis.margins(x=0.12)
    axes[0, 0].set_yticks(range(len(names)), [_label(config, name) for name in names])
    axes[0, 0].invert_yaxis()
    handles, parts = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, parts, loc="lower center", ncols=len(parts), bbox_to_anchor=(0.5, -0.06))
    figure.suptitle(f"{config.title}\nat a bar's end: ratio to clipping", fontsize=9)
    figure.tight_layout()
    return figure


def _label(config: Config, name: str) -> str:
    c = config.cells[name].conditions
    if c.method == "projection" and not c.threshold:
        return f"$P_\\delta$ {c.delta:g}, {c.projection}"
    return method_label(config, name)
