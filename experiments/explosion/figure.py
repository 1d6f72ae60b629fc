"""One picture: a fixed point that is stable all along, and sequences that are not."""

import math
from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from experiments.explosion.results import Explosion, MeasuredSnapshot, Training
from experiments.figures.style import mark_above, plain_ticks

GATE_Z, GATE_R, BOTH, CANDIDATE, ALL = "#c8553d", "#e8a33d", "#7b3f8c", "#1b6ca8", "#222222"
CUTS = {
    "none": ("all paths", ALL),
    "z": ("update gate cut", GATE_Z),
    "r": ("reset gate cut", GATE_R),
    "z and r": ("both gates cut", BOTH),
    "W_hh": (r"$W_{hh}$ cut", CANDIDATE),
}
#: The panels of training end at this multiple of the median: an explosion would flatten the rest.
HEADROOM = 8.0
MATRICES = {"W_hz": GATE_Z, "W_hr": GATE_R, "W_hh": CANDIDATE}


def explosion_figure(measured: Explosion, training: Training | None) -> Figure:
    """The last layer at the snapshot with the largest gradient; at the left, on the way there."""
    norms = [math.inf if s.gradient_norm is None else s.gradient_norm for s in measured.snapshots]
    worst = measured.snapshots[norms.index(max(norms))]
    where = f"of layer {len(worst.layers)}"
    columns = 1 if training is None else 2
    figure = plt.figure(figsize=(5.2 * columns, 7))
    grid = figure.add_gridspec(6, columns)
    if training is not None:
        rows = [figure.add_subplot(grid[top : top + 2, 0]) for top in (0, 2, 4)]
        _draw_training(rows, training, where)
    _draw_growth(figure.add_subplot(grid[:3, -1]), worst, where)
    _draw_bars(figure.add_subplot(grid[3:, -1]), worst, where)
    figure.tight_layout()
    return figure


def _draw_training(rows: list[Axes], training: Training, where: str) -> None:
    norm, sigma, exponent = rows
    points = training.worst_updates
    layers = [p.layers[-1] for p in points]
    x = np.array([p.update for p in points])

    def draw(axis: Axes, values: Iterable[float | None], label: str, color: str) -> None:
        axis.plot(x, _numbers(values), color=color, linewidth=1.2, label=label)

    draw(norm, (p.gradient_norm for p in points), "largest of 100 updates", ALL)
    draw(norm, (p.mean_gradient_norm for p in points), "mean of 100 updates", "#9a9a9a")
    _logarithmic(norm)
    norm.set_title("Norm of the whole gradient (triangles: above the panel)")
    for name, color in MATRICES.items():
        draw(sigma, (layer.sigma_1[name] for layer in layers), _matrix(name), color)
    _logarithmic(sigma)
    sigma.set_title(rf"$\sigma_1$ {where}: $P_\delta$ holds $W_{{hh}}$, the gates grow")
    radii = [math.log(layer.spectral_radius or math.nan) for layer in layers]
    draw(exponent, (y.largest_exponent for y in layers), "worst sequence of the batch", GATE_Z)
    draw(exponent, (y.median_exponent for y in layers), "median sequence", GATE_R)
    draw(exponent, radii, "at h = 0: log of the spectral radius", CANDIDATE)
    exponent.axhline(0, color="#888888", linewidth=1, linestyle=":")
    exponent.set_title(f"Lyapunov exponent {where}: above 0, gradients grow")
    exponent.set_xlabel("update; the worst one of each 100")
    for axis in rows:
        axis.title.set_fontsize(10)
        axis.legend(fontsize=7, frameon=True, framealpha=0.7, edgecolor="none")


def _draw_growth(axis: Axes, snapshot: MeasuredSnapshot, where: str) -> None:
    for name, (label, color) in CUTS.items():
        y = _numbers(snapshot.layers[-1].cuts[name].growth)
        axis.plot(range(1, len(y) + 1), y, color=color, label=label, linewidth=1.6)
    axis.axhline(1, color="#888888", linewidth=1, linestyle=":")
    axis.set_yscale("log")
    axis.set_xlabel("steps t of the batch")
    axis.set_title(rf"Update {snapshot.update}, worst sequence {where}: $||J_t \cdots J_1||$")
    axis.legend(fontsize=8)


def _draw_bars(axis: Axes, snapshot: MeasuredSnapshot, where: str) -> None:
    cuts = snapshot.layers[-1].cuts
    rows = [(label, cuts[name].gradient_norm, color) for name, (label, color) in CUTS.items()]
    rows += [
        (f"{_matrix(s.matrix)} times {s.factor:g}", s.gradient_norm, MATRICES[s.matrix])
        for s in snapshot.scaled
        if s.layer == len(snapshot.layers)
    ]
    others = _numbers(snapshot.other_masks)
    rows.append((f"{len(others)} other dropout\nmasks: largest", np.max(others), "#9a9a9a"))
    labels, norms, colors = zip(*reversed(rows), strict=True)
    bars = axis.barh(labels, _numbers(norms), color=colors, height=0.7)
    axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
    axis.grid(visible=False)
    axis.set_xlabel("norm of the whole gradient")
    axis.set_title(f"The same batch with one thing changed (paths, matrices: {where})", fontsize=10)


def _logarithmic(axis: Axes) -> None:
    """A logarithmic axis up to a multiple of the usual value; triangles mark what is above it."""
    lines = list(axis.lines)
    usual = max(np.nanmedian(line.get_ydata()) for line in lines)
    low, top = axis.dataLim.minposy / 1.2, min(HEADROOM * usual, axis.dataLim.y1)
    axis.set_yscale("log")
    axis.set_ylim(low, top)
    for line in lines:
        mark_above(axis, line, top, 3)
    plain_ticks(axis.yaxis, LogLocator(subs=(1, 3)))


def _matrix(name: str) -> str:
    return f"$W_{{{name[2:]}}}$"


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    return np.array([*values], dtype=float)
