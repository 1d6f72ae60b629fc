"""A lock that keeps two processes off one run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.files import StorageError
from experiments.paths import shown
from grustab.errors import GrustabError

#: How far the run is, by whoever holds its lock.
PROGRESS = "progress.json"
#: What the process exits with that another one keeps off a run.
LOCKED = 75


class LockedError(GrustabError):
    """Another process has the run."""


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; the system releases it when the process dies.

    Raises:
        LockedError: If another process holds it.
        StorageError: If the folder cannot be written.
    """
    path = folder / ".lock"
    lock = FileLock(path, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise LockedError(f"{shown(folder)}: this run is being done by {_holder(folder)}") from None
    except OSError as error:
        raise StorageError(f"{shown(path)}: cannot be written: {error.strerror}") from None
    try:
        # What a process left that was killed is not this one's.
        with suppress(OSError):
            (folder / PROGRESS).unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return str(json.loads((folder / PROGRESS).read_text())["process"])
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun
        return "another process"
