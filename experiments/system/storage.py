"""Files are written whole or not at all."""

import errno
import os
import secrets
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from experiments.system.paths import shown
from grustab.errors import GrustabError

#: How the name of a file that is being written begins.
PARTIAL = ".partial-"
#: Errors of a file system that does not offer an operation.
NOT_OFFERED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


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
    """Write a file whole or not at all; if the system offers that, it is on disk on return.

    Raises:
        StorageError: If the folder or the disk does not take it.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not by tempfile, which would shut out all others, whatever the person's umask is.
        with open(path.parent / f"{PARTIAL}{os.getpid()}-{secrets.token_hex(8)}", "xb") as file:
            temporary = file.name
            file.write(content)
            file.flush()
            try:
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno not in NOT_OFFERED:
                    raise
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        raise StorageError(f"{shown(path)}: cannot be written: {error.strerror}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all, and say where it is."""
    write_file(path, text.encode())
    print(f"written: {shown(path)}")


def remove(paths: Iterable[Path]) -> None:
    """Remove files, if they are there and can be."""
    for path in paths:
        with suppress(OSError):
            path.unlink()
