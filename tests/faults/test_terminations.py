"""SIGTERM at random moments: not an iteration is lost."""

import signal

import pytest

from tests.faults import runs

SIGNALS = 12  # of each task


@pytest.mark.parametrize("task", ["language", "music"])
def test_a_terminated_run_goes_on_where_it_stopped(task, config, undisturbed, tally, tmp_path):
    whole, seconds = undisturbed(task)
    row = tally(f"SIGTERM during a run, {task}")
    moments = runs.Moments(f"term {task}", seconds)
    number = 0
    while row.tried < SIGNALS:
        out = tmp_path / str(number)
        _run_to_the_end(config(task), out, moments, row)
        row.compare(runs.the_result(out), whole)
        assert runs.snapshots(out) == []
        assert runs.temporary_files(out) == []
        number += 1
    assert row.details["iterations lost"] == 0


def _run_to_the_end(config, out, moments, row):
    stopped_at = 0
    while True:
        # The interval is so long that every snapshot is the signal's.
        words = [config, "--cell", runs.CELL, "--out", out, "--snapshot-interval", "600"]
        process = runs.start("run", *words)
        sent = moments.strike(process, signal.SIGTERM, whole=stopped_at == 0)
        ended = runs.end(process)
        row.watch(ended.out + ended.err)
        row.tried += sent
        assert "Traceback" not in ended.out + ended.err
        if "resumed" in ended.out or ended.interrupted_at is not None or ended.code == 0:
            row.count("iterations lost", stopped_at - ended.resumed_at)
            assert ended.resumed_at == stopped_at
        if ended.code == 0:
            row.survived += sent
            return
        if ended.code == -signal.SIGTERM:
            # While Python was still importing, or already ending.
            announced = "seed 0, on cpu" in ended.out
            if announced and runs.the_result(out)["status"] == "completed":
                row.survived += 1
                return
            assert not announced, ended
            row.count("before the run had begun")
        else:
            assert ended.code == 130, ended
            assert ended.err.splitlines()[-1] == "interrupted"
            if ended.interrupted_at is not None:
                stopped_at = ended.interrupted_at
                result = runs.the_result(out)
                assert (result["status"], result["iterations"]) == ("interrupted", stopped_at)
        assert (runs.last_iteration(out) if out.exists() else 0) == stopped_at
        row.survived += 1
