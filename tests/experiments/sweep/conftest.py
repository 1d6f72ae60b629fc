"""Small sweeps to be tested, and what to read of them."""

import json
import os
import signal

import pytest

from experiments.sweep import pool as driver
from tests.experiments.checks import (
    alive,
    find_files,
    start_command,
    training_processes,
    wait_until,
)

#: 34 iterations per epoch of the made-up text, which other processes make in full.
FAST = {"batch_size": 50, "eval_batch_size": 50, "bptt_steps": 35, "epochs": 1}
ENDLESS = {**FAST, "epochs": 10**6}


def planned(text):
    """Names of the runs in a printed plan."""
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    return [line.partition("  at most ")[0].strip() for line in lines]


def read(folder):
    """All results below a folder, by cell and seed."""
    results = (json.loads(open(path).read()) for path in find_files(folder, "result.json"))
    return {(result["cell"], result["seed"]): result for result in results}


@pytest.fixture
def b(tmp_path):
    """Folder of the results."""
    return tmp_path / "b"


@pytest.fixture
def start(b):
    """Start a sweep in a process of its own; whatever is left of it at the end is killed."""
    started = []

    def go(*words):
        started.append(start_command("sweep", *words, "--out", b))
        return started[-1]

    yield go
    left = list(training_processes(b).values())
    for process in started:
        process.kill()
        process.communicate()
    for pid in filter(alive, left):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def end_by_sigterm(start, b):
    """End a sweep whose first two runs go on: a snapshot each, and the third is not begun."""

    def end(*words, look=list):
        process = start(*words, "--seeds", "0")
        running = wait_until(lambda: len(r := training_processes(b)) == 2 and r)
        look(running.values())
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 130, out + err
        assert err.splitlines()[-1] == "interrupted"
        assert "Traceback" not in out + err
        assert not any(map(alive, running.values()))
        for folder in running:
            assert len(find_files(folder, "snapshot-*.npz")) == 1
        assert len(read(b)) == 2
        return out, running

    return end


@pytest.fixture
def sweep(call, b):
    """Sweep here, the runs in processes of their own; gives stdout."""

    def go(*words, code=0):
        got, out, err = call("sweep", *words, "--out", b)
        assert got == code, out + err
        assert "Traceback" not in out + err
        return out

    return go


@pytest.fixture
def fake_jobs(monkeypatch):
    """Runs that do nothing, each ending as told by its name; gives the jobs that were done."""
    done, ends = [], {}

    def run_job(job):
        done.append(job)
        code = ends.get(job.name, 0)
        tail = ends.get("tail", "completed at once")
        return code.pop(0) if isinstance(code, list) else code, tail

    monkeypatch.setattr(driver, "run_job", run_job)
    monkeypatch.setattr(driver, "LOOK_AGAIN", 0.0)
    return done, ends


@pytest.fixture
def no_jobs(fake_jobs):
    """No run may be started."""
    yield
    assert fake_jobs[0] == []
