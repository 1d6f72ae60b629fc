"""A sweep on a Dask cluster: with a stand-in for its client, then a real one of two workers."""

import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest

from experiments.sweep import cluster
from experiments.sweep.cluster import ClusterError
from experiments.sweep.job import Job
from tests.experiments.checks import (
    alive,
    check_complete,
    children,
    find_files,
    training_processes,
    wait_until,
)
from tests.experiments.sweep.conftest import ENDLESS, FAST, read

pytest.importorskip("distributed")
# One cluster serves them all.
pytestmark = pytest.mark.xdist_group("cluster")

JOB = Job("sgd/none seed 0", ["python", "-m", "experiments"], "/", "/nowhere")


@pytest.fixture
def client(monkeypatch):
    made = Mock()
    monkeypatch.setattr(cluster, "Client", lambda *words, **options: made)
    monkeypatch.setattr(cluster.time, "sleep", lambda seconds: None)
    yield made
    made.close.assert_called_once_with()


def test_jobs_go_to_the_workers_with_their_device(client):
    with cluster.cluster_pool("tcp://host:1", "1") as (start, _):
        start(JOB)
    client.get_executor.assert_called_once_with(pure=False)  # equal jobs are done again
    client.get_executor().submit.assert_called_once_with(cluster.run_job, JOB.on("1"))


def test_jobs_are_asked_to_end_until_none_is_left_and_the_client_is_closed(client):
    asked = []
    living = iter([{"a": [1, 2], "b": []}, {"a": [2], "b": [3]}, {"a": [], "b": []}])

    def run(function, commands, before, on_error):
        assert (function, on_error) == (cluster._end_jobs, "ignore")
        asked.append(dict(before))
        return next(living)

    client.run = run
    with pytest.raises(KeyboardInterrupt), cluster.cluster_pool("tcp://host:1", "cpu") as (_, stop):
        stop()
        raise KeyboardInterrupt
    assert asked == [{}, {"a": [1, 2], "b": []}, {"a": [1, 2, 2], "b": [3]}]


@pytest.mark.parametrize(("error", "reason"), [
    (OSError("Timed out\ntrying"), "(Timed out)"),
    (TimeoutError(), "(TimeoutError)"),
    (ValueError("\n"), "(ValueError)"),
], ids=str)  # fmt: skip
def test_a_scheduler_that_cannot_be_reached_is_told_with_the_reason(monkeypatch, error, reason):
    monkeypatch.setattr(cluster, "Client", Mock(side_effect=error))
    with pytest.raises(ClusterError) as refused, cluster.cluster_pool("tcp://host:1", "cpu"):
        pass
    assert f"--scheduler tcp://host:1: cannot be reached {reason}, expected" in str(refused.value)


BAD = ["", "host:1", "tcp://host", "http://host:1", "tcp://host:1/x", "tcp://ho st:1"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", *BAD])
def test_a_scheduler_that_cannot_be_used_is_one_sentence(refused, tiny, b, monkeypatch, address):
    monkeypatch.setattr("experiments.sweep.cluster.TIMEOUT", 0.5)
    sentence = refused("sweep", tiny(), "--seeds=0", "--out", b, f"--scheduler={address}")
    why = "not an address, " if address in BAD else "cannot be reached ("
    assert sentence.startswith(f"--scheduler {address}: {why}")
    assert "tcp://HOST:8786" in sentence


@pytest.mark.parametrize("address", ["tcp://host:1", "tls://10.0.0.1:8786", "tcp://[::1]:8786"])
def test_addresses(client, address):
    with cluster.cluster_pool(address, "cpu"):
        pass


def test_a_worker_ends_the_jobs_of_the_sweep_each_once_and_nothing_else():
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    started = [subprocess.Popen([*program, word]) for word in ("ours", "other", "asked")]
    ours, other, asked = started
    try:
        # After its start a process has no words for a moment.
        wait_until(lambda: all(psutil.Process(child.pid).cmdline() for child in started))
        commands = [[*program, "ours"], [*program, "asked"]]
        worker = SimpleNamespace(address="tcp://worker:1")
        before = {worker.address: [asked.pid], "tcp://another:1": [ours.pid]}
        assert set(cluster._end_jobs(commands, before, worker)) == {ours.pid, asked.pid}
        assert ours.wait(timeout=20) == -15
        assert (other.poll(), asked.poll()) == (None, None)
        assert cluster._end_jobs(commands, before, worker) == [asked.pid]
    finally:
        for child in started:
            child.kill()
            child.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """Address of the scheduler, and the workers."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    started = []

    def start(module, *words):
        with open(folder / f"{len(started)}.log", "w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    try:
        start("dask_scheduler", "--host=127.0.0.1", "--port=0", f"--scheduler-file={file}")
        wait_until(file.exists)
        workers = []
        for name in "ab":
            workers.append(
                start(
                    "dask_worker",
                    *(f"--scheduler-file={file}", "--host=127.0.0.1", f"--name={name}"),
                    *("--nthreads=1", "--no-nanny", f"--local-directory={folder / name}"),
                )
            )
        log = folder / "0.log"
        wait_until(lambda: log.read_text().count("Register worker") == 2)
        text = log.read_text().split()
        address = next(word for word in text if word.startswith("tcp://127.0.0.1:"))
        yield address, workers
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def test_a_signal_ends_the_runs_on_the_cluster_with_a_snapshot_each(dask, tiny, end_by_sigterm):
    def look(processes):
        assert {psutil.Process(pid).ppid() for pid in processes} == {w.pid for w in dask[1]}

    end_by_sigterm(tiny(**ENDLESS), "--scheduler", dask[0], look=look)
    assert not any(children(worker) for worker in dask[1])


def test_a_lost_workers_run_goes_on_at_another_one(dask, tiny, start, b):
    words = ("--cells", "sgd/none", "--snapshot-interval", "0", "--scheduler", dask[0])
    process = start(tiny(**{**FAST, "epochs": 9}), *words)
    folder, pid = next(iter(wait_until(lambda: training_processes(b)).items()))
    wait_until(lambda: find_files(folder, "snapshot-*"))
    (worker,) = [worker for worker in dask[1] if worker.pid == psutil.Process(pid).ppid()]
    worker.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    results = read(b)
    assert set(results) == {("sgd/none", 0), ("sgd/none", 1)}
    for (_, seed), result in results.items():
        check_complete(result)
        assert result["status"] == "completed"
        assert f"sgd/none seed {seed}: completed after 306 iterations" in out
    resumed = [session["iteration"] for result in results.values() for session in result["resumed"]]
    assert len(resumed) == 1
    assert resumed[0] > 0
    assert not alive(pid)
    assert not any(children(other) for other in dask[1])
