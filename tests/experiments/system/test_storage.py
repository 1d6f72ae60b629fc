"""What writing a file asks of a file system."""

import errno
import os

import pytest

from experiments.system import storage as files
from experiments.system.storage import write_file


def test_a_file_system_that_offers_little_takes_a_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EINVAL, "Invalid argument")

    for step in ("fsync", "chmod", "fchmod", "utime", "link", "symlink"):
        monkeypatch.setattr(files.os, step, refuse)
    write_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_who_may_read_a_file_is_what_the_umask_says(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_file(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask
