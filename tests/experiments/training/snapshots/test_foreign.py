"""Snapshots of something else are refused."""

import json
import shutil

import numpy as np
import pytest

from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.common import arrays, npz, sign, snapshots

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        (["--seed", "1"], ["seed: 0 there, 1 here"]),
        (["--set", "learning_rate=0.25"], ["learning_rate: 0.5 there, 0.25 here"]),
        (
            ["--set", "layers=2", "dropout=0.5", "dropout_after=[gru]"],
            ["dropout: 0.0 there, 0.5 here", 'dropout_after: [] there, ["gru"] here', "layers: 1"],
        ),
        (["--cell", "sgd/clipping_5"], ["threshold: null there, 5.0 here", "cell: ", "method: "]),
    ],
    ids=lambda value: value[-1],
)
def test_a_snapshot_of_another_run_is_refused(
    tiny, stopped, run, refusal, go_on, whole, tmp_path, options, differing
):
    (foreign,) = snapshots(stopped(20))
    out = ("--out", tmp_path / "b")
    run(tiny(), "sgd/none", "--max-iterations", "5", *out, *options)
    (folder,) = {path.parent for path in (tmp_path / "b").rglob("snap*")} - {foreign.parent}
    copy = shutil.copy2(foreign, folder)
    before = {path: path.read_bytes() for path in snapshots(folder)}
    sentence = refusal(*options)
    assert f"{copy}: a snapshot of another run (" in sentence
    for words in differing:
        assert words in sentence
    assert "batch_size" not in sentence
    assert {path: path.read_bytes() for path in snapshots(folder)} == before
    result, text = go_on("--force", *options)
    assert "resumed" not in text
    assert timeless(result) == timeless(whole(*options))


def test_a_snapshot_of_another_task_is_refused_in_a_readable_sentence(
    stopped, run, tiny_music, refusal, tmp_path
):
    folder = stopped(5)
    music = tiny_music(
        units=12, layers=2, optimizer="adam", learning_rate=0.01, epochs=7, monitor_interval=2
    )
    run(music, "sgd/projection_0.2", "--max-iterations", "9", "--out", tmp_path / "music")
    (foreign,) = (tmp_path / "music").rglob("snapshot-*")
    shutil.copy2(foreign, folder)
    assert 'task: "music" there, "language" here' in refusal()


@pytest.mark.parametrize("change", ["format", "lacks", "other shape"])
def test_a_snapshot_of_another_version_is_refused(stopped, refusal, change):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    key = next(key for key in state if key.endswith("/W") and state[key].ndim == 2)
    said = "does not fit this version ("
    if change == "format":
        state["manifest"] = json.dumps({**json.loads(str(state["manifest"])), "format": 2})
        said = "a snapshot of another version of this program (format: 2 there, 3 here)"
    elif change == "lacks":
        del state[key]
    else:
        state[key] = np.zeros((3, 5), np.float32)
    path = sign(path, npz(state))
    assert f"{path}: {said}" in refusal()
    assert path.exists()
