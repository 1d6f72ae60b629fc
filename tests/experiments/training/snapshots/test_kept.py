"""How many snapshots there are, and when."""

import hashlib
import json

import pytest

import experiments.training.snapshots
from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.common import arrays, number, snapshots

pytestmark = pytest.mark.usefixtures("small_data")


def test_a_snapshot_holds_no_pickle(stopped):
    words = "stop_patience=1 schedule=plateau decay_after=1 decay_divisor=2".split()
    (path,) = snapshots(stopped(20, options=["--set", *words]))
    state = arrays(path)  # of which each was read without pickle
    assert len(state) > 20
    assert all(array.dtype != object for array in state.values())
    assert json.loads(str(state["manifest"]))["seed"] == 0
    assert path.stem.split("-")[-1] == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_two_are_kept_and_none_when_the_run_is_complete(stopped, go_on, whole, monkeypatch):
    folder = stopped(5, 10, 15)
    written = []
    write_file = experiments.training.snapshots.write_file

    def watched(path, content):
        write_file(path, content)
        written.append((number(path), len(snapshots(folder))))

    monkeypatch.setattr(experiments.training.snapshots, "write_file", watched)
    result, _ = go_on("--snapshot-interval", "0")
    assert [iteration for iteration, _ in written] == list(range(16, result["iterations"] + 1))
    assert {count for _, count in written} == {3}  # before the oldest goes
    assert timeless(result) == timeless(whole())
    assert {path.name for path in folder.iterdir()} <= {"result.json", "log", ".lock"}


def test_none_is_written_before_it_is_time(run, tiny, monkeypatch):
    monkeypatch.setattr(experiments.training.snapshots, "write_file", None)
    run(tiny(), "sgd/none", "--snapshot-interval", "1e6")


def test_force_begins_anew_and_removes_the_snapshots_before_it_writes_new_ones(stopped, go_on):
    folder = stopped(10, 20)
    _, out = go_on("--force", "--max-iterations", "5")
    assert "resumed" not in out
    assert [number(path) for path in snapshots(folder)] == [5]
