"""Runs of a sweep on the workers of a Dask cluster that is there already."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from experiments.sweep.job import Job, run_job
from grustab.errors import GrustabError

try:
    from distributed import Client
except ModuleNotFoundError as error:
    MISSING = error.name
else:
    MISSING = None

#: Seconds in which a scheduler has to answer.
TIMEOUT = 10.0
#: Protocol, host (a name, or an address, in brackets where it has colons), port.
ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://([\w.-]+|\[[\da-fA-F:.]+\]):\d+", re.ASCII)


class ClusterError(GrustabError):
    """A cluster cannot be used."""


@contextmanager
def cluster_pool(address: str, device: str) -> Iterator[tuple[Any, Any]]:
    """What starts a job on a cluster, and what asks all running ones to end.

    A lost worker's job goes to another one, where it resumes from its snapshot. Scheduler
    and workers run from this checkout's environment, on the same file system with the same paths.
    Each worker counts its GPUs by itself.

    Raises:
        ClusterError: If Dask is not installed, that is no address, or no scheduler answers.
    """
    if MISSING:
        raise ClusterError(
            f"--scheduler needs the package {MISSING}, which is not installed: "
            "pip install -r requirements-cluster.txt"
        )
    wanted = "expected the address of a running Dask scheduler such as tcp://HOST:8786"
    if not ADDRESS.fullmatch(address):
        raise ClusterError(f"--scheduler {address}: not an address, {wanted}")
    try:
        client = Client(address, timeout=TIMEOUT, name="grustab", set_as_default=False)
    except Exception as error:  # of many types
        reason, *_ = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterError(
            f"--scheduler {address}: cannot be reached ({reason}), {wanted}"
        ) from None
    try:
        executor = client.get_executor(pure=False)
        commands: list[list[str]] = []
        asked: dict[str, list[int]] = {}

        def start(job: Job) -> Future:
            job = job.on(device)
            commands.append(job.command)
            return executor.submit(run_job, job)

        def stop() -> None:
            while True:
                living = client.run(_end_jobs, commands, asked, on_error="ignore")
                for worker, pids in living.items():
                    asked[worker] = [*asked.get(worker, []), *pids]
                if not any(living.values()):
                    return
                time.sleep(0.3)

        yield start, stop
    finally:
        client.close()


def _end_jobs(
    commands: list[list[str]], asked: dict[str, list[int]], dask_worker: Any
) -> list[int]:
    """Ask each job of a worker, once, to save a snapshot and end; gives those that still run."""
    import psutil

    living = []
    for child in psutil.Process().children():
        try:
            if child.cmdline() not in commands:
                continue
            living.append(child.pid)
            if child.pid not in asked.get(dask_worker.address, []):
                child.terminate()
        except psutil.Error:  # it has just ended
            continue
    return living
