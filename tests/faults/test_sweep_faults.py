"""A sweep whose job is killed, one that is killed itself, and two at once."""

import re

import psutil
import pytest

from tests.faults import runs
from tests.faults.sweeps import (
    JOBS,
    OPTIONS,
    check_results,
    completions,
    jobs_of,
    wait_for_a_saved_job,
    whole_results,
)


@pytest.fixture
def sweep(config, tmp_path):
    """Start a sweep."""
    started = []

    def begin():
        out = tmp_path / "out"
        words = ["sweep", config("swept"), "--jobs", JOBS, "--out", out, *OPTIONS]
        started.append(runs.start(*words))
        return started[-1], out

    yield begin
    for process in started:
        process.kill()


def test_a_killed_job_is_reported_and_done_by_the_next_sweep(sweep, undisturbed, tally):
    whole = whole_results(undisturbed)
    row = tally("sweep: kill -9 of a job")
    process, out = sweep()
    _, job = wait_for_a_saved_job([process.pid], lambda: process.poll() is None)
    job.kill()
    row.tried += 1
    ended = runs.end(process)
    row.watch(ended.out + ended.err)
    assert ended.code == 1, ended
    assert ended.out.count("FAILED (killed by signal 9)") == 1
    assert "1 of 4 runs failed" in ended.out
    assert len(runs.results(out)) == 3  # the others were not disturbed
    repeat = re.search(r"to repeat it: python -m experiments (.*)", ended.out)
    assert repeat
    process, out = sweep()
    again = runs.end(process)
    row.watch(again.out + again.err)
    assert again.code == 0, again
    assert "1 to run, 3 done" in again.out
    assert "from a snapshot" in again.out
    check_results(out, whole, row)
    row.survived += 1


def test_the_jobs_of_a_killed_sweep_save_and_end(sweep, undisturbed, tally):
    whole = whole_results(undisturbed)
    row = tally("sweep: kill -9 of the sweep itself")
    process, out = sweep()
    wait_for_a_saved_job([process.pid], lambda: process.poll() is None)
    jobs = jobs_of(process.pid)
    process.kill()
    row.tried += 1
    ended = runs.end(process)
    row.watch(ended.out + ended.err)
    _, left = psutil.wait_procs(jobs, timeout=60)
    assert not left  # nobody runs on unseen
    process, out = sweep()
    again = runs.end(process)
    row.watch(again.out + again.err)
    assert again.code == 0, again
    check_results(out, whole, row)
    assert all("Traceback" not in path.read_text() for path in out.rglob("log.txt"))
    row.survived += 1


def test_two_sweeps_at_once_do_each_run_once(sweep, undisturbed, tally):
    whole = whole_results(undisturbed)
    row = tally("sweep: two at once")
    row.tried += 1
    (one, out), (two, _) = sweep(), sweep()
    both = [runs.end(one), runs.end(two)]
    for ended in both:
        row.watch(ended.out + ended.err)
        assert ended.code == 0, ended
    check_results(out, whole, row)
    assert completions(out) == [1] * len(whole)
    assert all(result["resumed"] == [] for result in runs.results(out).values())
    row.survived += 1
