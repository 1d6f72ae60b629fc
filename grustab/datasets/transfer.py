"""Receive one file over HTTP, going on where an earlier transfer stopped."""

import http
import http.client
import os
import socket
import urllib.error
import urllib.request
from typing import BinaryIO

from tqdm import tqdm

from grustab.text import printable

TIMEOUT = 30.0
"""Seconds without any answer after which a transfer counts as broken."""

MAX_BYTES = 64 * 2**20
"""Most bytes received of a file whose size is not known."""

_BLOCK = 2**16


class TransferError(Exception):
    """An address did not serve the file; the message says why in a few words."""


def receive(url: str, part: BinaryIO, name: str, size: int | None) -> None:
    """Append to a file what it still lacks.

    Shows a progress bar with the time left on standard error, if that is a terminal.

    Args:
        url: An ``http`` or ``https`` address.
        part: File open for appending that holds the first bytes, or none.  It is emptied if the
            server sends the file from its beginning.
        name: What the progress bar calls the file.
        size: Length of the whole file in bytes, None where it is not known.

    Raises:
        TransferError: If the address cannot be reached, does not serve the file, serves one of
            another size, or the transfer breaks; what has arrived stays in ``part``.
        OSError: If ``part`` cannot be written.
    """
    start = part.seek(0, os.SEEK_END)
    try:
        response = _open(url, start)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.truncate(0)
            return receive(url, part, name, size)
        raise TransferError(f"HTTP status {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(_reason(error)) from error
    with response:
        anew = response.status == http.HTTPStatus.OK
        if anew:
            start = 0
        elif not _goes_on(response, start):
            raise TransferError(f"HTTP status {response.status} with another part of the file")
        announced = _announced(response, start)
        most = MAX_BYTES if size is None else size
        if announced is not None and (announced > most or size not in (None, announced)):
            raise TransferError(f"a file of {announced} bytes where {size or most} were expected")
        # Only now, so that the error page of one address does not cost what another one sent.
        if anew:
            part.truncate(0)
        total = announced if size is None else size
        # disable=None: no bar in a log file.
        with tqdm(
            desc=name, total=total, initial=start, unit="B", unit_scale=True, disable=None
        ) as bar:
            _copy(response, part, bar, most - start)
    arrived = part.seek(0, os.SEEK_END)
    if total is not None and arrived != total:
        raise TransferError(f"the transfer broke off after {arrived} of {total} bytes")


def _open(url: str, start: int) -> http.client.HTTPResponse:
    # Of all handlers only those for HTTP, so that no redirect can lead to ftp: or file:.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    headers = {"User-Agent": "grustab", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _goes_on(response: http.client.HTTPResponse, start: int) -> bool:
    """Tell whether a partial answer begins where the file on disk ends."""
    content_range = response.headers.get("Content-Range", "")
    return (
        start > 0
        and response.status == http.HTTPStatus.PARTIAL_CONTENT
        and content_range.startswith(f"bytes {start}-")
    )


def _announced(response: http.client.HTTPResponse, start: int) -> int | None:
    """Give the length of the whole file that the answer promises, if it does."""
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() and len(length) < 20 else None


def _copy(response: http.client.HTTPResponse, part: BinaryIO, bar: tqdm, most: int) -> None:
    while True:
        try:
            block = response.read1(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise TransferError(f"the transfer broke off ({_reason(error)})") from error
        if not block:
            return
        most -= len(block)
        if most < 0:
            part.truncate(0)
            raise TransferError("more bytes than expected")
        part.write(block)
        bar.update(len(block))


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(cause, socket.gaierror):
        return "no network, or the name is not known"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return printable(text, 100)  # some of it may be what the server sent
