"""What a sweep has to run: all that has no finished result under just these conditions."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.config.load import all_overrides, load_config, set_words
from experiments.config.schema import ConfigError
from experiments.estimates import cost_in_words, estimate, total
from experiments.results.run_spec import RunSpec
from experiments.sweep.job import Job
from experiments.system.paths import PROGRAM, ROOT
from grustab.datasets.download import VARIABLE, default_folder
from grustab.text import printable


def job_words(run: RunSpec) -> list[str]:
    """A run's words for a job, which is not to begin if the config has been edited meanwhile."""
    return [*run.words(), "--planned", run.cell.conditions.digest()]


def make_job(run: RunSpec, snapshot_interval: float) -> Job:
    """A run as a job for a process of its own, whatever device it gets."""
    command = [sys.executable, "-m", "experiments", *job_words(run), "--stop-with-parent"]
    command += ["--snapshot-interval", f"{snapshot_interval:g}"]
    return Job(run.name, command, str(ROOT), str(run.folder.resolve()), data_folder())


def data_folder() -> str | None:
    """The folder that ``GRUSTAB_DATA`` names, as a process in another folder has to call it."""
    return os.path.abspath(default_folder()) if os.environ.get(VARIABLE) else None


def make_plan(
    config_file: str,
    pattern: str,
    seeds: Sequence[int] | None,
    settings: Sequence[str],
    out: Path,
    max_iterations: int | None,
) -> list[RunSpec]:
    """All runs of a sweep, done or not, a seed of all cells before the next seed.

    Raises:
        ConfigError: If the config is not valid, no cell matches or a setting is not valid.
    """
    config = load_config(config_file)
    if config.report == "seconds_per_iteration":
        raise ConfigError(f"config {config.name} reports times, which the command time takes")
    cells = [cell.override(settings) for cell in config.select(pattern)]
    return [
        RunSpec(cell, seed, out, max_iterations)
        for seed in (range(config.runs) if seeds is None else dict.fromkeys(seeds))
        for cell in cells
    ]


def describe_plan(runs: Sequence[RunSpec], missing: Sequence[RunSpec], jobs: int) -> str:
    """The runs that are missing, with what each will cost, as text."""
    lines = [f"{runs[0].cell.config}:"]
    cells = {run.cell.name: run.cell for run in missing}
    of_cell = {name: estimate(cell, runs[0].max_iterations) for name, cell in cells.items()}
    costs = [of_cell[run.cell.name] for run in missing]
    width = max((len(run.name) for run in missing), default=0)
    for run, cost in zip(missing, costs, strict=True):
        partial = ", from a snapshot" if any(run.folder.glob("snapshot-*.npz")) else ""
        lines.append(f"  {run.name:{width}}  {cost_in_words(cost)}{partial}")
    done = len(runs) - len(missing)
    whole = total(costs)
    lines.append(
        f"{len(missing)} to run, {done} done"
        + (f"; one after the other on this CPU {cost_in_words(whole)}" if whole.at_most else "")
        + (f"; here {jobs} at a time" if jobs > 1 else "")
    )
    return "\n".join(lines)


def describe_done(runs: Sequence[RunSpec], missing: Sequence[RunSpec], pattern: str) -> list[str]:
    """The runs that are done, a line per cell, and how to see or repeat them."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        if run not in missing:
            seeds.setdefault(run.cell.name, []).append(str(run.seed))
    if not seeds:
        return []
    first = runs[0]
    words = ["table", first.cell.file, *["--cells", pattern] * (pattern != "*")]
    settings = set_words(all_overrides([run.cell for run in runs]))
    see = printable(shlex.join([*words, *first.out_words(), *settings]))
    return [
        *(f"done: {name}, seed {', '.join(those)}" for name, those in seeds.items()),
        f"to see these: {PROGRAM} {see}; to do them again beside them: another --out",
    ]
