"""From conditions to model and data, and the baseline of a unigram predictor."""

import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.config.model_size import n_symbols
from experiments.training.data import load_data
from experiments.training.models import LanguageModel, MusicModel
from experiments.training.run import make_model
from grustab.datasets import synthetic_corpus, synthetic_tunes
from grustab.generators import Generators


@pytest.mark.parametrize("batching", ["stream", "tunes"])
def test_the_model_is_built_as_the_conditions_say(tiny, tiny_music, small_data, batching):
    make = tiny if batching == "stream" else tiny_music
    path = make(
        layers=3,
        units=12,
        input_scale=0.25,
        output_bias=False,
        initial_std=0.2,
        input_std=0.05,
        output_std=0.7,
    )
    c = load_config(path).cell("sgd/none").conditions
    generators = Generators(0)
    data = load_data(c, generators.order)
    model = make_model(c, data, generators)
    assert isinstance(model, LanguageModel if batching == "stream" else MusicModel)
    assert len(model.gru) == 3
    assert model.input_scale == 0.25
    assert model.output.b is None
    n = 50 if batching == "stream" else 88
    assert model.output.W.shape == (n, 12)
    assert data.n_symbols == n_symbols(c.task, c.dataset) == n
    assert model.dropout == {}
    assert model.gru.dropout == 0
    assert model.gru[2].W_h.array[:12].std() == pytest.approx(0.2, rel=0.2)
    assert model.input.W.array.std() == pytest.approx(0.05, rel=0.2)
    assert model.output.W.array.std() == pytest.approx(0.7, rel=0.2)


@pytest.mark.parametrize(
    ("after", "places", "between"),
    [
        (["input"], {"input": 0.3}, 0),
        (["gru"], {"gru": 0.3}, 0.3),
        (["input", "gru"], {"input": 0.3, "gru": 0.3}, 0.3),
    ],
    ids=str,
)
def test_the_model_drops_as_the_conditions_say(tiny, small_data, after, places, between):
    c = load_config(tiny(dropout=0.3, dropout_after=after)).cell("sgd/none").conditions
    generators = Generators(0)
    model = make_model(c, load_data(c, generators.order), generators)
    assert model.dropout == places
    assert model.gru.dropout == between
    assert model.masks is model.gru.masks is generators.masks


# The baseline


def test_the_baseline_of_words_is_their_frequency_in_the_training_text(tiny, small_data):
    corpus, _ = small_data
    counts = dict.fromkeys(range(50), 1)
    for word in corpus.train.tolist():
        counts[word] += 1
    total = sum(counts.values())
    expected = -np.mean([np.log(counts[word] / total) for word in corpus.valid.tolist()[1:]])
    c = load_config(tiny()).cell("sgd/none").conditions
    assert load_data(c, Generators(0).order).unigram_loss == pytest.approx(expected, rel=1e-12)


def test_the_baseline_of_notes_is_their_frequency_in_the_training_tunes(tiny_music, small_data):
    _, tunes = small_data
    steps = sum(len(tune) for tune in tunes.train)
    p = np.array(
        [(sum(int(t[:, i].sum()) for t in tunes.train) + 1) / (steps + 2) for i in range(88)]
    )
    each = [-np.log(np.where(row, p, 1 - p)).sum() for tune in tunes.valid for row in tune[1:]]
    c = load_config(tiny_music()).cell("sgd/none").conditions
    got = load_data(c, Generators(0).order).unigram_loss
    assert got == pytest.approx(np.mean(each), rel=1e-12)


def test_training_is_cut_as_the_conditions_say(tiny_music, small_data):
    settings = {"batching": "tunes", "padding": "counted", "state": "carried", "bptt_steps": None}
    c = load_config(tiny_music(**settings)).cell("sgd/none").conditions
    train = load_data(c, Generators(0).order).train
    assert (train.count_padding, train.carry_state, train.n_steps) == (True, True, None)


@pytest.mark.parametrize(
    ("batching", "validation"),
    [
        *((batching, None) for batching in ("stream", "tunes", "tunes_by_length")),
        *((batching, "stream") for batching in ("stream", "tunes")),  # as one
    ],
)
def test_music_is_evaluated_to_the_last_step(tiny_music, small_data, batching, validation):
    changes = {"batching": batching, **({"validation": validation} if validation else {})}
    c = load_config(tiny_music(**changes)).cell("sgd/none").conditions
    data = load_data(c, Generators(0).order)
    for iterator, tunes in ((data.valid, small_data[1].valid), (data.test, small_data[1].test)):
        iterator.reset()
        batches = list(iterator)
        n_targets = sum(map(len, tunes)) - (1 if validation else len(tunes))
        assert sum(batch.n_steps for batch in batches) == n_targets
        if validation:
            assert [b.first for b in batches] == [True] + [False] * (len(batches) - 1)


def test_every_word_of_the_evaluation_text_counts_once(tiny, small_data):
    c = load_config(tiny()).cell("sgd/none").conditions
    data = load_data(c, Generators(0).order)
    assert sum(batch.n_steps for batch in data.valid) == len(small_data[0].valid) - 1


def test_made_up_data_is_the_same_each_time_and_fits_its_description():
    a, b = synthetic_corpus(n_tokens=1000), synthetic_corpus(n_tokens=1000)
    np.testing.assert_array_equal(a.train, b.train)
    assert (len(a.train), len(a.valid), len(a.test)) == (1000, 100, 100)
    assert len(a.vocabulary) == 50
    assert a.train.max() < 50
    assert not np.array_equal(a.train, synthetic_corpus(seed=1, n_tokens=1000).train)
    x, y = synthetic_tunes(n_tunes=5), synthetic_tunes(n_tunes=5)
    assert all(np.array_equal(p, q) for p, q in zip(x.train, y.train))
    assert [len(part) for part in x] == [5, 1, 1]
    for tune in x.train:
        assert tune.shape[1] == 88
        assert 64 <= len(tune) <= 128
        assert set(np.unique(tune)) == {0, 1}
