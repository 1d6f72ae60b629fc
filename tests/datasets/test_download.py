"""Finding and downloading data files, against a real server on this machine."""

import hashlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from grustab.datasets import download as module
from grustab.datasets import fetch, transfer
from grustab.datasets.download import RemoteFile, download, obtain
from grustab.errors import DataError

CONTENT = bytes(range(256)) * 2000
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serve CONTENT in the manner that the path names; note each request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        manner = self.path.removeprefix("/")
        if manner == "missing":
            return self.send_error(404)
        if manner == "redirect-to-file":
            return self.answer(302, b"", Location="file:///etc/hostname")
        if manner == "redirect":
            return self.answer(302, b"", Location="/whole")
        if manner == "wrong":
            return self.answer(200, b"?" * len(CONTENT))
        if manner == "login-page":
            return self.answer(200, b"<html>")
        if manner == "endless":
            return self.answer(200, CONTENT + b"more", length=None)
        if manner == "silent":
            self.server.stop.wait(5)
            return None
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        if manner == "no-range" or not asked:
            start = 0
        if start >= len(CONTENT):
            return self.send_error(416)
        if manner == "other-range" and asked:
            body, headers = CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/*"}
            return self.answer(206, body, **headers)
        end = len(CONTENT)
        if manner == "breaks" or (manner == "breaks-once" and len(self.server.requests) == 1):
            end = start + 100_000
        headers = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
        length = None if manner == "no-length" else len(CONTENT) - start
        if manner == "slow":
            end = start
        self.answer(206 if start else 200, CONTENT[start:end], length, **(headers if start else {}))
        if manner == "slow":
            for at in range(start, SIZE, SIZE // 10):
                self.wfile.write(CONTENT[at : at + SIZE // 10])
                self.server.stop.wait(0.1)

    def answer(self, status, body, length: int | None = -1, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *args):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Stay quiet about clients that hang up."""


@pytest.fixture
def server():
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.requests = []
        running.stop = threading.Event()
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.stop.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in ("GRUSTAB_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def remote(server):
    def make(*manners, size=SIZE, sha256=SHA256):
        urls = tuple(m if ":" in m else f"{server.url}/{m}" for m in manners)
        return RemoteFile("ptb", "data.bin", urls, size, sha256)

    return make


def _unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _assert_whole(path, folder):
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in folder.iterdir()] == ["data.bin"]


def _assert_one_sentence(error):
    message = str(error.value)
    assert "\n" not in message
    assert "data.bin" in message


@pytest.mark.parametrize("manner", ["whole", "redirect", "no-length", "breaks-once", "no-range"])
def test_download(remote, tmp_path, manner):
    folder = tmp_path / "made" / "on demand"
    _assert_whole(download(remote(manner), folder), folder)


def test_a_file_that_is_there_is_not_asked_for(remote, server, tmp_path):
    download(remote("whole"), tmp_path)
    download(remote("whole"), tmp_path)
    assert len(server.requests) == 1


def test_next_address_after_a_failure(remote, server, tmp_path):
    nobody = f"http://127.0.0.1:{_unused_port()}/"
    file = remote("missing", "wrong", "login-page", "endless", nobody, "whole")
    path = download(file, tmp_path / "new")
    _assert_whole(path, tmp_path / "new")
    assert server.requests[-1] == ("/whole", None)


@pytest.mark.parametrize(
    ("manner", "asked"),
    [("whole", [f"bytes={1000}-"]), ("no-range", ["bytes=1000-"])],
)
def test_goes_on_where_it_stopped(remote, server, tmp_path, manner, asked):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "data.bin.part").write_bytes(CONTENT[:1000])
    _assert_whole(download(remote(manner), folder), folder)
    assert [range_ for _, range_ in server.requests] == asked


@pytest.mark.parametrize("beginning", [b"?" * 1000, b"?" * len(CONTENT), CONTENT + b"?", b""])
def test_wrong_beginning_is_thrown_away(remote, tmp_path, beginning):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "data.bin.part").write_bytes(beginning)
    _assert_whole(download(remote("whole"), folder), folder)


def test_complete_part_needs_no_network(remote, server, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "data.bin.part").write_bytes(CONTENT)
    _assert_whole(download(remote("whole"), folder), folder)
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
    _assert_one_sentence(error)
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
    _assert_one_sentence(error)
    assert "set GRUSTAB_DATA" in str(error.value)
    assert list(folder.iterdir()) == []


def test_no_server_lists_what_was_tried(remote, tmp_path):
    urls = [f"http://127.0.0.1:{_unused_port()}/{k}" for k in range(2)]
    with pytest.raises(DataError) as error:
        download(remote(*urls), tmp_path)
    _assert_one_sentence(error)
    for url in urls:
        assert f"{url}: Connection refused" in str(error.value)


def test_silent_server(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    with pytest.raises(DataError, match="no answer within"):
        download(remote("silent"), tmp_path)


def test_unknown_size_and_checksum(remote, tmp_path, monkeypatch):
    for manner in ("whole", "no-length"):
        folder = tmp_path / manner
        _assert_whole(download(remote(manner, size=None, sha256=None), folder), folder)
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
    _assert_whole(download(remote("whole"), tmp_path / "new"), tmp_path / "new")


_PROGRAM = """
import resource, sys
from pathlib import Path
from grustab.datasets.download import RemoteFile, download
from grustab.errors import DataError
url, size, sha256, folder, limit = sys.argv[1:]
if limit != "none":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    download(RemoteFile("ptb", "data.bin", (url,), int(size), sha256), Path(folder))
except DataError as error:
    sys.exit(str(error))
"""


def _start(url, folder, limit="none"):
    root = Path(module.__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, url, str(SIZE), SHA256, str(folder), limit],
        env=os.environ | {"PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_several_processes_at_once(server, tmp_path):
    folder = tmp_path / "shared"
    work = [_start(f"{server.url}/slow", folder) for _ in range(3)]
    for process in work:
        assert process.communicate(timeout=30) == (None, "")
        assert process.returncode == 0
    _assert_whole(folder / "data.bin", folder)
    assert len(server.requests) == 1


def test_killed_and_started_again(remote, server, tmp_path):
    folder = tmp_path / "new"
    part = folder / "data.bin.part"
    with _start(f"{server.url}/slow", folder) as process:
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    arrived = part.stat().st_size
    assert not (folder / "data.bin").exists()
    _assert_whole(download(remote("whole"), folder), folder)
    assert server.requests[-1] == ("/whole", f"bytes={arrived}-")


def test_disk_too_small(server, tmp_path):
    # The limit on the size of files stands in for a full disk.
    process = _start(f"{server.url}/whole", tmp_path / "new", limit="100000")
    message = process.communicate(timeout=30)[1]
    assert process.returncode == 1
    assert message.startswith("data.bin cannot be stored in ")
    assert "File too large" in message
    assert message.count("\n") == 1
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["data.bin.part"]


def test_folder_that_cannot_be_written(remote, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be stored in .*file.*choose") as error:
        download(remote("whole"), tmp_path / "file" / "inner")
    _assert_one_sentence(error)


# --- obtain: which folder


def test_obtain_downloads_into_the_cache(remote, tmp_path):
    path = obtain(remote("whole"))
    assert path == tmp_path / "cache" / "grustab" / "data.bin"
    assert path.read_bytes() == CONTENT


def test_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.default_folder() == tmp_path / ".cache" / "grustab"


@pytest.mark.parametrize("by_variable", [True, False])
def test_obtain_from_a_folder(remote, server, tmp_path, monkeypatch, by_variable):
    folder = tmp_path / "my data"
    directory = folder
    if by_variable:
        monkeypatch.setenv("GRUSTAB_DATA", str(folder))
        directory = None
    for _ in range(2):
        with pytest.raises(DataError, match=r"not in the folder .*my data.*fetch_data") as error:
            obtain(remote("whole"), directory)
        _assert_one_sentence(error)
        folder.mkdir(exist_ok=True)
    (folder / "data.bin").write_bytes(CONTENT)
    assert obtain(remote("whole"), directory) == folder / "data.bin"
    assert server.requests == []


def test_damaged_file_is_refused_and_kept(remote, server, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"damaged")
    found = hashlib.sha256(b"damaged").hexdigest()
    for get in (obtain, download):
        with pytest.raises(DataError, match=f"{found[:12]}.*{SHA256[:12]}.*delete it") as error:
            get(remote("whole"), tmp_path)
        _assert_one_sentence(error)
    assert (tmp_path / "data.bin").read_bytes() == b"damaged"
    assert server.requests == []


# --- the command behind scripts/fetch_data.sh


def test_fetch_says_what_it_does(remote, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "FILES", (remote("whole"),))
    for listed in ("data.bin (0.5 MB)", "nothing"):
        assert fetch.main(["--dir", str(tmp_path / "a b"), "ptb"]) == 0
        output = capsys.readouterr().out
        assert f"To download into {tmp_path / 'a b'}: {listed}" in output
        assert "All there: data.bin" in output


def test_fetch_errors(remote, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "FILES", (remote("missing"),))
    assert fetch.main(["--dir", str(tmp_path), "ptb"]) == 2
    assert fetch.main(["--dir", str(tmp_path), "mnist"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert "HTTP status 404" in errors[0]
    assert "'mnist'" in errors[1]


def test_fetch_interrupted(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "fetch_all", interrupt)
    assert fetch.main([]) == 130
    assert "start it again" in capsys.readouterr().err


def test_addresses_are_pinned():
    for file in fetch.FILES:
        for url in file.urls:
            assert re.match(r"https?://", url)
            assert file.sha256 is None or re.search(r"/[0-9a-f]{40}/", url)
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)


# --- scripts/fetch_data.sh


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A copy of the script in a place with a space, with stand-ins for set-up and Python."""
    monkeypatch.delenv("GRUSTAB_VENV", raising=False)
    root = tmp_path / "the project"
    (root / "scripts").mkdir(parents=True)
    (root / ".venv" / "bin").mkdir(parents=True)
    original = Path(module.__file__).parents[2] / "scripts" / "fetch_data.sh"
    copy = shutil.copy(original, root / "scripts")
    for name, text in (("scripts/setup.sh", "echo set up"), (".venv/bin/python", _PRINT)):
        (root / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (root / name).chmod(0o755)

    def run(*arguments):
        return subprocess.run(
            ["bash", copy, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=10
        )

    return run


_PRINT = """printf '[%s]' "$@" """


def test_script_passes_arguments_on(script):
    for arguments, passed in (
        ([], ""),
        (["--dir", "a b", "ptb"], "[--dir][a b][ptb]"),
        (["--dir=a b", "ptb", "nottingham"], "[--dir][a b][ptb][nottingham]"),
    ):
        result = script(*arguments)
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"set up\n[-P][-m][grustab.datasets.fetch]{passed}"


def test_script_help(script):
    result = script("--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")
    assert "set up" not in result.stdout


@pytest.mark.parametrize("arguments", [["mnist"], ["--dir"], ["--dir", ""], ["--what"]])
def test_script_errors(script, arguments):
    result = script(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_script_after_failed_set_up(script, tmp_path):
    (tmp_path / "the project" / "scripts" / "setup.sh").write_text("#!/bin/sh\nexit 2\n")
    result = script("ptb")
    assert (result.returncode, result.stdout) == (2, "")


def test_script_uses_the_environment_named(script, tmp_path, monkeypatch):
    (tmp_path / "the project" / ".venv").rename(tmp_path / "other venv")
    for name in ("other venv", str(tmp_path / "other venv")):
        monkeypatch.setenv("GRUSTAB_VENV", name)
        assert script("ptb").returncode == 0
