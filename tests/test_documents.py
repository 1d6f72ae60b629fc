"""What the README files show, and the example, as they stand."""

import json
import re
import runpy

import pytest

from experiments.system.paths import ROOT

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for folder in (".", "configs", "experiments", "results", "results/*", "scripts")
    for path in ROOT.glob(f"{folder}/README.md")
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_that_are_there(name):
    path = ROOT / name
    links = re.findall(r'(?:\]\(|src=")(?!https?:|#)([^)"#]+)', path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_example_on_the_front_page_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(code, names)
    assert names["sigma_1"] <= 1.8 * (1 + 1e-5)


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
