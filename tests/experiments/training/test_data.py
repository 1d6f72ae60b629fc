"""From conditions to model and data, your own too, and the baseline of a unigram predictor."""

import hashlib
import pickle

import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.config.model_size import n_symbols
from experiments.training.data import load_data, load_dataset
from experiments.training.models import LanguageModel, MusicModel
from experiments.training.run import make_model
from grustab.datasets import synthetic_corpus, synthetic_tunes
from grustab.generators import Generators


def load(path):
    c = load_config(path).cell("sgd/none").conditions
    generators = Generators(0)
    return c, load_data(c, generators.order), generators


@pytest.mark.parametrize(
    ("task", "kind", "symbols"), [("language", LanguageModel, 50), ("music", MusicModel, 88)]
)
def test_the_model_is_built_as_the_conditions_say(
    tiny, tiny_music, small_data, task, kind, symbols
):
    make = tiny if task == "language" else tiny_music
    stds = {"initial_std": 0.2, "input_std": 0.05, "output_std": 0.7}
    path = make(layers=3, units=12, input_scale=0.25, output_bias=False, **stds)
    c, data, generators = load(path)
    model = make_model(c, data, generators)
    assert isinstance(model, kind)
    assert (len(model.gru), model.input_scale, model.output.b) == (3, 0.25, None)
    assert model.output.W.shape == (symbols, 12)
    assert data.n_symbols == n_symbols(c.task, c.dataset) == symbols
    assert (model.dropout, model.gru.dropout) == ({}, 0)
    for weights, std in zip((model.gru[2].W_h[:12], model.input.W, model.output.W), stds.values()):
        assert weights.array.std() == pytest.approx(std, rel=0.2)


@pytest.mark.parametrize(
    ("after", "between"), [(["input"], 0), (["gru"], 0.3), (["input", "gru"], 0.3)], ids=str
)
def test_the_model_drops_as_the_conditions_say(tiny, small_data, after, between):
    c, data, generators = load(tiny(dropout=0.3, dropout_after=after))
    model = make_model(c, data, generators)
    assert model.dropout == dict.fromkeys(after, 0.3)
    assert model.gru.dropout == between
    assert model.masks is model.gru.masks is generators.masks


def test_the_baseline_of_words_is_their_frequency_in_the_training_text(tiny, small_data):
    corpus, _ = small_data
    counts = dict.fromkeys(range(50), 1)
    for word in corpus.train.tolist():
        counts[word] += 1
    total = sum(counts.values())
    expected = -np.mean([np.log(counts[word] / total) for word in corpus.valid.tolist()[1:]])
    assert load(tiny())[1].unigram_loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("validation", ["tunes", "stream"])
def test_the_baseline_of_notes_is_their_frequency_in_the_training_tunes(
    tiny_music, small_data, validation
):
    _, tunes = small_data
    tunes.valid.append(tunes.test[0])
    steps = sum(len(tune) for tune in tunes.train)
    p = np.array(
        [(sum(int(t[:, i].sum()) for t in tunes.train) + 1) / (steps + 2) for i in range(88)]
    )
    valid = tunes.valid if validation == "tunes" else [np.concatenate(tunes.valid)]
    each = [-np.log(np.where(row, p, 1 - p)).sum() for tune in valid for row in tune[1:]]
    got = load(tiny_music(validation=validation))[1].unigram_loss
    assert got == pytest.approx(np.mean(each), rel=1e-12)


def test_training_is_cut_as_the_conditions_say(tiny_music, small_data):
    settings = {"batching": "tunes", "padding": "counted", "state": "carried", "bptt_steps": None}
    train = load(tiny_music(**settings))[1].train
    assert (train.count_padding, train.carry_state, train.n_steps) == (True, True, None)
    for batching, by_length in (("stream", None), ("tunes", False), ("tunes_by_length", True)):
        _, data, generators = load(tiny_music(batching=batching))
        assert data.train.rng is generators.order
        assert getattr(data.train, "by_length", None) is by_length


@pytest.mark.parametrize("batching", ["stream", "tunes", "tunes_by_length"])
@pytest.mark.parametrize("validation", ["tunes", "stream"])
def test_music_is_evaluated_to_the_last_step(tiny_music, small_data, batching, validation):
    _, data, _ = load(tiny_music(batching=batching, validation=validation))
    for iterator, tunes in ((data.valid, small_data[1].valid), (data.test, small_data[1].test)):
        batches = list(iterator)
        joined = validation == "stream"
        n_targets = sum(map(len, tunes)) - (1 if joined else len(tunes))
        assert sum(batch.n_steps for batch in batches) == n_targets
        assert not joined or [b.first for b in batches] == [True] + [False] * (len(batches) - 1)


def test_made_up_data_is_the_same_as_ever():
    corpus, tunes = synthetic_corpus(1000), synthetic_tunes(5)
    hashes = [hashlib.sha256(part.astype("<i4")).hexdigest()[:8] for part in corpus[:3]]
    assert hashes == ["14d21018", "2a527d33", "0de94689"]
    assert len(corpus.vocabulary) == 50
    hashes = [hashlib.sha256(np.concatenate(part)).hexdigest()[:8] for part in tunes]
    assert hashes == ["1dfba8c6", "8350aa19", "28cf1e21"]
    assert [len(part) for part in tunes] == [5, 1, 1]
    assert all(tune.shape[1] == 88 and 64 <= len(tune) <= 128 for tune in tunes.train)


SENTENCES = "the cat sat on the mat\na dog ran\n" * 60
TEXT = {"dataset": "text", "path": "mine"}


@pytest.fixture
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


@pytest.mark.parametrize(("settings", "expected"), [
    ({"dataset": "text"}, "dataset 'text' or 'tunes' needs path"),
    ({"path": "mine"}, "to others belong neither path nor data_sha256"),
    ({"dataset": "text", "path": "none"}, "expected a folder with train.txt, valid.txt"),
    ({"dataset": "tunes", "path": "tunes.pickle"}, "does not fit task 'language'"),
    ({**TEXT, "path": "a\0b"}, "key 'path': expected a path"),
    ({**TEXT, "path": 3}, "key 'path'"),
    ({**TEXT, "data_sha256": "0"}, "not that of key 'data_sha256', '0'"),
], ids=str)  # fmt: skip
def test_what_does_not_fit_is_one_sentence(tiny, refused, mine, settings, expected):
    assert expected in refused("list", tiny(**settings))
