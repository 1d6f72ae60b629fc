"""Hostile pickles, as data and as snapshots: none is executed, each is one sentence."""

import hashlib
import io
import json
import pickle
import zipfile

import chainer
import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.training.snapshots import Snapshots
from tests.faults import runs
from tests.faults.hostile import hostile_pickles


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
        (name, _archive(offer.manifest, _object_array(content)))
        for name, content in all_refused.small_pickles
    ]
    all_refused("hostile pickle within a snapshot", pickles, offer, *offer.words)


def test_archives_that_are_no_snapshots(all_refused, offer):
    archives = _archives(offer.manifest)
    all_refused("archive that is no snapshot", archives, offer, *offer.words)


def _object_array(content):
    """The form NumPy gives an array of Python objects in a file: a header and a pickle."""
    head = io.BytesIO()
    form = {"descr": "|O", "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(head, form)
    return head.getvalue() + content


def _npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _archive(manifest, *arrays, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("manifest.npy", _npy(np.asarray(json.dumps(manifest))))
        archive.writestr("none.npy", _npy(np.asarray("[]")))
        for number, array in enumerate(arrays):
            archive.writestr(f"array{number}.npy", array)
    return file.getvalue()


def _archives(manifest):
    whole = _archive(manifest, _npy(np.zeros(3)))
    yield "without the run's state", whole
    yield "an empty archive", _zip({})
    yield "an array alone", _npy(np.zeros(3))
    yield "no manifest", _zip({"a.npy": _npy(np.zeros(3))})
    for text in ("", "null", "[]", "{", "NaN", '"a"', "[" * 100_000):
        members = {"manifest.npy": _npy(np.asarray(text)), "none.npy": _npy(np.asarray("[]"))}
        yield f"the manifest {text[:9]}", _zip(members)
        members = {"manifest.npy": _npy(np.asarray(json.dumps(manifest)))}
        yield f"the nones {text[:9]}", _zip({**members, "none.npy": _npy(np.asarray(text))})
    yield "another run's", _archive({**manifest, "seed": 1, "units": "many"}, _npy(np.zeros(3)))
    head = _npy(np.zeros(3))
    yield (
        "a shape of 2^62",
        _archive(manifest, head.replace(b"(3,), }", b"(4611686018427387904,), }")),
    )
    yield "a negative shape", _archive(manifest, head.replace(b"(3,), }", b"(-3,), }"))
    yield "code for a header", _archive(manifest, head.replace(b"(3,), }", b"().__class__, }"))
    yield "a type there is not", _archive(manifest, head.replace(b"<f8", b"<z8"))
    yield "an array cut off", _archive(manifest, head[:-9])
    for at in range(0, len(whole), 29):  # the checksum is right, the archive damaged
        yield f"byte {at} inverted", whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
    yield from _broken_compression(manifest)


def _broken_compression(manifest):
    array = _npy(np.zeros(1000))
    for name in ("DEFLATED", "BZIP2", "LZMA"):
        whole = _archive(manifest, array, compression=getattr(zipfile, f"ZIP_{name}"))
        for at in range(0, len(whole), 53):
            spoilt = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
            yield f"{name.lower()}, byte {at} inverted", spoilt


def _zip(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
