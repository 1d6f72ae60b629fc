"""Files are written whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from experiments.paths import shown
from grustab.errors import GrustabError

#: How the name of a file begins that is being written.
PARTIAL = ".partial-"


class StorageError(GrustabError):
    """A folder or a disk does not take a file: no room, read-only, or not ours to write."""


def check_writable(path: Path) -> None:
    """Find out before a long run, not after it, whether its result can be written.

    Raises:
        StorageError: If the folder of ``path`` cannot be made or does not take a file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise StorageError(f"{shown(path)}: cannot be written: {error.strerror}") from None


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all, on disk when this returns.

    Raises:
        StorageError: If the folder or the disk does not take it.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PARTIAL, delete=False) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        raise StorageError(f"{shown(path)}: cannot be written: {error.strerror}") from None


def remove_partial_files(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote; nobody may be writing there."""
    for path in folder.glob(f"{PARTIAL}*"):
        with suppress(OSError):
            path.unlink()
