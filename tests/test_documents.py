"""What the README files show, and the examples, as they stand."""

import json
import re
import runpy
from pathlib import Path

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


def run_code_of(name):
    """Run the first Python of a document; gives its names."""
    text = (ROOT / name).read_text(encoding="utf-8")
    names = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], names)
    return names


def test_the_example_on_the_front_page_runs():
    assert run_code_of("README.md")["sigma_1"] <= 1.8 * (1 + 1e-5)


def test_results_are_read_as_documented(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert len(run_code_of("experiments/README.md")["curve"]["epoch"]) == 5
    said = capsys.readouterr().out.strip()
    assert f"  # {said}\n" in (ROOT / "experiments/README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(monkeypatch):
    """Run an example with a command line; a ``{root}`` in it may hold blanks."""

    def run(command):
        words = [word.format(root=ROOT) for word in command.split()]
        monkeypatch.setattr("sys.argv", words)
        runpy.run_path(str(ROOT / "experiments/examples" / words[0]), run_name="__main__")

    return run


@pytest.mark.parametrize(("command", "sentence"), [
    ("train_ptb.py --test --delta 3", "--delta: expected a number between 0 and 2"),
    ("train_text.py README.md --epoch 0", "--epoch: expected at least 1"),
    ("train_text.py nowhere", "nowhere: expected a file in UTF-8"),
    ("train_text.py {root}/setup.py", "expected 2000 characters or more"),
])  # fmt: skip
def test_bad_input_is_one_sentence(example, capsys, command, sentence):
    with pytest.raises(SystemExit, match="2"):
        example(command)
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_train_ptb_runs_on_made_up_words(example, tmp_path):
    example(f"train_ptb.py --test --epoch 1 --batchsize 100 --out {tmp_path}")
    (entry,) = json.loads((tmp_path / "log").read_text())
    assert entry["projection/gru/sigma_bound"] <= 1.8 * (1 + 1e-5)
    assert "validation/main/perplexity" in entry


def test_train_text_goes_on_to_where_it_would_have_come(example, tmp_path, monkeypatch, capsys):
    logs = []
    for folder, epochs in (("a", [2]), ("b", [1, 2])):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        for epoch in epochs:
            example(f"train_text.py {{root}}/README.md --epoch {epoch}")
        (path,) = Path("runs/train_text").glob("*/log")
        log = json.loads(path.read_text())
        logs.append([{k: entry[k] for k in entry if "time" not in k} for entry in log])
    assert logs[0] == logs[1]
    assert logs[0][1]["spectrum/gru/1/sigma_1"] <= 1.8 * (1 + 1e-5)
    capsys.readouterr()
    example("train_text.py {root}/README.md --epoch 2")
    assert capsys.readouterr().out.startswith("epoch 2 done; runs")
    example("train_text.py {root}/configs/README.md --epoch 1")  # another text begins anew
