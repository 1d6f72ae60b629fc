"""``figures``: draw everything from result files alone."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from PIL import Image

from experiments.bench.report import BenchResult, draw_scaling
from experiments.config.load import load_config
from experiments.explosion.figure import explosion_figure
from experiments.explosion.results import read_explosion
from experiments.figures.comparison import draw_comparison
from experiments.figures.dynamics import draw_dynamics
from experiments.figures.learning_curves import draw_learning_curves
from experiments.figures.style import STYLE
from experiments.results.json_file import read_json
from experiments.results.store import find_results, read_result
from experiments.system.paths import shown
from experiments.system.storage import write_file
from experiments.timing.report import draw_timing


def draw_figures(names: list[str], out: Path) -> None:
    """Draw the figures that the results allow, and say which are not possible yet.

    Raises:
        ResultError: If a result file is damaged.
    """
    for name in names:
        print(*_draw_config(name, out), sep="\n")


def _draw_config(name: str, out: Path) -> list[str]:
    """Draw one config's figures; gives what to say of it, a line each."""
    config = load_config(name)
    name = config.name
    with style.context(STYLE, after_reset=True):
        if config.report == "seconds_per_iteration":
            timing = draw_timing(config, out)
            return [_save(timing, out, f"{name}_iteration") if timing else f"{name}: no result yet"]
        results = {cell: find_results(out, c) for cell, c in config.cells.items()}
        results = {cell: runs for cell, runs in results.items() if runs}
        if not results:
            other = any(map(read_result, (out / name).glob("**/result.json")))
            why = "only results with --set, which are not drawn" if other else "no result yet"
            return [f"{name}: {why}"]
        lines = []
        curves = draw_learning_curves(config, results)
        if curves:
            lines.append(_save(curves, out, f"{name}_learning_curves"))
        for group, figure in draw_dynamics(config, results).items():
            lines.append(_save(figure, out, f"{name}_dynamics_{group}"))
        comparison = draw_comparison(config, results)
        if comparison:
            lines.append(_save(comparison, out, f"{name}_published"))
        return lines or [f"{name}: nothing to draw before a second epoch"]


def draw_bench(out: Path) -> None:
    """Draw how the cost of an iteration grows, where ``bench`` has measured it.

    Raises:
        ResultError: If a measurement is damaged.
    """
    paths = sorted((out / "bench").glob("*.json"))
    with style.context(STYLE, after_reset=True):
        for path in paths:
            figure = draw_scaling(read_json(path, BenchResult)[1])
            if figure:
                print(_save(figure, out, f"bench_scaling_{path.stem}"))


def draw_explosion(out: Path) -> None:
    """Draw the explosion, where ``explosion`` has measured it.

    Raises:
        ResultError: If a measurement is damaged.
    """
    measured = read_explosion(out)
    if measured:
        with style.context(STYLE, after_reset=True):
            print(_save(explosion_figure(*measured), out, "explosion"))


def _save(figure: Figure, out: Path, name: str) -> str:
    """Write a figure; gives the line that says so."""
    path = out / "figures" / f"{name}.png"
    _put_on_pixels(figure)
    content = io.BytesIO()
    figure.savefig(content, format="png", bbox_inches="tight", pil_kwargs={"compress_level": 1})
    plt.close(figure)
    # 256 colours are a third of the size, and leave no version of matplotlib in the file: equal
    # results give an equal file.
    picture = Image.open(content).convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
    content = io.BytesIO()
    picture.save(content, format="png")
    write_file(path, content.getvalue())
    return f"drawn: {shown(path)}"


def _put_on_pixels(figure: Figure) -> None:
    """Move the edges of all axes to whole pixels.

    A layout often ends at half a pixel. There, the last bit of a logarithm, which processors
    compute differently, would decide which pixel is drawn; here only at 0.8 of a pixel.
    """
    size = figure.bbox.size
    for axes in figure.axes:
        corners = np.floor(axes.get_position().get_points() * size + 0.2) / size
        axes.set_position([*corners[0], *(corners[1] - corners[0])])
