"""Runs on data of your own."""

import pickle

import pytest

from experiments.config.load import load_config
from experiments.training.data import load_dataset

SENTENCES = "the cat sat on the mat\na dog ran\n" * 60
TEXT = {"dataset": "text", "path": "mine"}


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A folder ``mine`` of texts, and tunes, beside the config; another folder is the current."""
    (tmp_path / "mine").mkdir()
    for name in ("train", "valid", "test"):
        (tmp_path / "mine" / f"{name}.txt").write_text(SENTENCES)
    tune = [[21 + i % 7, 60] for i in range(30)]
    tunes = {name: [tune, tune[:20]] for name in ("train", "valid", "test")}
    (tmp_path / "tunes.pickle").write_bytes(pickle.dumps(tunes))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "mine"


@pytest.mark.parametrize(("kind", "symbols"), [("text", 10), ("tunes", 88)])
def test_a_run_on_it(tiny, tiny_music, run, call, out, kind, symbols, monkeypatch, mine):
    monkeypatch.chdir(mine.parent)
    path = tiny(**TEXT) if kind == "text" else tiny_music(dataset="tunes", path="tunes.pickle")
    result, said, _ = run(path)
    assert (result["status"], result["n_symbols"]) == ("completed", symbols)
    assert "rough estimate: unknown" in said
    sha256 = result["conditions"]["data_sha256"]
    assert len(sha256) == 64 and sha256 in call("table", path, "--out", out)[1]
    assert "time unknown" in call("list", path, "--out", out)[1]
    words = ("--set", f"dataset={kind}", f"path={result['conditions']['path']}", "--out", out)
    path = tiny() if kind == "text" else tiny_music()
    assert sha256 in call("table", path, *words)[1]


def test_a_path_is_from_the_configs_folder_and_with_set_from_the_current_one(tiny, mine):
    cell = load_config(tiny(**TEXT)).cell("sgd/none")
    assert cell.conditions.path == str(mine)
    same = cell.override(["path=../mine"])
    assert same == cell
    other = load_config(tiny()).cell("sgd/none").override(["dataset=text", "path=../mine"])
    assert other.overrides["path"] == str(mine)  # a run of a sweep has another current folder
    assert other.conditions.digest() == cell.conditions.digest()
    assert load_dataset(other.conditions).vocabulary[:2] == ["the", "cat"]


def test_results_of_other_data_never_meet(tiny, mine):
    digests = []
    for text in (SENTENCES, "a cat\n" * 40, SENTENCES):
        (mine / "test.txt").write_text(text)
        digests.append(load_config(tiny(**TEXT)).cell("sgd/none").conditions.digest())
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"dataset": "text"}, "dataset 'text' or 'tunes' needs path"),
        ({"path": "mine"}, "to others belong neither path nor data_sha256"),
        ({"dataset": "text", "path": "none"}, "expected a folder with train.txt, valid.txt"),
        ({"dataset": "tunes", "path": "tunes.pickle"}, "does not fit task 'language'"),
        ({**TEXT, "path": "a\0b"}, "key 'path': expected a path"),
        ({**TEXT, "path": 3}, "key 'path'"),
        ({**TEXT, "data_sha256": "0"}, "not that of key 'data_sha256', '0'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_sentence(tiny, refused, settings, expected):
    assert expected in refused("list", tiny(**settings))
