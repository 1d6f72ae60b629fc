"""Gradient norm beside spectral radius over the iterations."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.config.load import Config
from experiments.figures import style
from experiments.results.measures import Result


def draw_dynamics(config: Config, results: dict[str, list[Result]]) -> dict[str, Figure]:
    """Gradient norm beside spectral radius over the iterations, clipping against P_delta.

    One figure, by name, for each optimizer of each group of cells that has a result of both.
    """
    figures = {}
    for name, cells in _side_by_side(config, results).items():
        size = 3.4 * len(cells), 4.4
        figure, axes = plt.subplots(2, len(cells), figsize=size, sharex="col", sharey="row")
        for column, cell in enumerate(cells):
            shades = style.COLORS[config.cells[cell].conditions.method]
            for number, run in enumerate(results[cell]):
                _draw_run(axes[0, column], axes[1, column], run, shades[number % len(shades)])
            axes[0, column].set_title(style.method_label(config, cell))
            axes[1, column].set_xlabel("iteration")
            axes[1, column].xaxis.set_major_locator(MaxNLocator(5))
            axes[1, column].axhline(1, color="#888888", linewidth=1, linestyle=":")
        axes[0, 0].set_ylabel("gradient norm\nbefore clipping")
        axes[1, 0].set_ylabel("spectral radius")
        for row in axes:
            style.fit_scale(*row)
        *first, last = (str(len(results[cell])) for cell in cells)
        runs = f"{', '.join(first)} and {last}"
        figure.suptitle(
            f"{config.title}; {name.replace('_', ' ')} (runs: {runs})\n"
            "norm: mean and, shaded, maximum of a window; spectral radius: dotted 1, stable below",
            fontsize=9,
        )
        figure.tight_layout()
        figures[name] = figure
    return figures


def _side_by_side(config: Config, results: dict[str, list[Result]]) -> dict[str, list[str]]:
    """Cells of clipping and of the projection that share group and optimizer.

    Two or three have room in a figure; of more, the first of each method is taken.
    """
    groups = style.group_cells(results)
    several = style.has_several_optimizers(config, groups)
    found: dict[str, dict[str, list[str]]] = {}
    for group, cells in groups.items():
        for cell in cells:
            optimizer = style.optimizer_label(config, cell).replace(" ", "_")
            name = f"{group}_{optimizer}" if several else group
            method = config.cells[cell].conditions.method
            found.setdefault(name, {}).setdefault(method, []).append(cell)
    side_by_side = {}
    for name, methods in found.items():
        both = [methods.get(method, []) for method in ("clipping", "projection")]
        if sum(map(len, both)) > 3:
            both = [cells[:1] for cells in both]
        if all(both):
            side_by_side[name] = both[0] + both[1]
    return side_by_side


def _draw_run(norm: Axes, radius: Axes, run: Result, color: str) -> None:
    curves = run["curves"]["iterations"]
    x = curves["iteration"]
    mean, top = (
        [v if v else float("nan") for v in curves[key]]
        for key in ("gradient_norm", "gradient_norm_max")
    )
    marker = "o" if len(x) < 2 else None
    norm.plot(x, mean, color=color, linewidth=1.2, marker=marker)
    norm.fill_between(x, mean, top, color=color, alpha=0.25, linewidth=0)
    norm.plot(x, top, color=color, alpha=0.5, linewidth=0.5)  # the area of one point is not seen
    largest = [
        max((v for v in layers if v is not None), default=float("nan"))
        for layers in curves["spectral_radius"]
    ]
    radius.plot(x, largest, color=color, linewidth=1.2, marker=marker)
