"""Find a data file, or download it: checked, resumable, and whole or not at all."""

import errno
import fcntl
import hashlib
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from grustab.datasets.transfer import TransferError, receive
from grustab.errors import DataError

VARIABLE = "GRUSTAB_DATA"
"""Environment variable that names the folder of the data files."""

_RESUMES = 3


@dataclass(frozen=True)
class RemoteFile:
    """A file that public addresses serve.

    Attributes:
        dataset: The data set it belongs to, as ``scripts/fetch_data.sh`` names it.
        name: Its name in the folder.
        urls: ``http`` or ``https`` addresses, tried in this order.
        size: Length in bytes, None where it is not known.
        sha256: SHA-256 in hexadecimal.  None only where nobody could get a copy to compute it
            from; who reads such a file must not trust it.
    """

    dataset: str
    name: str
    urls: tuple[str, ...]
    size: int | None
    sha256: str | None


def obtain(file: RemoteFile, directory: str | PathLike[str] | None = None) -> Path:
    """Give the path of a data file whose checksum has just been compared.

    Args:
        file: Which file.
        directory: Folder to look in, by default the one that the environment variable
            ``GRUSTAB_DATA`` names.  Nothing is downloaded into such a folder.  Where neither is
            set the user's cache is used, and a file that is missing there is downloaded.

    Raises:
        DataError: If the file is missing in the folder, has the wrong checksum, or cannot be
            downloaded.
    """
    if directory is None and not os.environ.get(VARIABLE):
        return download(file, default_folder())
    folder = default_folder() if directory is None else Path(directory)
    path = folder / file.name
    if not path.is_file():
        raise DataError(
            f"{file.name} is not in the folder {folder}, run {_command(file, folder)} to download "
            f"it there, or unset {VARIABLE} to use the cache"
        )
    _check(path, file)
    return path


def given(path: str) -> Path:
    """Give a path as a person names it: ``~`` is a home folder, also where no shell has seen it."""
    return Path(os.path.expanduser(path))


def default_folder() -> Path:
    """Give the folder that ``GRUSTAB_DATA`` names, or else the user's cache.

    That is ``$XDG_CACHE_HOME/grustab``, by default ``~/.cache/grustab``.

    Raises:
        DataError: If the home folder is needed and not known.
    """
    try:
        if named := os.environ.get(VARIABLE):
            return given(named)
        cache = given(os.environ.get("XDG_CACHE_HOME", ""))
        # The XDG specification has relative paths ignored.
        return (cache if cache.is_absolute() else Path.home() / ".cache") / "grustab"
    except RuntimeError as error:
        raise DataError(
            f"your home folder is not known, set {VARIABLE} to a folder for the data files"
        ) from error


def download(file: RemoteFile, folder: Path) -> Path:
    """Download a file into a folder, unless it is there already.

    What has arrived is kept as ``NAME.part`` until all of it is there and its checksum is right;
    a transfer that broke goes on from there the next time.  Processes that download the same file
    at once wait for each other.

    Raises:
        DataError: If a file of this name but with another checksum is there, if no address serves
            the file, or if the folder cannot be written to.
    """
    path = folder / file.name
    if path.is_file():
        _check(path, file)
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(path.with_name(f"{path.name}.part")) as part:
            # Another process may have finished it while this one waited.
            if not path.is_file():
                _fill(part, file)
                _publish(part, path)
    except OSError as error:
        raise DataError(
            f"{file.name} cannot be stored in {folder} ({error.strerror or error}), make room or "
            f"choose another folder with scripts/fetch_data.sh --dir DIR and {VARIABLE}=DIR"
        ) from error
    _check(path, file)
    return path


@contextmanager
def _exclusive(path: Path) -> Iterator[BinaryIO]:
    """Open the unfinished file for this process alone; leave it behind only if it holds bytes."""
    told = False
    while True:
        part = open(path, "a+b")
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                print(f"waiting for another process, which writes {path}", file=sys.stderr)
            told = True
            with suppress(OSError):
                fcntl.flock(part, fcntl.LOCK_EX)
        except OSError:
            # Some network file systems have no locks.  The checksum still guards the result there.
            break
        # The process waited for may have renamed or deleted the file that is now locked.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(part.fileno()), os.stat(path)):
                break
        part.close()
    with part:
        try:
            yield part
        finally:
            with suppress(OSError):
                if os.fstat(part.fileno()).st_size == 0:
                    os.unlink(path)


def _fill(part: BinaryIO, file: RemoteFile) -> None:
    """Receive all of a file from the first address that serves it."""
    failures = []
    for url in file.urls:
        try:
            _fill_from(url, part, file)
            return
        except TransferError as error:
            failures.append(f"{url}: {error}")
    raise DataError(
        f"{file.name} could not be downloaded ({'; '.join(failures)}), try again, or place the "
        f"file in a folder of yours and set {VARIABLE} to that folder"
    )


def _fill_from(url: str, part: BinaryIO, file: RemoteFile) -> None:
    for resumes_left in reversed(range(_RESUMES)):
        start = part.seek(0, os.SEEK_END)
        try:
            if file.size is None or start != file.size:
                receive(url, part, file.name, file.size)
        except TransferError:
            if resumes_left and part.seek(0, os.SEEK_END) > start:
                continue
            raise
        found = _digest(part)
        if file.sha256 is None or found == file.sha256:
            return
        part.truncate(0)
        # The bytes of an earlier transfer may be what was wrong: try once from the beginning.
        if not start:
            break
    raise TransferError(f"SHA-256 {found[:12]}... where {file.sha256[:12]}... was expected")


def _publish(part: BinaryIO, path: Path) -> None:
    part.flush()
    try:
        os.fsync(part.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):  # not offered
            raise
    os.replace(part.name, path)
    # Not every file system lets a folder be synchronised; the rename itself is done.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _check(path: Path, file: RemoteFile) -> None:
    if file.sha256 is None:
        return
    try:
        with open(path, "rb") as opened:
            found = _digest(opened)
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}), check its permissions") from error
    if found != file.sha256:
        raise DataError(
            f"{path} is not the known file (SHA-256 {found[:12]}... where {file.sha256[:12]}... "
            f"was expected), delete it and run {_command(file, path.parent)} to get the known one"
        )


def _command(file: RemoteFile, folder: Path) -> str:
    return f"scripts/fetch_data.sh --dir {shlex.quote(str(folder))} {file.dataset}"


def _digest(opened: BinaryIO) -> str:
    opened.seek(0)
    return hashlib.file_digest(opened, "sha256").hexdigest()
