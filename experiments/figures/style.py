"""What the figures share: colours, labels, scales."""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.ticker import Locator, NullLocator, StrMethodFormatter

from experiments.config.load import Config
from experiments.results.measures import Result

COLORS = {
    "projection": ["#1b6ca8", "#3a96c9", "#5bb5c9", "#77c9b8", "#98d8a8"],
    "clipping": ["#c8553d", "#e07a3f", "#e8a33d", "#d9c24a", "#aebf62"],
    "elementwise_clipping": ["#7b3f8c", "#9c5fb0", "#b983c9", "#d4abdf"],
    "none": ["#555555"],
}
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 150,
}


def plain_ticks(axis: Axis, locator: Locator) -> None:
    """Plain numbers on a logarithmic axis, where the locator says and nowhere else."""
    axis.set_major_locator(locator)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def mark_above(axis: Axes, line: Line2D, top: float, size: float) -> None:
    """Triangles at ``top`` for what a line has above it, or not finite."""
    x, y = line.get_data()
    above = ~(y <= top)
    if above.any():  # an empty line would upset the layout
        edge = np.full(above.sum(), top)
        axis.plot(x[above], edge, "^", color=line.get_color(), markersize=size, clip_on=False)


def fit_scale(*axes: Axes) -> None:
    """Logarithmic scale for axes that share theirs, where what they show asks for it."""
    low = min(axis.dataLim.minposy for axis in axes)
    high = max(axis.dataLim.y1 for axis in axes)
    if np.isfinite([low, high]).all() and high >= 20 * low:
        for axis in axes:
            axis.set_yscale("log")


def group_cells(results: dict[str, list[Result]]) -> dict[str, list[str]]:
    """Cells by optimizer, the part of their name before the slash."""
    groups: dict[str, list[str]] = {}
    for cell in results:
        groups.setdefault(cell.partition("/")[0], []).append(cell)
    return groups


def cell_colors(config: Config, results: dict[str, list[Result]]) -> dict[str, str]:
    """A shade for each cell: methods differ in hue, cells of one method within a panel in shade."""
    colors = {}
    for cells in group_cells(results).values():
        used: Counter[str] = Counter()
        for cell in cells:
            method = config.cells[cell].conditions.method
            colors[cell] = COLORS[method][used[method] % len(COLORS[method])]
            used[method] += 1
    return colors


def method_label(config: Config, cell: str) -> str:
    """How a cell protects its gradient."""
    c = config.cells[cell].conditions
    if c.method == "projection":
        clipped = f", clipping at {c.threshold:g}" if c.threshold else ""
        return rf"$P_\delta$, $\delta$ = {c.delta:g}{clipped}"
    if c.method == "clipping":
        return f"clipping at {c.threshold:g}"
    if c.method == "elementwise_clipping":
        return f"elementwise clipping at {c.threshold:g}"
    return "no protection" if c.method == "none" else c.method


def optimizer_label(config: Config, cell: str) -> str:
    """A cell's optimizer and learning rate."""
    c = config.cells[cell].conditions
    return f"{c.optimizer} {c.learning_rate:g}"


def has_several_optimizers(config: Config, groups: dict[str, list[str]]) -> bool:
    """Whether the cells of any group differ in more than how they protect their gradient."""
    return any(len({optimizer_label(config, c) for c in cells}) > 1 for cells in groups.values())


def value_name(config: Config) -> str:
    """What a config's runs are judged by."""
    task = next(iter(config.cells.values())).conditions.task
    return "validation perplexity" if task == "language" else "validation loss (nats per step)"
