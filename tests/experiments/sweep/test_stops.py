"""What ends a sweep early."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from unittest.mock import Mock

import pytest

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.sweep import pool as driver
from experiments.system.interruption import interruptible
from experiments.system.paths import PROGRAM
from tests.experiments.checks import (
    alive,
    check_complete,
    find_files,
    timeless,
    training_processes,
    wait_until,
)
from tests.experiments.sweep.conftest import ENDLESS, FAST, read


@pytest.fixture
def jobs(tiny, b, monkeypatch):
    """Runs whose jobs go on until they are asked to end; when they were, and what has begun."""
    asked, begun = threading.Event(), []

    def run_job(job):
        begun.append(job)
        return (130 if asked.wait(timeout=60) else 0), ""

    monkeypatch.setattr(driver, "run_job", run_job)
    monkeypatch.setattr(driver, "stop_jobs", asked.set)
    cell = load_config(tiny()).cell("sgd/none")
    return [RunSpec(cell, seed, b, None) for seed in range(3)], asked, begun


def test_a_signal_while_jobs_are_still_being_begun_ends_them(jobs, monkeypatch):
    runs, asked, begun = jobs
    make_job = driver.make_job

    def job(run, *arguments):
        if run.seed == 1:
            wait_until(lambda: begun)
            signal.raise_signal(signal.SIGTERM)
        return make_job(run, *arguments)

    monkeypatch.setattr(driver, "make_job", job)
    with pytest.raises(KeyboardInterrupt), interruptible():
        driver.run_sweep(runs, 1, ["cpu"], 600.0, None)
    assert asked.is_set()


def test_an_error_of_the_sweep_itself_ends_its_runs(jobs, monkeypatch):
    runs, asked, begun = jobs
    monkeypatch.setattr(driver, "_follow", Mock(side_effect=RuntimeError))
    with pytest.raises(RuntimeError):
        driver.run_sweep(runs, 1, ["cpu"], 600.0, None)
    assert asked.is_set()
    assert len(begun) <= 1


def test_a_process_started_after_a_signal_still_listens_to_signals():
    # A job that a pool's thread starts in the moment in which the sweep is told to end.
    program = "import signal, sys; sys.exit(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)"
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        done = subprocess.run([sys.executable, "-S", "-c", program])
    assert done.returncode == 0


def test_sigterm_ends_all_runs_with_a_snapshot_each(tiny, end_by_sigterm, b):
    out, folders = end_by_sigterm(tiny(**ENDLESS), "--jobs", "2")
    assert "stopping: every run saves a snapshot and ends" in out
    for folder in folders:
        log = open(os.path.join(folder, "log.txt")).read()
        assert "interrupted after" in log
        assert "Traceback" not in log
    assert find_files(b, "progress.json") == []
    assert {result["status"] for result in read(b).values()} == {"interrupted"}
    # Two at a time: the third was not begun.
    assert set(read(b)) == {("sgd/clipping_5", 0), ("sgd/projection_0.2", 0)}


def test_runs_end_with_a_snapshot_when_their_sweep_is_killed(tiny, start, b):
    process = start(tiny(**ENDLESS), "--cells", "sgd/none", "--seeds", "0")
    ((folder, pid),) = wait_until(lambda: training_processes(b)).items()
    process.kill()
    process.wait()
    wait_until(lambda: not alive(pid))
    assert len(find_files(folder, "snapshot-*.npz")) == 1
    assert read(b)["sgd/none", 0]["status"] == "interrupted"
    assert "stopping after this iteration" in open(os.path.join(folder, "log.txt")).read()


def test_a_killed_run_is_told_and_goes_on_in_the_next_sweep(
    tiny_text, write_config, start, call, b, tmp_path
):
    text = tiny_text(**FAST)
    del text["cells"]["sgd/projection_0.2"]
    text["cells"]["sgd/none"]["set"]["epochs"] = 9
    config = write_config(text, "it's a config.yaml")
    words = (config, "--jobs", "2", "--seeds", "0", "--snapshot-interval", "0")
    process = start(*words)

    def victim():
        found = {folder: pid for folder, pid in training_processes(b).items() if "none" in folder}
        return [(f, pid) for f, pid in found.items() if len(find_files(f, "snapshot-*")) > 1]

    ((folder, pid),) = wait_until(victim)
    os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out + err
    lines = out.splitlines()
    failed = f"sgd/none seed 0: FAILED (killed by signal 9), see {folder}/log.txt, which ends:"
    place = lines.index(failed)
    assert "    it's a config sgd/none, seed 0, on cpu" in lines[place + 1 :]
    assert lines[-1] == "1 of 2 runs failed: sgd/none seed 0"
    assert any(line.startswith("sgd/clipping_5 seed 0: completed after 34") for line in lines)
    assert set(read(b)) == {("sgd/clipping_5", 0)}
    assert find_files(folder, "snapshot-*")
    shutil.copytree(b, tmp_path / "saved")

    # The next sweep finishes it, ...
    code, out, _ = call("sweep", *words, "--out", b)
    assert (code, "1 to run, 1 done" in out) == (0, True)
    assert ", from a snapshot" in out
    result = read(b)["sgd/none", 0]
    check_complete(result)
    assert (result["status"], len(result["resumed"])) == ("completed", 1)
    assert result["resumed"][0]["iteration"] > 0
    assert find_files(b, "snapshot-*") == find_files(b, "progress.json") == []

    # ... and so does the command that was printed, to the bit the same.
    (command,) = [line for line in lines if "to repeat it: " in line]
    command = shlex.split(command.partition("to repeat it: ")[2])
    assert command[:3] == PROGRAM.split()
    shutil.rmtree(b)
    shutil.copytree(tmp_path / "saved", b)
    assert call(*command[3:])[0] == 0
    again = read(b)["sgd/none", 0]
    assert again["resumed"][0]["iteration"] == result["resumed"][0]["iteration"]
    assert timeless(again) == timeless(result)
