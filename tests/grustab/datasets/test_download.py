"""Finding data files and downloading them, against a real server on this machine."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grustab.datasets import download as module
from grustab.datasets.download import default_folder, download, obtain
from grustab.errors import DataError
from tests.grustab.datasets.server import CONTENT, RAW, SHA256, SIZE

pytestmark = pytest.mark.usefixtures("clean_environment")


def _assert_whole(path, folder):
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in folder.iterdir()] == ["data.bin"]


def _refused(action, *words):
    """Check that it ends with one sentence that says these words."""
    with pytest.raises(DataError) as error:
        action()
    message = str(error.value)
    assert message.isprintable()
    assert len(message) < 600
    for word in ("data.bin", *words):
        assert word in message


@pytest.mark.parametrize("manner", ["whole", "redirect", "no-length"])
def test_download(remote, server, tmp_path, manner):
    folder = tmp_path / "made" / "on demand"
    umask = os.umask(0o027)
    try:
        path = download(remote(manner), folder)
    finally:
        os.umask(umask)
    _assert_whole(path, folder)
    assert path.stat().st_mode & 0o777 == 0o640
    server.requests.clear()
    assert download(remote(manner), folder) == path
    assert server.requests == []


def test_the_next_address_after_a_failure(remote, server, tmp_path, capfd):
    file = remote("missing", "wrong", "breaks", "http://127.0.0.1:1/", "whole")
    _assert_whole(download(file, tmp_path / "new"), tmp_path / "new")
    assert server.requests == ["missing", "wrong", "breaks", "whole"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("manner", "reason"), [
    ("missing", "HTTP status 404"),
    ("silent", "no answer in time"),
    ("breaks", "the transfer broke off"),
    ("wrong", "not the known file"),
    ("redirect-to-file", "not the known file"),
    ("file:///etc/hostname", "not the known file"),
    ("ftp://127.0.0.1/data.bin", "not the known file"),
    ("http://[/", "not the known file"),
    ("http://127.0.0.1:1/", "no connection"),
    *((manner, "") for manner in RAW),
])  # fmt: skip
def test_failures_leave_nothing_behind(remote, tmp_path, monkeypatch, manner, reason):
    if manner == "silent":
        monkeypatch.setattr("pooch.downloaders.DEFAULT_TIMEOUT", 0.2)
    file = remote(manner)
    _refused(lambda: download(file, tmp_path), file.urls[0], reason, "set GRUSTAB_DATA")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("trouble", "said"), [
    (OSError(errno.ENOSPC, "No space left"), "cannot be stored in "),
    (PermissionError("by pooch"), "(no permission)"),
    (ValueError("too many bytes"), "could not be downloaded"),
    (KeyboardInterrupt(), None),
], ids=str)  # fmt: skip
def test_trouble_on_the_way_leaves_nothing_behind(remote, tmp_path, monkeypatch, trouble, said):
    def write(*_):
        raise trouble

    monkeypatch.setattr(module._Limited, "write", write)
    if said:
        _refused(lambda: download(remote("whole"), tmp_path), said)
    else:
        with pytest.raises(KeyboardInterrupt):
            download(remote("whole"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_more_than_the_limit_is_taken(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", SIZE - 1)
    _refused(lambda: download(remote("no-length"), tmp_path), "not the known file")


def test_a_folder_that_cannot_be_made(remote, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "inner", tmp_path / ("a" * 300)):
        _refused(lambda folder=folder: download(remote("whole"), folder), "cannot be stored in")


_PROGRAM = """
import sys
from pathlib import Path
from grustab.datasets.download import RemoteFile, download
url, sha256, folder = sys.argv[1:]
download(RemoteFile("ptb", "data.bin", (url,), 1, sha256), Path(folder))
"""


def test_several_processes_at_once(server, tmp_path):
    words = [sys.executable, "-c", _PROGRAM, f"{server.url}/slow", SHA256, tmp_path / "shared"]
    environment = {**os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2])}
    for process in [subprocess.Popen(words, env=environment) for _ in range(3)]:
        assert process.wait(timeout=60) == 0
    _assert_whole(tmp_path / "shared" / "data.bin", tmp_path / "shared")


def test_the_cache_is_where_it_is_looked_for(remote, tmp_path, monkeypatch):
    assert obtain(remote("whole")) == tmp_path / "cache" / "grustab" / "data.bin"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says its specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder().parent == tmp_path / ".cache"


@pytest.mark.parametrize("by_variable", [True, False])
def test_obtain_from_a_folder(remote, server, tmp_path, monkeypatch, by_variable):
    folder = tmp_path / "my data"
    if by_variable:
        monkeypatch.setenv("GRUSTAB_DATA", str(folder))
    directory = None if by_variable else folder
    for _ in range(2):
        _refused(lambda: obtain(remote("whole"), directory), "not in the folder", "fetch_data.sh")
        folder.mkdir(exist_ok=True)
    (folder / "data.bin").write_bytes(CONTENT)
    assert obtain(remote("whole"), directory) == folder / "data.bin"
    assert server.requests == []


@pytest.mark.parametrize("get", [obtain, download])
def test_another_file_of_that_name_is_refused_and_kept(remote, server, tmp_path, get):
    (tmp_path / "data.bin").write_bytes(b"mine")
    path = str(tmp_path / "data.bin")
    _refused(lambda: get(remote("whole"), tmp_path), path, SHA256[:12], "move it away")
    assert (tmp_path / "data.bin").read_bytes() == b"mine"
    assert server.requests == []
