"""Downloads side by side, killed, and on a full disk."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grustab.datasets import download as module
from grustab.datasets.download import download
from grustab.errors import DataError
from tests.datasets.server import SHA256, SIZE, assert_one_sentence, assert_whole

pytestmark = pytest.mark.usefixtures("clean_environment")


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
    waiting = f"waiting for another process, which writes {folder / 'data.bin.part'}\n"
    for process in work:
        assert process.communicate(timeout=30)[1] in ("", waiting)
        assert process.returncode == 0
    assert_whole(folder / "data.bin", folder)
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
    assert_whole(download(remote("whole"), folder), folder)
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
    assert_one_sentence(error)
