"""What came out, in a few sentences made of the results."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from experiments.config.load import config_names, load_config
from experiments.reports.claims import PAIRS_OF_TABLE_3
from experiments.reports.claims_text import headline
from experiments.reports.evidence import NEAR, Evidence
from experiments.reports.pairs import same_seeds
from experiments.results.measures import lowest_value
from experiments.results.success import EXPLOSION, exploded, succeeded


def summary(out: Path, bounds: Sequence[float] = (1, 0.5, 10)) -> str:
    """How many claims hold, how many values are near, and how many gradients exploded.

    ``bounds``: of an explosion, as multiples of ours, which comes first.
    """
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
    known = numbers.startswith("lower")
    lower = numbers.partition(":")[0].removeprefix("lower ") if known else "in no pair known yet"
    pairs = PAIRS_OF_TABLE_3.values()
    runs = [two for cells in pairs for two in same_seeds(*map(evidence.finished, cells))]
    counts = {
        times * EXPLOSION["music"]: [sum(exploded(two[i], times) for two in runs) for i in (1, 0)]
        for times in bounds
    }
    (bound, (clipping, capped)), *others = counts.items()
    more = "".join(
        f" With a bound of {b:g}: {first} and {second} times." for b, (first, second) in others
    )
    return (
        f"{headline(evidence)} It prints {len(printed)} validation values legibly: {len(ratios)} "
        f"have a successful run here, {near} of these within {100 * NEAR:g} %. In Table 3 (music), "
        f"P_δ has the lower loss {lower}. In {len(runs)} pairs of its runs with equal seeds, the "
        f"gradient exploded (a norm above {bound:g} before clipping, or divergence) {clipping} "
        f"times with clipping and {capped} times with P_δ.{more}"
    )
