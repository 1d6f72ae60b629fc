"""Published values against ours."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from experiments.config import Config
from experiments.figures.style import COLORS, Result, value, value_name
from experiments.results import FINISHED
from experiments.success import succeeded


def draw_comparison(config: Config, results: dict[str, list[Result]]) -> Figure | None:
    """Published against ours, for every cell with a finished run; ``None`` where there is none."""
    rows = []
    for name, runs in results.items():
        published = config.cells[name].published
        ended = [r for r in runs if r["status"] in FINISHED and r["best"]]
        values = [(value(r, r["best"]["validation_loss"]), succeeded(r)) for r in ended]
        if published and published.value is not None and values:
            rows.append((name, published.value, values))
    if not rows:
        return None
    figure, axis = plt.subplots(figsize=(6.4, 1.1 + 0.34 * len(rows)))
    every = [number for _, theirs, values in rows for number in (theirs, *(v for v, _ in values))]
    if max(every) >= 20 * min(every):
        axis.set_xscale("log")
    for y, (name, theirs, values) in enumerate(reversed(rows)):
        color = COLORS[config.cells[name].conditions.method][0]
        span = [theirs, *(mine for mine, _ in values)]
        axis.plot(span, [y] * len(span), color="#cccccc", linewidth=1.5)
        axis.plot(theirs, y, "D", markerfacecolor="white", markeredgecolor="#222222", markersize=8)
        for mine, success in values:
            axis.plot(mine, y, "o" if success else "x", color=color, markersize=4.5)
    axis.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_xlabel(
        f"lowest {value_name(config)}\n(diamond: published; dot: ours; cross: ours, no success)"
    )
    axis.set_title(config.title, fontsize=9)
    figure.tight_layout()
    return figure
