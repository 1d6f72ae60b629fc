"""A full disk ends no run."""

import errno
import os

import pytest

import experiments.training.snapshots
from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.common import number, snapshots

pytestmark = pytest.mark.usefixtures("small_data")


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_the_earlier_snapshots_and_the_run_goes_on(
    stopped, go_on, whole, monkeypatch
):
    folder = stopped(10)
    write_file = experiments.training.snapshots.write_file

    def full(path, content):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", no_space)
            write_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(experiments.training.snapshots, "write_file", full)
        result, out = go_on("--max-iterations", "20", "--snapshot-interval", "0")
    assert (result["iterations"], result["stopped_by"]) == (20, "--max-iterations 20")
    assert out.count("warning: no snapshot, the earlier ones are kept: ") == 11
    assert "cannot be written: No space left on device" in out
    assert [number(path) for path in snapshots(folder)] == [10]
    assert not list(folder.glob(".partial*"))
    result, out = go_on()
    assert "resumed at iteration 10" in out
    assert timeless(result) == timeless(whole())


def test_a_disk_that_is_full_only_for_a_while_gets_the_next_snapshot(stopped, go_on, monkeypatch):
    folder = stopped(10)
    write_file = experiments.training.snapshots.write_file
    count = iter([True, True, False, True, False])

    def full_at_times(path, content):
        if next(count):
            raise experiments.system.storage.StorageError("full")
        write_file(path, content)

    monkeypatch.setattr(experiments.training.snapshots, "write_file", full_at_times)
    go_on("--max-iterations", "14", "--snapshot-interval", "0")
    assert [number(path) for path in snapshots(folder)] == [13, 14]


def test_a_disk_that_takes_nothing_at_all_is_exit_code_3(tiny, run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    _, _, err = run(tiny(), "sgd/none", "--max-iterations", "3", code=3)
    sentence = err.splitlines()[-1]
    assert "result.json: cannot be written: No space left on device" in sentence
    assert sentence.endswith("; this result could not be kept anywhere")


@pytest.mark.parametrize("words", [("run", "--cell", "sgd/none"), ("sweep",)], ids=str)
def test_a_folder_that_takes_no_file_is_refused_before_the_run(
    tiny, refused, never_run, out, monkeypatch, words
):
    monkeypatch.setattr("tempfile.TemporaryFile", no_space)
    command, *options = words
    sentence = refused(command, tiny(), *options, "--out", out, code=3)
    assert "cannot be written: No space left on device" in sentence
