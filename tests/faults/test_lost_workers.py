"""A real Dask scheduler and two workers on loopback, one of which is killed in mid-run."""

import os
import subprocess
import sys
import time

import pytest

from experiments.system.paths import ROOT
from tests.faults import runs
from tests.faults.sweeps import OPTIONS, check_results, wait_for_a_saved_job, whole_results


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and its two workers."""
    file = tmp_path / "scheduler.json"
    started, logs = [], tmp_path / "cluster.log"

    def begin(*words, core=None):
        def pin():
            if core is not None:
                os.sched_setaffinity(0, {core})

        command = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(file)]
        with open(logs, "ab") as log:
            # Not from the checkout: a worker needs nothing of it on its path.
            process = subprocess.Popen(
                command,
                cwd=tmp_path,
                env=runs.environment(),
                stdout=log,
                stderr=log,
                preexec_fn=pin,
            )
        started.append(process)
        return process

    def wait_for(text, count):
        deadline = time.monotonic() + 60
        while not (file.exists() and logs.read_text().count(text) >= count):
            assert time.monotonic() < deadline, logs.read_text()
            assert all(process.poll() is None for process in started), logs.read_text()
            time.sleep(0.1)

    begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    wait_for("Scheduler at:", 1)
    options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    # A core each, so that a job has one thread: more would wait for each other.
    available = sorted(os.sched_getaffinity(0))
    workers = [
        begin(
            *("worker", *options, "--local-directory", str(tmp_path / f"worker{number}")),
            core=available[number % len(available)],
        )
        for number in range(2)
    ]
    wait_for("Registered to:", 2)
    address = next(word for word in logs.read_text().split() if word.startswith("tcp://"))
    yield address, workers, logs
    for process in reversed(started):
        process.kill()
        process.wait()


@pytest.mark.parametrize("lost", ["worker", "machine"])
def test_the_run_of_a_lost_worker_goes_on_at_the_other(
    lost, cluster, config, undisturbed, tally, tmp_path
):
    whole = whole_results(undisturbed)
    row = tally(f"Dask cluster: kill -9 of one of two workers ({lost})")
    address, workers, _ = cluster
    out = tmp_path / "out"
    words = ["sweep", config("swept"), "--scheduler", address, "--out", out, *OPTIONS]
    process = runs.start(*words)
    try:
        pids = [worker.pid for worker in workers]
        pid, job = wait_for_a_saved_job(pids, lambda: process.poll() is None)
        next(worker for worker in workers if worker.pid == pid).kill()
        if lost == "machine":  # the worker's processes die with it
            job.kill()
        row.tried += 1
        ended = runs.end(process)
    finally:
        process.kill()
    row.watch(ended.out + ended.err)
    assert ended.code == 0, ended
    assert "FAILED" not in ended.out
    assert root_is_unnamed(ended.err)
    check_results(out, whole, row)
    resumed = [result for result in runs.results(out).values() if result["resumed"]]
    assert len(resumed) == 1
    row.count("runs resumed at the other worker", len(resumed))
    row.survived += 1


def root_is_unnamed(text):
    """Nothing of Dask's inner workings on the screen."""
    return f'File "{ROOT}' not in text
