"""What came out, in a few sentences made of the results."""

import statistics
from pathlib import Path

from experiments.config.load import config_names, load_config
from experiments.reports.claims import PAIRS_OF_TABLE_3
from experiments.reports.claims_text import headline
from experiments.reports.evidence import NEAR, Evidence
from experiments.reports.pairs import same_seeds
from experiments.results.measures import lowest_value
from experiments.results.success import EXPLOSION, exploded, succeeded


def summary(out: Path) -> str:
    """How many claims hold, how many values are near, and how many gradients exploded."""
    evidence = Evidence(out)
    cells = [cell for name in config_names() for cell in load_config(name).cells.values()]
    printed = [cell for cell in cells if cell.published and cell.published.value is not None]
    ratios = []
    for cell in printed:
        finished = evidence.finished((cell.config, cell.name))
        values = [lowest_value(run) for run in finished if succeeded(run)]
        ratios += [statistics.fmean(values) / cell.published.value] if values else []
    near = sum(abs(ratio - 1) <= NEAR for ratio in ratios)
    _, numbers = evidence.lower(PAIRS_OF_TABLE_3)
    lower = numbers.partition(":")[0] if numbers.startswith("lower") else "not known yet"
    pairs = PAIRS_OF_TABLE_3.values()
    runs = [two for cells in pairs for two in same_seeds(*map(evidence.finished, cells))]
    at = {
        times: [sum(exploded(two[side], times) for two in runs) for side in (1, 0)]
        for times in (1, 0.5, 10)
    }
    bound = EXPLOSION["music"]
    return (
        f"{headline(evidence)} Of {len(printed)} validation values that it prints legibly, "
        f"{len(ratios)} have a successful run here, and {near} of these are within {100 * NEAR:g} "
        f"%. In Table 3 (music), P_δ's loss, beside clipping's, is {lower}. In {len(runs)} pairs "
        f"of runs with equal seeds, the gradient exploded (a norm above {bound:g} before clipping, "
        f"or divergence) {at[1][0]} times with clipping and {at[1][1]} with P_δ; with a bound of "
        f"{bound / 2:g}, {at[0.5][0]} and {at[0.5][1]}; of {10 * bound:g}, {at[10][0]} and "
        f"{at[10][1]}."
    )
