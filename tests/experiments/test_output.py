"""What a run says, where nobody can take it."""

import json
import os
import sys
from contextlib import suppress
from unittest.mock import Mock

import pytest

from experiments.cli import main
from experiments.sweep.display import Display
from experiments.system.storage import StorageError
from experiments.training.snapshots import SnapshotExtension
from tests.experiments.checks import find_files, start_command

needs_dev_full = pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="no device that is always full"
)


@needs_dev_full
@pytest.mark.parametrize("buffering", [1, -1])  # found at the first line, or at the end
def test_a_list_that_nobody_takes_is_said_to_be_lost(tmp_path, monkeypatch, capsys, buffering):
    with open("/dev/full", "w", buffering) as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["list", "demo", "--out", str(tmp_path)]) == 3
        with suppress(OSError):
            full.close()
    assert capsys.readouterr().err == (
        "error: standard output cannot be written: No space left on device\n"
    )


@needs_dev_full
def test_what_a_full_disk_does_not_take_does_not_end_a_sweep(monkeypatch):
    full = open("/dev/full", "w", 1)
    with Display([], "cpu") as display:
        monkeypatch.setattr(sys, "stdout", full)
        display.say("sgd/none seed 0: completed")
    with suppress(OSError):
        full.close()


@pytest.mark.parametrize(
    "taker", [pytest.param("full disk", marks=needs_dev_full), "reader that leaves"]
)
def test_a_log_that_nobody_takes_does_not_end_a_run(tmp_path, taker):
    words = "run demo --cell sgd/clipping_5 --max-iterations 3 --set units=8 --out".split()
    if taker == "full disk":
        with open("/dev/full", "w") as full:
            process = start_command(*words, tmp_path, stdout=full)
    else:
        process = start_command(*words, tmp_path)
        assert process.stdout.readline().startswith("demo sgd/clipping_5")
        process.stdout.close()
        process.stdout = None
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    (path,) = find_files(tmp_path, "result.json")
    assert json.loads(open(path).read())["iterations"] == 3


def test_a_snapshot_that_cannot_be_written_or_told_of_does_not_end_a_run(monkeypatch):
    full = Mock()
    full.write.side_effect = full.flush.side_effect = OSError(28, "No space left on device")
    snapshots = Mock()
    snapshots.write.side_effect = StorageError("no room")
    monkeypatch.setattr(sys, "stdout", full)
    SnapshotExtension(snapshots, Mock(), 0.0)()
    snapshots.write.assert_called_once()
