"""``figures``: draw everything from result files alone."""

import io
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.bench.report import draw_scaling, read_bench
from experiments.config import Config, load_config
from experiments.files import write_file
from experiments.messages import perplexity
from experiments.paths import shown
from experiments.results import FINISHED, all_results, find_results
from experiments.success import succeeded
from experiments.timing_report import draw_timing

Result = dict[str, Any]

COLORS = {
    "projection": ["#1b6ca8", "#3a96c9", "#5bb5c9", "#77c9b8", "#98d8a8"],
    "clipping": ["#c8553d", "#e07a3f", "#e8a33d", "#d9c24a"],
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


def draw_figures(names: list[str], out: Path) -> None:
    """Draw the figures that the results allow, and say which are not possible yet.

    Args:
        names: Configs whose figures to draw.
        out: Folder of the results; figures go to ``out/figures``.

    Raises:
        ResultError: If a result file is damaged, or a figure cannot be written.
    """
    with plt.rc_context(STYLE):
        for name in names:
            config = load_config(name)
            name = config.name
            if config.report == "seconds_per_iteration":
                timing = draw_timing(config, out)
                if timing:
                    _save(timing, out, f"{name}_iteration")
                else:
                    print(f"{name}: no result yet")
                continue
            results = {cell: find_results(out, c) for cell, c in config.cells.items()}
            results = {cell: runs for cell, runs in results.items() if runs}
            if not results:
                other = (
                    "only results with --set, which are not drawn"
                    if any(all_results(out, name))
                    else "no result yet"
                )
                print(f"{name}: {other}")
                continue
            _save(draw_learning_curves(config, results), out, f"{name}_learning_curves")
            for group, figure in draw_dynamics(config, results).items():
                _save(figure, out, f"{name}_dynamics_{group}")
            comparison = draw_comparison(config, results)
            if comparison:
                _save(comparison, out, f"{name}_published")


def draw_bench(out: Path) -> None:
    """Draw how the cost of an iteration grows, where ``bench`` has measured it.

    Raises:
        ResultError: If a measurement is damaged, or a file cannot be written.
    """
    paths = sorted((out / "bench").glob("*.json"))
    with plt.rc_context(STYLE):
        for path in paths:
            figure = draw_scaling(read_bench(path))
            if figure:
                _save(figure, out, f"bench_scaling_{path.stem}")


def _save(figure: Figure, out: Path, name: str) -> None:
    path = out / "figures" / f"{name}.png"
    content = io.BytesIO()
    # No version of matplotlib inside: equal results give an equal file.
    figure.savefig(content, format="png", metadata={"Software": None}, bbox_inches="tight")
    plt.close(figure)
    write_file(path, content.getvalue())
    print(f"drawn: {shown(path)}")


def draw_learning_curves(config: Config, results: dict[str, list[Result]]) -> Figure:
    """Validation value over the epochs, a panel for each optimizer."""
    groups = _groups(results)
    columns = min(len(groups), 3)
    rows = -(-len(groups) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.2 * columns + 0.6, 3.2 * rows), squeeze=False, sharey=True
    )
    colors = _colors(config, results)

    for axis, (group, cells) in zip(axes.flat, groups.items()):
        optimizers = {_optimizer(config, cell) for cell in cells}
        for cell in cells:
            text = _label(config, cell)
            if len(optimizers) > 1:
                text = f"{_optimizer(config, cell)}, {text}"
            for number, run in enumerate(results[cell]):
                epochs = run["curves"]["epochs"]
                values = [_value(run, loss) for loss in epochs["validation_loss"]]
                label = text if number == 0 else None
                marker = "o" if len(values) < 8 else None
                axis.plot(
                    epochs["epoch"],
                    values,
                    color=colors[cell],
                    label=label,
                    marker=marker,
                    markersize=3,
                    linewidth=1.4,
                    alpha=0.9,
                )
        run = results[cells[0]][0]
        unigram = _value(run, run["unigram_validation_loss"])

        axis.axhline(unigram, color="#888888", linewidth=1, linestyle=":")
        axis.set_title(group.replace("_", " "))
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(fontsize=8)
    for axis in list(axes.flat)[len(groups) :]:
        axis.set_visible(False)
    _scale(*axes.flat)
    axes.flat[0].set_ylabel(_value_name(config))
    figure.suptitle(f"{config.title}\ndotted: a constant unigram predictor", fontsize=9)
    figure.tight_layout()
    return figure


def draw_dynamics(config: Config, results: dict[str, list[Result]]) -> dict[str, Figure]:
    """Gradient norm beside spectral radius over the iterations, clipping against P_delta.

    One figure for each optimizer that has a result of both.
    """
    figures = {}
    for group, cells in _groups(results).items():
        pair = [
            next((c for c in cells if config.cells[c].conditions.method == method), None)
            for method in ("clipping", "projection")
        ]
        if None in pair:
            continue
        figure, axes = plt.subplots(2, 2, figsize=(8.4, 5.0), sharex="col", sharey="row")
        for column, cell in enumerate(pair):
            shades = COLORS[config.cells[cell].conditions.method]
            for number, run in enumerate(results[cell]):
                _draw_run(axes[0, column], axes[1, column], run, shades[number % len(shades)])
            axes[0, column].set_title(_label(config, cell))
            axes[1, column].set_xlabel("iteration")
            axes[1, column].axhline(1, color="#888888", linewidth=1, linestyle=":")
        axes[0, 0].set_ylabel("gradient norm, unclipped")
        axes[1, 0].set_ylabel("spectral radius")
        for row in axes:
            _scale(*row)
        counts = " and ".join(str(len(results[cell])) for cell in pair)
        figure.suptitle(
            f"{config.title}; {group.replace('_', ' ')} (runs: {counts})\n"
            "gradient norm: mean and, shaded, maximum of a window; spectral radius: of the "
            "Jacobian at the fixed point, stable below the dots",
            fontsize=9,
        )
        figure.tight_layout()
        figures[group] = figure
    return figures


def _draw_run(norm: Axes, radius: Axes, run: Result, color: str) -> None:
    curves = run["curves"]["iterations"]
    x = curves["iteration"]
    mean, top = (
        [v if v else float("nan") for v in curves[key]]
        for key in ("gradient_norm", "gradient_norm_max")
    )
    norm.plot(x, mean, color=color, linewidth=1.2)
    norm.fill_between(x, mean, top, color=color, alpha=0.25, linewidth=0)
    largest = [
        max((v for v in layers if v is not None), default=float("nan"))
        for layers in curves["spectral_radius"]
    ]
    radius.plot(x, largest, color=color, linewidth=1.2)


def draw_comparison(config: Config, results: dict[str, list[Result]]) -> Figure | None:
    """Published against ours, for every cell with a finished run; ``None`` where there is none."""
    rows = []
    for name, runs in results.items():
        published = config.cells[name].published
        ended = [r for r in runs if r["status"] in FINISHED and r["best"]]
        values = [(_value(r, r["best"]["validation_loss"]), succeeded(r)) for r in ended]
        if published and published.value is not None and values:
            rows.append((name, published.value, values))
    if not rows:
        return None
    figure, axis = plt.subplots(figsize=(6.4, 1.1 + 0.34 * len(rows)))
    every = [value for _, theirs, values in rows for value in (theirs, *(v for v, _ in values))]
    if max(every) >= 20 * min(every):
        axis.set_xscale("log")
    for y, (name, theirs, values) in enumerate(reversed(rows)):
        color = COLORS[config.cells[name].conditions.method][0]
        span = [theirs, *(value for value, _ in values)]
        axis.plot(span, [y] * len(span), color="#cccccc", linewidth=1.5)
        for value, success in values:
            axis.plot(value, y, "o" if success else "x", color=color, markersize=5)
        axis.plot(theirs, y, "D", markerfacecolor="white", markeredgecolor="#222222", markersize=6)
    axis.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_xlabel(
        f"lowest {_value_name(config)}\n(diamond: published; dot: ours; cross: ours, no success)"
    )
    axis.set_title(config.title, fontsize=9)
    figure.tight_layout()
    return figure


def _scale(*axes: Axes) -> None:
    """Logarithmic scale for axes that share theirs, where what they show asks for it."""
    low = min(axis.dataLim.minposy for axis in axes)
    high = max(axis.dataLim.y1 for axis in axes)
    if np.isfinite([low, high]).all() and high >= 20 * low:
        for axis in axes:
            axis.set_yscale("log")


def _groups(results: dict[str, list[Result]]) -> dict[str, list[str]]:
    """Cells by optimizer, the part of their name before the slash."""
    groups: dict[str, list[str]] = {}
    for cell in results:
        groups.setdefault(cell.partition("/")[0], []).append(cell)
    return groups


def _colors(config: Config, results: dict[str, list[Result]]) -> dict[str, str]:
    """A shade for each cell: methods differ in hue, cells of one method within a panel in shade."""
    colors = {}
    for cells in _groups(results).values():
        used: dict[str, int] = {}
        for cell in cells:
            method = config.cells[cell].conditions.method
            shades = COLORS[method]
            colors[cell] = shades[used.get(method, 0) % len(shades)]
            used[method] = used.get(method, 0) + 1
    return colors


def _label(config: Config, cell: str) -> str:
    c = config.cells[cell].conditions
    if c.method == "projection":
        return rf"$P_\delta$, $\delta$ = {c.delta:g}"
    if c.method == "clipping":
        return f"clipping at {c.threshold:g}"
    if c.method == "elementwise_clipping":
        return f"elementwise clipping at {c.threshold:g}"
    return "no protection"


def _optimizer(config: Config, cell: str) -> str:
    c = config.cells[cell].conditions
    return f"{c.optimizer} {c.learning_rate:g}"


def _value_name(config: Config) -> str:
    task = next(iter(config.cells.values())).conditions.task
    return "validation perplexity" if task == "language" else "validation loss (nats a step)"


def _value(run: Result, loss: float | None) -> float:
    if loss is None:
        return float("nan")
    return perplexity(loss) if run["conditions"]["task"] == "language" else loss
