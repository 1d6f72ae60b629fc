"""The example runs as it stands, and caps what it trains."""

import json
import runpy

import pytest

from experiments.system.paths import ROOT


def test_a_bad_delta_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", "train_ptb.py --test --delta 3".split())
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(ROOT / "experiments/examples/train_ptb.py"), run_name="__main__")
    assert capsys.readouterr().err.endswith("--delta: expected a number between 0 and 2\n")


def test_train_ptb_runs_on_made_up_words(monkeypatch, tmp_path):
    command = f"train_ptb.py --test --epoch 1 --batchsize 100 --out {tmp_path}"
    monkeypatch.setattr("sys.argv", command.split())
    runpy.run_path(str(ROOT / "experiments/examples/train_ptb.py"), run_name="__main__")
    (entry,) = json.loads((tmp_path / "log").read_text())
    assert entry["projection/gru/sigma_bound"] <= 1.8 * (1 + 1e-5)
    assert "validation/main/perplexity" in entry
