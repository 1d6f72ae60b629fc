"""What a sweep has to run: all that has no finished result under just these conditions."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.config.load import Cell, load_config
from experiments.config.schema import ConfigError
from experiments.estimates import at_most, estimate
from experiments.results.store import run_is_done, work_folder
from experiments.sweep.job import Job
from experiments.system.paths import RESULTS, ROOT
from grustab.text import printable


class PlannedRun(NamedTuple):
    """A run of a sweep.

    Attributes:
        cell: The cell.
        seed: Its seed.
        out: Folder of the results.
        max_iterations: Where it stops, or ``None``.
    """

    cell: Cell
    seed: int
    out: Path
    max_iterations: int | None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.cell.name} seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where its snapshots, log and progress are."""
        return work_folder(self.out, self.cell, self.seed)

    @property
    def done(self) -> bool:
        """Whether its result is there.

        Raises:
            ResultError: If a damaged one is.
        """
        return run_is_done(self.out, self.cell, self.seed, self.max_iterations)

    def words(self) -> list[str]:
        """Its command line after ``python -m experiments``."""
        words = ["run", self.cell.file, "--cell", self.cell.name, "--seed", str(self.seed)]
        words += self.place_words()
        if self.max_iterations:
            words += ["--max-iterations", str(self.max_iterations)]
        return words

    def place_words(self) -> list[str]:
        """The options that say where its result is, apart from cell and seed."""
        out = self.out.resolve()
        return [*([] if out == RESULTS.resolve() else ["--out", str(out)]), *self.cell.set_words()]

    def job_words(self) -> list[str]:
        """The same for a job, which is not to begin if the config has been edited meanwhile."""
        return [*self.words(), "--planned", self.cell.conditions.digest()]

    def command_line(self, device: str) -> str:
        """What a person types to run just this one."""
        words = self.words() + ([] if device == "cpu" else ["--device", device])
        return "python -m experiments " + shlex.join(words)

    def job(self, snapshot_interval: float, threads: int | None) -> Job:
        """The same as a job for a process of its own, whatever device it gets."""
        command = [sys.executable, "-m", "experiments", *self.job_words(), "--stop-with-parent"]
        command += ["--snapshot-interval", f"{snapshot_interval:g}"]
        return Job(self.name, command, str(ROOT), str(self.folder.resolve()), threads)


def make_plan(
    config_file: str,
    pattern: str,
    seeds: Sequence[int] | None,
    settings: Sequence[str],
    out: Path,
    max_iterations: int | None,
) -> list[PlannedRun]:
    """All runs of a sweep, done or not, a seed of all cells before the next seed.

    Args:
        config_file: Name of the config, or the path of its file.
        pattern: Shell pattern of its cells.
        seeds: Which seeds; ``None``: as many as the config says.
        settings: ``key=value`` settings of the command line.
        out: Folder of the results.
        max_iterations: Where each run stops, or ``None``.

    Raises:
        ConfigError: If the config is not valid, no cell matches or a setting is not valid.
    """
    config = load_config(config_file)
    if config.report == "seconds_per_iteration":
        raise ConfigError(f"config {config.name} reports times, which the command time takes")
    cells = [cell.override(settings) for cell in config.select(pattern)]
    return [
        PlannedRun(cell, seed, out, max_iterations)
        for seed in (range(config.runs) if seeds is None else dict.fromkeys(seeds))
        for cell in cells
    ]


def describe_plan(runs: Sequence[PlannedRun], jobs: int) -> str:
    """The runs that are not done, with what each will cost, as text."""
    missing = [run for run in runs if not run.done]
    lines = [f"{runs[0].cell.config}:"]
    cells = {run.cell.name: run.cell for run in missing}
    of_cell = {name: estimate(cell, runs[0].max_iterations) for name, cell in cells.items()}
    costs = [of_cell[run.cell.name] for run in missing]
    width = max((len(run.name) for run in missing), default=0)
    for run, cost in zip(missing, costs, strict=True):
        partial = ", from a snapshot" if any(run.folder.glob("snapshot-*.npz")) else ""
        lines.append(f"  {run.name:{width}}  {at_most(cost.at_most, cost.as_ours)}{partial}")
    done = len(runs) - len(missing)
    total = sum(cost.at_most or 0 for cost in costs)
    total_as_ours = sum(cost.as_ours or 0 for cost in costs)
    lines.append(
        f"{len(missing)} to run, {done} done"
        + (f"; one after the other on this CPU {at_most(total, total_as_ours)}" if total else "")
        + (f", {jobs} at a time" if jobs > 1 else "")
    )
    return "\n".join(lines)


def describe_done(runs: Sequence[PlannedRun]) -> list[str]:
    """The runs that are done, a line a cell, and how to see or repeat them."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        if run.done:
            seeds.setdefault(run.cell.name, []).append(str(run.seed))
    if not seeds:
        return []
    see = printable(shlex.join(["table", runs[0].cell.file, *runs[0].place_words()]))
    return [
        *(f"done: {name}, seed {', '.join(those)}" for name, those in seeds.items()),
        f"to see these: python -m experiments {see}; to do them again beside them: another --out",
    ]
