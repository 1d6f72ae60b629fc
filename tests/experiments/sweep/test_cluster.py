"""A sweep on a real Dask cluster, of a scheduler and two workers on this machine."""

import signal
import subprocess
import sys

import pytest

from tests.experiments.checks import (
    alive,
    check_complete,
    children,
    find_files,
    training_processes,
    wait_until,
)
from tests.experiments.sweep.common import ENDLESS, FAST, read

pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")  # which it needs
# One cluster serves them all.
pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Address of the scheduler, and the workers."""
    # Not a folder of the checkout: workers cannot import this package.
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


def test_a_signal_ends_the_runs_on_the_cluster_with_a_snapshot_each(cluster, tiny, start, b):
    process = start(tiny(**ENDLESS), "--seeds", "0", "--scheduler", cluster[0])
    running = wait_until(lambda: len(r := training_processes(b)) == 2 and r)
    parents = {psutil.Process(pid).ppid() for pid in running.values()}
    assert parents == {worker.pid for worker in cluster[1]}
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert not any(alive(pid) for pid in running.values())
    for folder in running:
        assert len(find_files(folder, "snapshot-*.npz")) == 1
    assert len(read(b)) == 2  # the third was not begun
    assert not any(children(worker) for worker in cluster[1])


def test_a_lost_workers_run_goes_on_at_another_one(cluster, tiny, start, b):
    words = ("--cells", "sgd/none", "--snapshot-interval", "0", "--scheduler", cluster[0])
    process = start(tiny(**{**FAST, "epochs": 3}), *words)
    folder, pid = next(iter(wait_until(lambda: training_processes(b)).items()))
    wait_until(lambda: find_files(folder, "snapshot-*"))
    (worker,) = [worker for worker in cluster[1] if worker.pid == psutil.Process(pid).ppid()]
    worker.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    results = read(b)
    assert set(results) == {("sgd/none", 0), ("sgd/none", 1)}
    for (_, seed), result in results.items():
        check_complete(result)
        assert result["status"] == "completed"
        assert f"sgd/none seed {seed}: completed after 102 iterations" in out
    resumed = [session["iteration"] for result in results.values() for session in result["resumed"]]
    assert len(resumed) == 1
    assert resumed[0] > 0
    assert not alive(pid)
    assert not any(children(other) for other in cluster[1])
