"""The examples run as they stand, and cap what they train."""

import json
import runpy
from pathlib import Path

import numpy as np

import experiments

EXAMPLES = Path(experiments.__file__).parent / "examples"
CAP = 1.8 * (1 + 1e-5)


def test_quick_start_runs():
    names = runpy.run_path(str(EXAMPLES / "quick_start.py"))
    assert np.linalg.norm(names["model"].gru.W_hh.astype(np.float64), 2) <= CAP


def test_train_ptb_runs_on_made_up_words(monkeypatch, tmp_path):
    command = f"train_ptb.py --test --epoch 1 --batchsize 100 --out {tmp_path}"
    monkeypatch.setattr("sys.argv", command.split())
    runpy.run_path(str(EXAMPLES / "train_ptb.py"), run_name="__main__")
    (entry,) = json.loads((tmp_path / "log").read_text())
    assert entry["projection/gru/sigma_bound"] <= CAP
    assert "validation/main/perplexity" in entry
