"""``list``: what there is to run, what is done, and what the rest would cost."""

from pathlib import Path

from experiments.config import Cell, Config
from experiments.cost import estimate_seconds, human_time, product_rate
from experiments.results import FINISHED, find_results


def list_config(config: Config, cells: list[Cell], out: Path) -> str:
    """A config's cells as text.

    Args:
        config: The config.
        cells: Which of its cells to list.
        out: Folder of the results.
    """
    rate = product_rate()
    rows = [("cell", "published", "done", "one run on this CPU, at most")]
    for cell in cells:
        results = find_results(out, cell)
        finished = sum(result["status"] in FINISHED for result in results)
        partial = len(results) - finished
        done = f"{finished} of {config.runs}" + (f", {partial} partial" if partial else "")
        printed = cell.published.printed if cell.published else "none"
        cost = human_time(estimate_seconds(cell.conditions, rate))
        rows.append((cell.name, printed, done, cost))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n  ".join([f"{config.name}: {config.title}", *lines]) + "\n"
