"""What came out, in three sentences made of the results."""

import statistics
from pathlib import Path

from experiments.claims import TABLE_3
from experiments.claims_text import headline
from experiments.config import Cell, config_names, load_config
from experiments.measures import Result, lowest_value
from experiments.results import FINISHED, find_results
from experiments.success import EXPLOSION, exploded, succeeded

#: A value is called near that differs from the published one by no more than this.
NEAR = 0.1


def summary(out: Path) -> str:
    """How many claims hold, how many values are near, and how many gradients exploded."""
    return " ".join([headline(out), _values(out), _explosions(out)])


def _finished(out: Path, cell: Cell) -> list[Result]:
    return [run for run in find_results(out, cell) if run["status"] in FINISHED]


def _values(out: Path) -> str:
    cells = [cell for name in config_names() for cell in load_config(name).cells.values()]
    printed = [cell for cell in cells if cell.published and cell.published.value is not None]
    ratios = []
    for cell in printed:
        values = [lowest_value(run) for run in _finished(out, cell) if succeeded(run)]
        if values:
            ratios.append(statistics.fmean(values) / cell.published.value)
    near = sum(abs(ratio - 1) <= NEAR for ratio in ratios)
    return (
        f"Of the {len(printed)} validation values that the supplement prints, {len(ratios)} have "
        f"finished runs here, and {near} of these came out within {100 * NEAR:g} % of the print."
    )


def _explosions(out: Path) -> str:
    """Of the runs of Table 3, by method."""
    runs: dict[str, list[Result]] = {"clipping": [], "projection": []}
    for cell in load_config(TABLE_3).cells.values():
        runs[cell.conditions.method] += _finished(out, cell)
    clipping, projection = (
        f"{sum(map(exploded, found))} of {len(found)}" for found in runs.values()
    )
    return (
        f"In Table 3 (music), the gradient's norm passed {EXPLOSION['music']:g}, before clipping, "
        f"in {clipping} runs of clipping and in {projection} runs of P_δ."
    )
