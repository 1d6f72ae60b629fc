"""Find a data file, or download it: its checksum compared each time, whole or not at all."""

import hashlib
import io
import os
import shlex
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

from tqdm import tqdm

from grustab.errors import DataError

VARIABLE = "GRUSTAB_DATA"
"""Environment variable that names the folder of the data files."""

MAX_BYTES = 64 * 2**20
"""Most bytes taken from an address, whatever it sends."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that public addresses serve.

    Attributes:
        dataset: The data set it belongs to, as ``scripts/fetch_data.sh`` names it.
        name: Its name in the folder.
        urls: ``http`` or ``https`` addresses, tried in this order.
        size: Length in bytes.
        sha256: SHA-256 in hexadecimal.
    """

    dataset: str
    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


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
    if not os.path.isfile(path):
        other = f", or unset {VARIABLE} to use the cache" if directory is None else ""
        raise DataError(
            f"{file.name} is not in the folder {folder}, run {_command(file, folder)} to download "
            f"it there{other}"
        )
    _check(path, file)
    return path


def default_folder() -> Path:
    """Give the folder that ``GRUSTAB_DATA`` names, or else the user's cache.

    Raises:
        DataError: If the home folder is needed and not known.
    """
    if named := os.environ.get(VARIABLE):
        return Path(os.path.expanduser(named))
    import pooch  # here because it takes longer than reading the data does

    try:
        return pooch.os_cache("grustab")
    except RuntimeError as error:
        raise DataError(
            f"your home folder is not known, set {VARIABLE} to a folder for the data files"
        ) from error


def download(file: RemoteFile, folder: Path) -> Path:
    """Download a file into a folder, unless it is there already.

    The addresses are tried in turn.  What arrives has another name until all of it is there and its
    checksum is right, so several processes can download the same file at once.

    Raises:
        DataError: If a file of this name but with another checksum is there, if no address serves
            the file, or if the folder cannot be written to.
    """
    path = folder / file.name
    if os.path.isfile(path):
        _check(path, file)
        return path
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    receive = partial(_receive, file)
    failures = []
    for url in file.urls:
        try:
            pooch.retrieve(url, file.sha256, file.name, folder, downloader=receive)
            return path
        except (requests.RequestException, ValueError) as error:
            failures.append(f"{url}: {_reason(error)}")
        except OSError as error:
            raise DataError(
                f"{file.name} cannot be stored in {folder} ({error.strerror or 'no permission'}), "
                "make room or choose another folder with scripts/fetch_data.sh --dir DIR and "
                f"{VARIABLE}=DIR"
            ) from error
    raise DataError(
        f"{file.name} could not be downloaded ({'; '.join(failures)}), check the network and "
        f"try again, or put the file into a folder and set {VARIABLE} to that folder"
    )


class _Limited(io.BufferedWriter):
    def write(self, block: bytes) -> int:
        if self.tell() + len(block) > MAX_BYTES:
            raise ValueError("too many bytes")
        return super().write(block)


def _receive(file: RemoteFile, url: str, output: str, _: None) -> None:
    from pooch import HTTPDownloader

    os.unlink(output)  # It is for its owner alone; the next one is for whom the umask says.
    # disable=None: no bar in a log file.
    bar = tqdm(desc=file.name, total=file.size, unit="B", unit_scale=True, disable=None)
    with _Limited(open(output, "xb", buffering=0)) as opened, bar:
        # identity: what the server calls the length is that of the file.
        HTTPDownloader(bar, 2**16, headers={"Accept-Encoding": "identity"})(url, opened, None)


def _reason(error: Exception) -> str:
    import requests

    if (response := getattr(error, "response", None)) is not None:
        return f"HTTP status {response.status_code}"
    reasons = {
        requests.Timeout: "no answer in time",
        requests.exceptions.SSLError: "no connection that can be trusted",
        requests.ConnectionError: "no connection",
        requests.exceptions.ChunkedEncodingError: "the transfer broke off",
    }
    known = (text for kind, text in reasons.items() if isinstance(error, kind))
    other = "not the known file" if isinstance(error, ValueError) else "no usable answer"
    return next(known, other)


def _check(path: Path, file: RemoteFile) -> None:
    if (found := sha256_of(path)) != file.sha256:
        raise DataError(
            f"{path} is not the known file (SHA-256 {found[:12]}... where {file.sha256[:12]}... "
            f"was expected), move it away and run {_command(file, path.parent)} for the known one"
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; a DataError says that it cannot be read."""
    try:
        with open(path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}), check its permissions") from error


def _command(file: RemoteFile, folder: Path) -> str:
    return f"scripts/fetch_data.sh --dir {shlex.quote(str(folder))} {file.dataset}"
