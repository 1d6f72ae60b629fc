"""Sweeps to be tested."""

import os
import signal

import pytest

from experiments.sweep import pool as driver
from tests.experiments.checks import alive, start_command, training_processes


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
