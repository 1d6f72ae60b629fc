"""What a sweep asks of a Dask cluster, with a stand-in for its client."""

import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from experiments.sweep import cluster
from experiments.sweep.cluster import ClusterError
from experiments.sweep.job import Job

pytest.importorskip("distributed", reason="Dask is not installed")
JOB = Job("sgd/none seed 0", ["python", "-m", "experiments"], "/", "/nowhere", None)


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
