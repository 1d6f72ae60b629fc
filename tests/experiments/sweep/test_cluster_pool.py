"""What a sweep asks of a Dask cluster, with a stand-in for its client."""

import subprocess
import sys
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from experiments.sweep import cluster
from experiments.sweep.cluster import ClusterError
from experiments.sweep.job import Job

pytest.importorskip("distributed", reason="Dask is not installed")
JOB = Job("sgd/none seed 0", ["python", "-m", "experiments"], "/", "/nowhere", None)


class Client:
    """Keeps what is asked of it; ``living`` are the answers to the question for running jobs."""

    def __init__(self, *_, **options):
        self.options, self.submitted, self.asked = options, [], []
        self.living, self.closed = [], False

    def get_executor(self, pure):
        assert not pure  # equal jobs are done again
        return self

    def submit(self, function, job):
        self.submitted.append((function, job))
        return Future()

    def run(self, function, commands, asked, on_error):
        assert (function, on_error) == (cluster._end_jobs, "ignore")
        self.asked.append({worker: list(pids) for worker, pids in asked.items()})
        return self.living.pop(0)

    def close(self):
        self.closed = True


@pytest.fixture
def client(monkeypatch):
    made = Client()
    monkeypatch.setattr(cluster, "Client", lambda *words, **options: made)
    monkeypatch.setattr(cluster.time, "sleep", lambda seconds: None)
    return made


def test_jobs_go_to_the_workers_with_their_device(client):
    with cluster.cluster_pool("tcp://host:1", "1") as (start, _):
        start(JOB)
    ((function, job),) = client.submitted
    assert function is cluster.run_job
    assert job.command == [*JOB.command, "--device", "1"]
    assert client.closed


def test_jobs_are_asked_to_end_until_none_is_left_and_the_client_is_closed(client):
    client.living = [{"a": [1, 2], "b": []}, {"a": [2], "b": [3]}, {"a": [], "b": []}]
    with pytest.raises(KeyboardInterrupt), cluster.cluster_pool("tcp://host:1", "cpu") as (_, stop):
        stop()
        raise KeyboardInterrupt
    assert client.asked == [{}, {"a": [1, 2], "b": []}, {"a": [1, 2, 2], "b": [3]}]
    assert client.closed


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("Timed out\ntrying"), "(Timed out)"),
        (TimeoutError(), "(TimeoutError)"),
        (ValueError("\n"), "(ValueError)"),
    ],
    ids=str,
)
def test_a_scheduler_that_cannot_be_reached_is_told_with_the_reason(monkeypatch, error, reason):
    def fail(*_, **options):
        raise error

    monkeypatch.setattr(cluster, "Client", fail)
    with pytest.raises(ClusterError) as refused, cluster.cluster_pool("tcp://host:1", "cpu"):
        pass
    assert f"--scheduler tcp://host:1: cannot be reached {reason}, expected" in str(refused.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("tcp://127.0.0.1:1", "cannot be reached ("),
        *(
            (bad, "not an address, ")
            for bad in (
                "",
                "host:1",
                "tcp://host",
                "http://host:1",
                "tcp://host:1/x",
                "tcp://ho st:1",
            )
        ),
    ],
)
def test_a_scheduler_that_cannot_be_used_is_one_sentence(
    refused, tiny, b, monkeypatch, address, expected
):
    monkeypatch.setattr("experiments.sweep.cluster.TIMEOUT", 0.5)
    sentence = refused("sweep", tiny(), "--seeds=0", "--out", b, f"--scheduler={address}")
    assert sentence.startswith(f"--scheduler {address}: {expected}")
    assert "tcp://HOST:8786" in sentence


@pytest.mark.parametrize("address", ["tcp://host:1", "tls://10.0.0.1:8786", "tcp://[::1]:8786"])
def test_addresses(client, address):
    with cluster.cluster_pool(address, "cpu"):
        pass


def test_a_worker_ends_the_jobs_of_the_sweep_each_once_and_nothing_else():
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    children = [subprocess.Popen([*program, word]) for word in ("ours", "other", "asked")]
    ours, other, asked = children
    try:
        commands = [[*program, "ours"], [*program, "asked"]]
        worker = SimpleNamespace(address="tcp://worker:1")
        before = {worker.address: [asked.pid], "tcp://another:1": [ours.pid]}
        assert set(cluster._end_jobs(commands, before, worker)) == {ours.pid, asked.pid}
        assert ours.wait(timeout=20) == -15
        assert (other.poll(), asked.poll()) == (None, None)
        assert cluster._end_jobs(commands, before, worker) == [asked.pid]
    finally:
        for child in children:
            child.kill()
            child.wait()
