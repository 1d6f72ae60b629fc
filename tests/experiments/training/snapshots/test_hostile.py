"""Hostile snapshots are refused, and nothing of theirs is executed."""

import io
import json
import pickle

import numpy as np
import pytest

from tests.experiments.training.snapshots.common import arrays, npz, sign, snapshots
from tests.hostile import Reduced, hostile_archives

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.mark.parametrize("where", ["a new key", "a key of ours", "the manifest", "no npz at all"])
def test_a_pickle_is_refused_and_not_executed(stopped, refusal, tmp_path, where):
    (path,) = snapshots(stopped(20))
    trace = tmp_path / "executed"
    state, evil = arrays(path), Reduced(open, (str(trace), "w"))
    key = {
        "a key of ours": next(key for key in state if key.endswith("/W")),
        "the manifest": "manifest",
    }.get(where, "evil")
    state[key] = np.array([evil], dtype=object)
    content = npz(state) if where != "no npz at all" else pickle.dumps(evil)
    np.load(io.BytesIO(content), allow_pickle=True)[key] if where != "no npz at all" else None
    assert trace.exists() == (where != "no npz at all")  # the payload does what it says
    trace.unlink(missing_ok=True)
    path = sign(path, content)
    sentence = refusal()
    assert f"{path}: not a snapshot of this program, delete it or run with --force" in sentence
    assert not trace.exists()
    assert path.exists()


def test_what_is_no_snapshot_is_refused_in_one_sentence(stopped, refusal):
    (path,) = snapshots(stopped(20))
    manifest = json.loads(str(arrays(path)["manifest"]))
    archives = [*hostile_archives(manifest), ("nothing", b""), ("text", b"no snapshot\n")]
    for name, content in archives:
        path = sign(path, content)
        assert str(path) in refusal(), name
        assert path.exists(), name
    assert len(archives) > 60
