"""``sweep``: do all runs that are missing, several at a time, here or on a cluster."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from experiments.results.run_spec import RunSpec
from experiments.sweep.display import Display
from experiments.sweep.job import Job, run_job, stop_jobs
from experiments.sweep.plan import make_job
from experiments.system.lock import LOCKED

#: Seconds until the next try where another process has the run.
LOOK_AGAIN = 60.0


Start = Callable[[Job], Future]
Stop = Callable[[], None]


def run_sweep(
    runs: Sequence[RunSpec],
    jobs: int,
    devices: Sequence[str],
    snapshot_interval: float,
    scheduler: str | None,
) -> bool:
    """Do runs, each in a process of its own.

    GPUs are shared evenly among the jobs. On the cluster of a Dask scheduler all jobs take the
    first device, and its workers' threads decide how many go on at a time.

    Returns:
        Whether every run was done. One that diverged was.

    Raises:
        GrustabError: If the scheduler cannot be used.
        KeyboardInterrupt: After an interruption, when all runs have saved a snapshot and ended.
    """
    with _pool(scheduler, jobs, devices) as (start, stop), Display(runs, devices[0]) as display:
        futures: dict[Future, RunSpec] = {}

        def begin(run: RunSpec) -> None:
            futures[start(make_job(run, snapshot_interval))] = run

        try:
            for run in runs:
                begin(run)
            failed = _follow(futures, begin, display)
        except BaseException:  # whatever it is, no run goes on unseen
            display.say("stopping: every run saves a snapshot and ends; the same command goes on")
            for future in futures:
                future.cancel()
            stop()
            while wait(futures, timeout=0.5).not_done:
                stop()
            raise
    if failed:
        print(f"{len(failed)} of {len(runs)} runs failed: {', '.join(failed)}")
    return not failed


def _follow(
    futures: dict[Future, RunSpec], begin: Callable[[RunSpec], None], display: Display
) -> list[str]:
    """Wait for all runs; start again those that another process had. Gives the failed names."""
    failed: list[str] = []
    locked: list[tuple[float, RunSpec]] = []
    while futures or locked:
        if futures:
            done = wait(futures, timeout=1.0, return_when=FIRST_COMPLETED).done
        else:
            done = set()
            time.sleep(1.0)
        for future in [future for future in futures if future in done]:
            run = futures.pop(future)
            code, tail = _outcome(future)
            if code == LOCKED:
                locked.append((time.monotonic() + LOOK_AGAIN, run))
                display.waits(run, tail)
                continue
            display.ended(run, code, tail)
            if code != 0:
                failed.append(run.name)
        for due, run in list(locked):
            if time.monotonic() >= due:
                locked.remove((due, run))
                begin(run)
        display.refresh()
    return failed


def _outcome(future: Future) -> tuple[int | None, str]:
    try:
        return future.result()
    except CancelledError:  # by Dask
        return None, (
            "the scheduler was lost; what its workers have begun may go on there; "
            "the same command goes on"
        )
    except Exception as error:  # no such Python on the worker, a worker lost too often, ...
        return None, f"{type(error).__name__}: {error}"


@contextmanager
def _pool(scheduler: str | None, jobs: int, devices: Sequence[str]) -> Iterator[tuple[Start, Stop]]:
    """What starts a job, and what asks all running ones to end."""
    if scheduler is not None:
        from experiments.sweep.cluster import cluster_pool  # which few need

        with cluster_pool(scheduler, devices[0]) as pair:
            yield pair
        return
    free: queue.Queue[str] = queue.Queue()
    for number in range(jobs):
        free.put(devices[number % len(devices)])

    def on_a_free_device(job: Job) -> tuple[int, str]:
        device = free.get()
        try:
            return run_job(job.on(device))
        finally:
            free.put(device)

    with ThreadPoolExecutor(jobs) as executor:
        try:
            yield (lambda job: executor.submit(on_a_free_device, job)), stop_jobs
        finally:  # what an interruption let nobody keep track of
            executor.shutdown(wait=False, cancel_futures=True)
            stop_jobs()
