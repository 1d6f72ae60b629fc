"""Snapshots of something else are refused."""

import json

import numpy as np
import pytest

from experiments.config.conditions import Conditions
from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.common import arrays, npz, sign, snapshots

pytestmark = pytest.mark.usefixtures("small_data")

SETTINGS = {"layers": 2, "dropout": 0.5, "dropout_after": ["gru"], "threshold": 5.0}


@pytest.mark.parametrize(
    ("there", "said"),
    [
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
        ({"format": 2}, "version of this program (format: 2 there, 3 here)"),
    ],
    ids=str,
)
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


@pytest.mark.parametrize("change", ["lacks", "other shape"])
def test_a_snapshot_that_does_not_fit_is_refused(stopped, refusal, change):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    key = next(key for key in state if key.endswith("/W") and state[key].ndim == 2)
    if change == "lacks":
        del state[key]
    else:
        state[key] = np.zeros((3, 5), np.float32)
    path = sign(path, npz(state))
    assert f"{path}: does not fit this version (" in refusal()
    assert path.exists()
