"""kill -9 and SIGTERM at random moments: the run goes on, to the same end."""

import signal

import pytest

from tests.experiments.checks import start_command
from tests.faults import runs

SIGNALS = 12  # of each kind and task


@pytest.mark.parametrize("task", ["language", "music"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
def test_a_run_that_a_signal_ends_goes_on(number, task, config, undisturbed, tally, tmp_path):
    whole, seconds = undisturbed(task)
    row = tally[f"{'kill -9' if number == signal.SIGKILL else 'SIGTERM'} during a run, {task}"]
    moments = runs.Moments(f"{number} {task}", seconds)
    round_ = 0
    while row["tried"] < SIGNALS:
        out = tmp_path / str(round_)
        # Killed, every other run is writing a snapshot most of the time; terminated, the interval
        # is so long that every snapshot is the signal's.
        interval = "600" if number == signal.SIGTERM else "0.2" if round_ % 2 else "0"
        words = [config[task], "--cell", runs.CELL, "--out", out, "--snapshot-interval", interval]
        while not _try(words, out, number, moments, row):
            pass
        row.compare(runs.the_result(out), whole)
        assert runs.last_iteration(out) == 0
        round_ += 1
    assert row["signals of a run that had saved something"] > SIGNALS / 3


def _try(words, out, number, moments, row):
    """Begin or go on with a run and send it a signal; gives whether the run has ended."""
    before = runs.last_iteration(out)
    process = start_command("run", *words)
    row["tried"] += moments.strike(process, number, whole=before == 0)
    ended = runs.end(process)
    assert ended.code in (0, 130, -number), ended
    assert "Traceback" not in ended.out + ended.err
    assert "note:" not in ended.out  # a snapshot that is there is whole
    if "resumed" in ended.out or ended.interrupted_at is not None or ended.code == 0:
        assert ended.resumed_at == before
    if ended.code != -signal.SIGKILL:
        assert runs.temporary_files(out) == []
    result, after = runs.the_result(out), runs.last_iteration(out)
    if result and result["status"] == "completed":  # maybe struck on its way out
        return True
    assert ended.code != 0
    assert after >= before
    if ended.code == 130:  # not an iteration is lost
        assert ended.err.splitlines()[-1] == "interrupted"
        assert after == (ended.interrupted_at or before)
        if ended.interrupted_at is not None:
            assert (result["status"], result["iterations"]) == ("interrupted", after)
    elif number == signal.SIGTERM:  # while Python was still importing
        assert "seed 0, on cpu" not in ended.out
        assert after == before
    row["signals of a run that had saved something"] += after > 0
    return False
