"""A lock that keeps two processes off one run."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from experiments.system.console import print_safely
from experiments.system.paths import shown
from experiments.system.storage import StorageError, remove
from grustab.errors import GrustabError

#: How far the run is, by whoever holds its lock.
PROGRESS = "progress.json"
#: Exit code of a process that cannot have a run because another process has it.
LOCKED = 75
#: Seconds until we can see a name that another process wrote at the same moment.
SETTLED = 1.0


class LockedError(GrustabError):
    """Another process has the run."""


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; the system releases it when the process dies.

    The file ``.lock`` names who holds it. Where the file system offers no locks, that name alone
    keeps others off. The name of a dead process of this host is overwritten. That of a process of
    another host is not, as nobody can tell from here whether it is dead.

    Raises:
        LockedError: If another process holds it.
        StorageError: If the folder cannot be written.
    """
    path = folder / ".lock"
    name = (
        f"{os.getpid()}\n{os.uname().nodename}\n{_numbering()}\n{secrets.token_hex(8)}\n".encode()
    )
    file = None
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            _acquire(file, path, name)
        except OSError as error:
            raise StorageError(f"{shown(path)}: cannot be written: {error.strerror}") from None
        # What a process left that was killed is not this one's.
        remove([folder / PROGRESS])
        try:
            yield
        finally:
            with suppress(OSError):
                if path.read_bytes() == name:
                    os.truncate(path, 0)
    finally:
        if file is not None:
            with suppress(OSError):
                os.close(file)


def _acquire(file: int, path: Path, name: bytes) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _locked(path) from None
    except OSError as error:  # ENOSYS, ENOLCK, EOPNOTSUPP, ...: not offered, no reason not to run
        _acquire_by_name(file, path, name)
        print_safely(
            f"note: {shown(path)} cannot be locked ({error.strerror}), only the name in it keeps "
            "other processes off this run"
        )
    else:
        with suppress(OSError):  # the lock holds without it
            _write_name(file, name)


def _write_name(file: int, name: bytes) -> None:
    os.truncate(file, 0)
    if os.pwrite(file, name, 0) < len(name):  # a full disk: no name is better than half of one
        os.truncate(file, 0)


def _acquire_by_name(file: int, path: Path, name: bytes) -> None:
    """Write our name where no living process has its own, and see whether it stays."""
    advice = f"; if that process is gone, remove {shown(path)}"
    if not _is_free(path):
        raise _locked(path, advice)
    _write_name(file, name)
    time.sleep(SETTLED)
    if path.read_bytes() != name:
        raise _locked(path, advice)


def _is_free(path: Path) -> bool:
    """Whether a file names nobody, or a process of this host that is dead."""
    process, host, numbering = _holder(path)
    if host != os.uname().nodename or process < 1 or numbering not in ("", _numbering()):
        return not path.stat().st_size
    if process == os.getpid():  # the number of a dead one, given once more
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # another user's; no number of a process
        pass
    return False


def _numbering() -> str:
    """Which numbering of processes is ours: two containers on one host may both begin at 1."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _holder(path: Path) -> tuple[int, str, str]:
    """Process, host and numbering that a file names; 0 and nothing if it does not."""
    with suppress(OSError, ValueError):
        with open(path, "rb") as file:
            process, host, numbering, *_ = [*file.read(1000).decode().split("\n"), ""]
        # An earlier version, and filelock, have something else in the third line.
        return int(process), host, numbering if numbering.startswith("pid:") else ""
    return 0, "", ""


def _locked(path: Path, advice: str = "") -> LockedError:
    process, host, _ = _holder(path)
    who = f"process {process} on {host}" if process else "another process"
    with suppress(OSError):
        began = path.stat().st_mtime
        hours = max(time.time() - began, 0) / 3600
        who += time.strftime(" since %Y-%m-%d %H:%M", time.localtime(began)) + f" ({hours:.1f} h)"
    return LockedError(f"{shown(path.parent)}: this run is being done by {who}{advice}")
