"""Hostile snapshots are refused, and nothing of theirs is executed."""

import io
import json
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest

from tests.experiments.training.snapshots.common import arrays, npz, sign, snapshots

pytestmark = pytest.mark.usefixtures("small_data")


class Evil:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("where", ["a new key", "a key of ours", "the manifest", "no npz at all"])
def test_a_pickle_is_refused_and_not_executed(stopped, refusal, tmp_path, where):
    (path,) = snapshots(stopped(20))
    trace = tmp_path / "executed"
    state = arrays(path)
    key = {
        "a key of ours": next(key for key in state if key.endswith("/W")),
        "the manifest": "manifest",
    }.get(where, "evil")
    state[key] = np.array([Evil(trace)], dtype=object)
    content = npz(state) if where != "no npz at all" else pickle.dumps(Evil(trace))
    np.load(io.BytesIO(content), allow_pickle=True)[key] if where != "no npz at all" else None
    assert trace.exists() == (where != "no npz at all")  # the payload does what it says
    trace.unlink(missing_ok=True)
    path = sign(path, content)
    sentence = refusal()
    assert f"{path}: not a snapshot of this program, delete it or run with --force" in sentence
    assert not trace.exists()
    assert path.exists()


def _zip(name="manifest.npy", content=b"", method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _npy(header, data=b""):
    header = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _deflated_badly():
    content = _zip(content=b"a" * 1000, method=zipfile.ZIP_DEFLATED)
    place = 30 + len("manifest.npy")
    return content[:place] + b"\xff" * 4 + content[place + 4 :]


def _with_flag(offset, value):
    """A bit pattern in both headers of a zip's only file."""
    content = bytearray(_zip(content=_npy("{}")))
    central = content.index(b"PK\x01\x02")
    content[offset], content[central + offset + 2] = value, value
    return bytes(content)


CONTENTS = {
    "empty": lambda: b"",
    "text": lambda: b"no snapshot at all\n",
    "zip without files": lambda: b"PK\x05\x06" + bytes(18),
    "other npz": lambda: npz({"a": np.zeros(3)}),
    "npy": lambda: _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
    "no arrays": lambda: _zip(content=b"text"),
    "bad header": lambda: _zip(content=_npy("{'descr': [[[, 'shape': 3}")),
    "bad deflate": _deflated_badly,
    "encrypted": lambda: _with_flag(6, 1),
    "unknown compression": lambda: _with_flag(8, 77),
    "manifest a list": lambda: npz({"manifest": "[]", "none": "[]"}),
    "manifest a number": lambda: npz({"manifest": "1", "none": "[]"}),
    "manifest no JSON": lambda: npz({"manifest": "{", "none": "[]"}),
    "manifest too deep": lambda: npz({"manifest": "[" * 200_000, "none": "[]"}),
    "none a number": lambda: npz({"manifest": "{}", "none": "1"}),
    "none of lists": lambda: npz({"manifest": "{}", "none": "[[]]"}),
    "none missing": lambda: npz({"manifest": "{}"}),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_snapshot_is_refused_in_one_sentence(stopped, refusal, content):
    (path,) = snapshots(stopped(20))
    path = sign(path, CONTENTS[content]())
    assert f"{path}: not a snapshot of this program" in refusal()
    assert path.exists()


def test_an_array_too_large_for_memory_is_one_sentence(stopped, refusal):
    (path,) = snapshots(stopped(20))
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 10000000)}"
    path = sign(path, _zip(content=_npy(huge)))
    assert refusal()
    assert path.exists()


@pytest.mark.parametrize("key", ["two\nlines", "k" * 5000])
def test_a_strange_manifest_makes_no_strange_sentence(stopped, refusal, key):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    state["manifest"] = json.dumps({**json.loads(str(state["manifest"])), key: key})
    sign(path, npz(state))
    assert "a snapshot of another run (" in refusal()  # one line, not too long
