"""What came out, in three sentences made of the results."""

import statistics
from pathlib import Path

from experiments.config.load import config_names, load_config
from experiments.reports.claims import TABLE_3, lower_in_table_3
from experiments.reports.claims_text import headline
from experiments.reports.evidence import NEAR, NOT_ENOUGH, Evidence
from experiments.results.measures import lowest_value
from experiments.results.success import EXPLOSION, exploded, succeeded


def summary(out: Path) -> str:
    """How many claims hold, how many values are near, and how many gradients exploded."""
    evidence = Evidence(out)
    ratios, explosions = [], {"clipping": [], "projection": []}
    cells = [cell for name in config_names() for cell in load_config(name).cells.values()]
    printed = [cell for cell in cells if cell.published and cell.published.value is not None]
    for cell in printed:
        finished = evidence.finished((cell.config, cell.name))
        values = [lowest_value(run) for run in finished if succeeded(run)]
        ratios += [statistics.fmean(values) / cell.published.value] if values else []
        if cell.config == TABLE_3:
            explosions[cell.conditions.method] += map(exploded, finished)
    near = sum(abs(ratio - 1) <= NEAR for ratio in ratios)
    clipping, projection = (f"{sum(runs)} of {len(runs)}" for runs in explosions.values())
    word, numbers = lower_in_table_3(evidence)
    lower = "not known yet" if word == NOT_ENOUGH else numbers.partition(":")[0]
    return (
        f"{headline(evidence)} Of {len(printed)} validation values that it prints, {len(ratios)} "
        f"have a successful run here, and {near} of these are within {100 * NEAR:g} %. In Table 3 "
        f"(music), the loss of P_δ, beside that of clipping, is {lower}; the gradient exploded "
        f"(a norm above {EXPLOSION['music']:g} before clipping, or divergence) in {clipping} runs "
        f"with clipping and in {projection} runs with P_δ."
    )
