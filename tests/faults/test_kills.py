"""kill -9 at random moments: the run goes on from its last snapshot, to the same weights."""

import signal

import pytest

from tests.faults import runs

KILLS = 12  # of each task


@pytest.mark.parametrize("task", ["language", "music"])
def test_a_killed_run_goes_on_to_the_same_end(task, config, undisturbed, tally, tmp_path):
    whole, seconds = undisturbed(task)
    row = tally(f"kill -9 during a run, {task}")
    moments = runs.Moments(f"kill {task}", seconds)
    number = 0
    while row.tried < KILLS:
        out = tmp_path / str(number)
        # Every other run is writing a snapshot most of the time.
        _run_to_the_end(config(task), out, "0.2" if number % 2 else "0", moments, row)
        row.compare(runs.the_result(out), whole)
        number += 1
    assert row.details["kills of a run that had saved something"] > KILLS / 3


def _run_to_the_end(config, out, interval, moments, row):
    while True:
        before = runs.last_iteration(out) if out.exists() else 0
        words = [config, "--cell", runs.CELL, "--out", out, "--snapshot-interval", interval]
        process = runs.start("run", *words)
        moments.strike(process, signal.SIGKILL, whole=before == 0)
        ended = runs.end(process)
        row.watch(ended.out + ended.err)
        killed = ended.code == -signal.SIGKILL
        row.tried += killed
        assert killed or ended.code == 0, ended.err
        assert "note:" not in ended.out  # a snapshot that is there is whole
        if "resumed" in ended.out or ended.code == 0:
            assert ended.resumed_at == before
        assert "Traceback" not in ended.out + ended.err
        done = out.exists() and runs.the_result(out) is not None
        assert done or killed
        if done:  # maybe killed on its way out
            row.survived += killed
            assert killed or runs.snapshots(out) == []
            row.count("files half-written at a kill, left behind", len(runs.temporary_files(out)))
            return
        after = runs.last_iteration(out) if out.exists() else 0
        assert after >= before
        if after:
            row.count("kills of a run that had saved something")
        row.survived += 1
