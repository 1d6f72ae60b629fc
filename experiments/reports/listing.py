"""``list``: what there is to run, what is done, and what the rest would cost."""

from collections.abc import Sequence
from pathlib import Path

from experiments.arguments import LATER, ROUNDS
from experiments.config.load import Cell, Config, all_overrides
from experiments.estimates import Estimate, cost_in_words, estimate, human_time, total
from experiments.results.run_spec import RunSpec
from experiments.results.store import FINISHED, find_results, is_begun_anew
from experiments.system.paths import shown
from experiments.timing.store import read_timing, timing_file


def list_config(config: Config, cells: list[Cell], seeds: Sequence[int], out: Path) -> str:
    """A config's cells as text, and what the runs that are missing would cost.

    Of a config that reports times: whether they were measured, or what that would cost.
    """
    head = f"{config.name}: {config.title}"
    if config.report == "seconds_per_iteration":
        path = timing_file(out, config, all_overrides(cells))
        measured = read_timing(path)
        if measured and all(map(measured.holds, cells)):
            state = f"measured: {shown(path)}"
        else:  # one cell trains up to the last point, at each of three points all take turns
            turns = [estimate(cell, 3 * ROUNDS) for cell in cells]
            state = f"not measured: {cost_in_words(total([estimate(cells[-1], LATER), *turns]))}"
        return "\n  ".join([head, *(cell.name for cell in cells), state]) + "\n"
    rows = [("cell", "published", "done", "one run on this CPU, at most", "as long as ours")]
    costs: list[Estimate] = []
    for cell in cells:
        results = find_results(out, cell)
        ended = [RunSpec(cell, r["seed"], out) for r in results if r["status"] in FINISHED]
        wanted = [run for run in ended if run.seed in seeds]
        finished = sum(not is_begun_anew(run.folder, run.result_file) for run in wanted)
        others = len(ended) - len(wanted)
        partial = sum(result["seed"] in seeds for result in results) - finished
        done = f"{finished} of {len(seeds)}"
        done += f", {partial} partial" if partial else ""
        done += f", {others} of other seeds" if others else ""
        printed = cell.published.printed if cell.published else "none"
        cost = estimate(cell)
        ours = (
            f"{human_time(cost.as_ours)}, {cost.epochs} epoch{'s' * (cost.epochs > 1)}"
            if cost.epochs
            else ""
        )
        rows.append((cell.name, printed, done, human_time(cost.at_most), ours))
        costs += [cost] * (len(seeds) - finished)
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    end = f"to run: {len(costs)}, {cost_in_words(total(costs))}" if costs else "all done"
    return "\n  ".join([head, *lines, end]) + "\n"
