"""Sweeps of four short runs, and what happens to their processes."""

import glob
import os
import time
from pathlib import Path

import psutil

from experiments.sweep.job import LOG
from tests.faults import runs

JOBS = 2
RUNS = [(cell, seed) for seed in (0, 1) for cell in (runs.CELL, "adam/clipping_5")]
OPTIONS = ["--snapshot-interval", "0.2"]


def whole_results(undisturbed, threads=1):
    """Result of each run undisturbed, with as many threads as the sweep gives it."""
    return {
        (cell, seed): undisturbed("swept", "--cell", cell, "--seed", seed, threads=threads)[0]
        for cell, seed in RUNS
    }


def check_results(out: Path, whole: dict, row) -> None:
    """All are there, and each is what it would have been."""
    found = {(result["cell"], result["seed"]): result for result in runs.results(out).values()}
    for key, result in whole.items():
        row.compare(found.get(key), result)
    assert len(found) == len(whole)
    assert not glob.glob(str(out / "**" / "snapshot-*"), recursive=True)


def completions(out: Path) -> list[int]:
    """How often each run came to its end, by the logs."""
    logs = [path.read_text() for path in out.rglob(LOG)]
    return [sum(line.startswith("completed") for line in log.splitlines()) for log in logs]


def jobs_of(pid: int) -> list[psutil.Process]:
    """The runs that a process has started."""
    try:
        children = psutil.Process(pid).children()
        return [child for child in children if "experiments" in child.cmdline()]
    except psutil.NoSuchProcess:
        return []


def folder_of(job: psutil.Process) -> Path | None:
    """Where a run keeps its snapshots: its log is its standard output."""
    try:
        return Path(os.readlink(f"/proc/{job.pid}/fd/1")).parent
    except OSError:
        return None


def wait_for_a_saved_job(
    pids: list[int], alive, timeout: float = 120
) -> tuple[int, psutil.Process]:
    """The first of the processes with a job that has saved a snapshot, and that job."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        assert alive(), "the sweep has ended"
        for pid in pids:
            for job in jobs_of(pid):
                folder = folder_of(job)
                if folder and glob.glob(str(folder / "snapshot-*")):
                    return pid, job
        time.sleep(0.05)
    raise AssertionError("no run has saved a snapshot in time")
