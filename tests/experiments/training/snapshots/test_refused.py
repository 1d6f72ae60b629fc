"""Snapshots of something else are refused, and nothing of hostile ones is executed."""

import hashlib
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from experiments.config.conditions import Conditions
from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.conftest import number, snapshots
from tests.hostile import Reduced

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture
def refusal(tiny, refused, tmp_path):
    """The sentence that the run is refused with."""
    return lambda: refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "b")


def sign(path, content):
    """Replace a snapshot by contents that its name's checksum is right for."""
    path.unlink()
    digest = hashlib.sha256(content).hexdigest()[:16]
    signed = path.with_name(f"snapshot-{number(path):08d}-{digest}.npz")
    signed.write_bytes(content)
    return signed


def arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def npz(state):
    content = io.BytesIO()
    np.savez(content, **state)
    return content.getvalue()


SETTINGS = {"layers": 2, "dropout": 0.5, "dropout_after": ["gru"], "threshold": 5.0}


@pytest.mark.parametrize(("there", "said"), [
    ({"seed": 1}, "run (seed: 1 there, 0 here)"),
    (
        SETTINGS,
        'run (layers: 2 there, 1 here; dropout: 0.5 there, 0.0 here; dropout_after: ["gru"] '
        "there, [] here; threshold: 5.0 there, null here)",
    ),
    (
        {**SETTINGS, "task": "music", "units": 12},
        'run (task: "music" there, "language" here; units: 12 there, 8 here; layers: 2 there, '
        "1 here; dropout: 0.5 there, 0.0 here and 2 more)",
    ),
    ({"format": 2}, "version of this program (format: 2 there, 4 here)"),
], ids=str)  # fmt: skip
def test_a_snapshot_of_another_run_or_version_is_refused(
    stopped, refusal, go_on, whole, there, said
):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    manifest = json.loads(str(state["manifest"]))
    keys = {"format", "config", "cell", "seed", *Conditions.model_fields}
    assert manifest.keys() == keys - {"path"}
    content = npz({**state, "manifest": json.dumps({**manifest, **there})})
    path = sign(path, content)
    assert f"{path}: a snapshot of another {said}" in refusal()
    assert path.read_bytes() == content
    result, text = go_on("--force")
    assert "resumed" not in text
    assert timeless(result) == timeless(whole())


def test_a_snapshot_that_does_not_fit_is_refused(stopped, refusal):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    key = next(key for key in state if key.endswith("/W") and state[key].ndim == 2)
    other_shape = {**state, key: np.zeros((3, 5), np.float32)}
    del state[key]
    for content in (state, other_shape):
        path = sign(path, npz(content))
        assert f"{path}: does not fit this version (" in refusal()
        assert path.exists()


def test_a_snapshot_holds_no_pickle(stopped):
    words = "stop_patience=1 schedule=plateau decay_after=1 decay_divisor=2".split()
    (path,) = snapshots(stopped(20, options=["--set", *words]))
    state = arrays(path)  # of which each was read without pickle
    assert len(state) > 20
    assert all(array.dtype != object for array in state.values())
    assert path.stem.split("-")[-1] == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_a_pickle_is_refused_and_not_executed(stopped, refusal, tmp_path):
    (path,) = snapshots(stopped(20))
    trace = tmp_path / "executed"
    state, evil = arrays(path), Reduced(open, (str(trace), "w"))
    contents = [pickle.dumps(evil)]
    for key in ("evil", next(key for key in state if key.endswith("/W")), "manifest"):
        contents.append(npz({**state, key: np.array([evil], dtype=object)}))
        np.load(io.BytesIO(contents[-1]), allow_pickle=True)[key]
        trace.unlink()  # the payload does what it says
    for content in contents:
        path = sign(path, content)
        sentence = refusal()
        assert f"{path}: not a snapshot of this program, delete it or run with --force" in sentence
        assert not trace.exists()
        assert path.exists()


def no_snapshots(state):
    """Contents by what is wrong with them, made from the arrays of a snapshot."""
    few = {"manifest": state["manifest"], "none": state["none"], "a": np.zeros(3)}
    whole, manifest = npz(few), json.loads(str(state["manifest"]))
    yield "without the run's state", whole
    yield "nothing", b""
    yield "no manifest", npz({"a": np.zeros(3)})
    for key in ("manifest", "none"):
        for text in ("", "null", "{", "[[]]", "[" * 200_000):
            yield f"the {key} {text[:9]}", npz({**few, key: text})
    for key in ("two\nlines", "k" * 5000):
        yield f"a key {key[:3]}", npz({**few, "manifest": json.dumps({**manifest, key: key})})
    for old, new in (
        *((b"(3,), }", shape + b", }") for shape in (b"(4611686018427387904,)", b"(-3,)")),
        *((b"(3,), }", b"(10000000, 10000000), }"), (b"<f8", b"<z8")),
    ):
        content = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as a, zipfile.ZipFile(content, "w") as b:
            for member in a.namelist():
                b.writestr(member, a.read(member).replace(old, new))
        yield f"{new!r} in an array", content.getvalue()
    for at, name in ((6, "encrypted"), (8, "of an unknown compression")):  # in both headers
        spoilt, central = bytearray(whole), whole.index(b"PK\x01\x02")
        spoilt[at] = spoilt[central + at + 2] = 77
        yield name, bytes(spoilt)
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **few)
    for archive in (whole, compressed.getvalue()):
        for at in range(0, len(archive), 97):  # the checksum is right, the archive damaged
            damaged = archive[:at] + bytes([archive[at] ^ 255]) + archive[at + 1 :]
            yield f"byte {at} inverted", damaged


def test_what_is_no_snapshot_is_refused_in_one_sentence(stopped, refusal):
    (path,) = snapshots(stopped(20))
    contents = [*no_snapshots(arrays(path))]
    assert len(contents) > 40
    for name, content in contents:
        path = sign(path, content)
        assert str(path) in refusal(), name
        assert path.exists(), name
