"""Hostile pickles, as data and as snapshots: none is executed, each is one sentence."""

import hashlib
import pickle

import chainer
import pytest

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.training.snapshots import Snapshots
from tests.faults import runs
from tests.faults.hostile import archive, hostile_archives, hostile_pickles, object_array


def test_the_payloads_are_real(tmp_path):
    """The reader of the standard library does execute them."""
    mark = tmp_path / "executed"
    executed = 0
    for name, content in hostile_pickles(mark):
        if not name.startswith(("os.system, ", "eval, ", "exec, ", "open, ")):
            continue
        pickle.loads(content)
        assert mark.exists(), name
        mark.unlink()
        executed += 1
    assert executed >= 24


@pytest.fixture
def all_refused(call, check_refusal, tally, tmp_path):
    """Check that a command refuses all it is offered and executes none of it."""
    mark = tmp_path / "executed"

    def check(fault, inputs, offer, *words):
        problems = []
        for name, content in inputs:
            offer(content)
            ended = call(*words)
            problems += check_refusal(fault, name, ended)
            tally(fault).count("payloads executed", mark.exists())
            if mark.exists():
                problems.append(f"{name}: executed")
                mark.unlink()
        assert not problems, "\n".join(problems)

    check.pickles = list(hostile_pickles(mark))
    # The larger ones are the same to NumPy as the others.
    check.small_pickles = [(name, c) for name, c in check.pickles if len(c) < 2**20]
    return check


def test_as_tunes(all_refused, config, tmp_path, monkeypatch):
    monkeypatch.setenv("GRUSTAB_DATA", str(tmp_path))
    words = [config("music"), "--cell", runs.CELL, "--out", tmp_path / "out"]
    words += ["--set", "dataset=nottingham_pickle"]
    offer = (tmp_path / "Nottingham.pickle").write_bytes
    all_refused("hostile pickle as tunes", all_refused.pickles, offer, "run", *words)


@pytest.fixture
def offer(config, small_data, tmp_path):
    """Put a snapshot there whose name has the right checksum."""
    cell = load_config(str(config("short"))).cell(runs.CELL)
    spec = RunSpec(cell, 0, tmp_path / "out")
    folder = spec.folder
    folder.mkdir(parents=True)

    def put(content):
        for path in folder.glob("snapshot-*"):
            path.unlink()
        digest = hashlib.sha256(content).hexdigest()
        (folder / f"snapshot-00000007-{digest[:16]}.npz").write_bytes(content)

    put.words = ["run", config("short"), "--cell", runs.CELL, "--out", tmp_path / "out"]
    put.manifest = Snapshots(spec, chainer.get_device("@numpy")).manifest
    return put


def test_as_snapshots(all_refused, offer):
    pickles = all_refused.small_pickles
    all_refused("hostile pickle as a snapshot", pickles, offer, *offer.words)


def test_within_snapshots(all_refused, offer):
    pickles = [
        (name, archive(offer.manifest, object_array(content)))
        for name, content in all_refused.small_pickles
    ]
    all_refused("hostile pickle within a snapshot", pickles, offer, *offer.words)


def test_archives_that_are_no_snapshots(all_refused, offer):
    archives = hostile_archives(offer.manifest)
    all_refused("archive that is no snapshot", archives, offer, *offer.words)
