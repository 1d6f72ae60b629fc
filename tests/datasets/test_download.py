"""Downloading data files, against a real server on this machine."""

import errno
import fcntl
import os

import pytest

from grustab.datasets import transfer
from grustab.datasets.download import download
from grustab.errors import DataError
from tests.datasets.server import (
    CONTENT,
    RAW,
    SHA256,
    SIZE,
    assert_one_sentence,
    assert_whole,
    unused_port,
)

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize("manner", ["whole", "redirect", "no-length", "breaks-once", "no-range"])
def test_download(remote, tmp_path, manner):
    folder = tmp_path / "made" / "on demand"
    assert_whole(download(remote(manner), folder), folder)


def test_a_file_that_is_there_is_not_asked_for(remote, server, tmp_path):
    download(remote("whole"), tmp_path)
    download(remote("whole"), tmp_path)
    assert len(server.requests) == 1


def test_next_address_after_a_failure(remote, server, tmp_path):
    nobody = f"http://127.0.0.1:{unused_port()}/"
    file = remote("missing", "wrong", "login-page", "endless", nobody, "whole")
    path = download(file, tmp_path / "new")
    assert_whole(path, tmp_path / "new")
    assert server.requests[-1] == ("/whole", None)


@pytest.mark.parametrize(
    ("manner", "asked"),
    [("whole", [f"bytes={1000}-"]), ("no-range", ["bytes=1000-"])],
)
def test_goes_on_where_it_stopped(remote, server, tmp_path, manner, asked):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "data.bin.part").write_bytes(CONTENT[:1000])
    assert_whole(download(remote(manner), folder), folder)
    assert [range_ for _, range_ in server.requests] == asked


@pytest.mark.parametrize("beginning", [b"?" * 1000, b"?" * len(CONTENT), CONTENT + b"?", b""])
def test_wrong_beginning_is_thrown_away(remote, tmp_path, beginning):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "data.bin.part").write_bytes(beginning)
    assert_whole(download(remote("whole"), folder), folder)


@pytest.mark.parametrize("refused", ["flock", "fsync"])
def test_a_file_system_that_offers_little_takes_a_file(remote, tmp_path, monkeypatch, refused):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr({"flock": fcntl, "fsync": os}[refused], refused, refuse)
    assert_whole(download(remote("whole"), tmp_path / "new"), tmp_path / "new")


def test_complete_part_needs_no_network(remote, server, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "data.bin.part").write_bytes(CONTENT)
    assert_whole(download(remote("whole"), folder), folder)
    assert server.requests == []


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("other-range", "another part of the file"),
        ("login-page", "6 bytes"),
        ("missing", "404"),
        ("redirect-to-file", "file"),
    ],
)
def test_useless_answers_do_not_cost_what_is_there(remote, tmp_path, manner, reason):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DataError, match=reason):
        download(remote(manner), tmp_path)
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:1000]


def test_broken_transfer_is_kept_for_later(remote, tmp_path, server):
    with pytest.raises(DataError, match="broke off after 300000 of 512000 bytes") as error:
        download(remote("breaks"), tmp_path)
    assert_one_sentence(error)
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:300_000]
    server.requests.clear()
    download(remote("whole"), tmp_path)
    assert server.requests == [("/whole", "bytes=300000-")]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("missing", "HTTP status 404"),
        ("wrong", f"SHA-256 .* where {SHA256[:12]}"),
        ("login-page", "a file of 6 bytes where 512000 were expected"),
        ("endless", "more bytes than expected"),
        ("redirect-to-file", "file"),
        ("file:///etc/hostname", "unknown url type: file"),
        ("ftp://127.0.0.1/data.bin", "unknown url type: ftp"),
        ("http://127.0.0.1:99999/", "."),
        ("http://[/", "."),
    ],
)
def test_failures_leave_nothing_behind(remote, tmp_path, manner, reason):
    folder = tmp_path / "new"
    with pytest.raises(DataError, match=reason) as error:
        download(remote(manner), folder)
    assert_one_sentence(error)
    assert "set GRUSTAB_DATA" in str(error.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("manner", RAW)
def test_whatever_a_server_sends_is_one_printable_sentence(remote, tmp_path, manner):
    for size in (SIZE, None):
        with pytest.raises(DataError) as error:
            download(remote(manner, size=size), tmp_path)
        assert_one_sentence(error)
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 600


def test_no_server_lists_what_was_tried(remote, tmp_path):
    urls = [f"http://127.0.0.1:{unused_port()}/{k}" for k in range(2)]
    with pytest.raises(DataError) as error:
        download(remote(*urls), tmp_path)
    assert_one_sentence(error)
    for url in urls:
        assert f"{url}: Connection refused" in str(error.value)


def test_silent_server(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    with pytest.raises(DataError, match="no answer within"):
        download(remote("silent"), tmp_path)


def test_unknown_size_and_checksum(remote, tmp_path, monkeypatch):
    for manner in ("whole", "no-length"):
        folder = tmp_path / manner
        assert_whole(download(remote(manner, size=None, sha256=None), folder), folder)
    monkeypatch.setattr(transfer, "MAX_BYTES", 1000)
    for manner in ("whole", "no-length"):
        with pytest.raises(DataError, match="bytes"):
            download(remote(manner, size=None, sha256=None), tmp_path / "limited")


def test_interrupted_and_started_again(remote, tmp_path, monkeypatch):
    real = transfer.tqdm.update

    def interrupt(bar, count):
        real(bar, count)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transfer.tqdm, "update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            download(remote("whole"), tmp_path / "new")
    part = tmp_path / "new" / "data.bin.part"
    assert 0 < part.stat().st_size < len(CONTENT)
    assert_whole(download(remote("whole"), tmp_path / "new"), tmp_path / "new")
