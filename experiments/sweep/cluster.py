"""Runs of a sweep on the workers of a Dask cluster that is there already."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import cloudpickle
from distributed import Client

from experiments.sweep import job as job_module
from experiments.sweep.job import Job, run_job
from grustab.errors import GrustabError


class ClusterError(GrustabError):
    """The cluster cannot be used."""


@contextmanager
def cluster_pool(address: str, device: str) -> Iterator[tuple[Any, Any]]:
    """What starts a job on a cluster, and what asks all running ones to end.

    A lost worker's job goes to another one, where it resumes from its snapshot. Workers need the
    same file system with the same paths, and nothing installed beside Dask itself: a job is a
    process of this checkout's Python.

    Args:
        address: Of the scheduler, ``tcp://HOST:PORT``.
        device: ``cpu``, or the number of a GPU as each worker counts them.

    Raises:
        ClusterError: If no scheduler answers.
    """
    try:
        client = Client(address, timeout=10, name="grustab", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"--scheduler {address}: cannot be reached ({reason}), expected the address of a "
            "running Dask scheduler such as tcp://HOST:8786"
        ) from None
    # The functions travel by value, so that workers need not import this package.
    cloudpickle.register_pickle_by_value(job_module)
    try:
        executor = client.get_executor(pure=False)

        def start(job: Job) -> Future:
            return executor.submit(run_job, job.on(device))

        asked: list[bool] = []

        def stop() -> None:
            if not asked:
                asked.append(True)
                client.run(_end_children)

        yield start, stop
    finally:
        cloudpickle.unregister_pickle_by_value(job_module)
        client.close()


def _end_children() -> None:
    """Ask the jobs of a worker to save a snapshot and end."""
    import psutil

    for child in psutil.Process().children():
        if "experiments" in child.cmdline():
            child.terminate()
