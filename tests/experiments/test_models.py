"""The two models against NumPy: every formula written here anew."""

import chainer
import numpy as np
import pytest

from experiments.config import load_config
from experiments.data import load_data
from experiments.models import LanguageModel, MusicModel
from experiments.run import make_model
from grustab.datasets import synthetic_corpus, synthetic_tunes
from grustab.generators import Generators

STEPS, BATCH, UNITS, SYMBOLS = 5, 3, 6, 7


def _make(kind, layers=1, scale=0.5, dropout=0.0, after=(), bias=True, seed=0, std=None):
    model = kind(SYMBOLS, UNITS, layers, scale, std, dropout, after, bias, Generators(seed))
    rng = np.random.default_rng(seed + 1)
    if bias:
        model.output.b.array[...] = rng.normal(size=SYMBOLS)
    return model


def _words(seed=0):
    words = np.random.default_rng(seed).integers(SYMBOLS, size=(STEPS + 1, BATCH)).astype("i")
    return words[:-1], words[1:]


def _notes(seed=0):
    notes = np.random.default_rng(seed).random((STEPS + 1, BATCH, SYMBOLS)) < 0.4
    return notes[:-1].astype("f"), notes[1:].astype("f")


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _states(layer, xs, h):
    """Eqs. (1) to (4), step by step, in float64."""
    hs = []
    w = {name: getattr(layer, name).astype("d") for name in "W_xz W_xr W_xh W_hz W_hr W_hh".split()}
    for x in xs:
        z = _sigmoid(x @ w["W_xz"].T + h @ w["W_hz"].T)
        r = _sigmoid(x @ w["W_xr"].T + h @ w["W_hr"].T)
        candidate = np.tanh(x @ w["W_xh"].T + (r * h) @ w["W_hh"].T)
        h = z * h + (1 - z) * candidate
        hs.append(h)
    return np.array(hs)


def _embedded(model, xs):
    table = model.input.W.array.astype("d")
    return table[xs] if isinstance(model, LanguageModel) else xs @ table.T


def _scores(model, xs, start=None):
    """Scores (T, B, symbols) and the last state of each layer."""
    h = _embedded(model, xs) * model.input_scale
    last = []
    for number, layer in enumerate(model.gru):
        first = np.zeros((xs.shape[1], UNITS)) if start is None else start[number]
        h = _states(layer, h, first)
        last.append(h[-1])
    y = h @ model.output.W.array.astype("d").T
    return (y if model.output.b is None else y + model.output.b.array), last


def _losses(model, xs, ts, start=None):
    """Negative log-likelihood of each step (T, B), from the probabilities themselves."""
    y, _ = _scores(model, xs, start)
    if isinstance(model, LanguageModel):
        p = np.exp(y) / np.exp(y).sum(axis=2, keepdims=True)
        return -np.log(np.take_along_axis(p, ts[:, :, None], axis=2)[:, :, 0])
    p = _sigmoid(y)
    return -np.where(ts > 0, np.log(p), np.log(1 - p)).sum(axis=2)


KINDS = pytest.mark.parametrize(
    ("kind", "data"), [(LanguageModel, _words), (MusicModel, _notes)], ids=["language", "music"]
)


def _quiet():
    return chainer.using_config("train", False)


# The loss


@KINDS
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", [0.01, 2.0])
def test_the_loss_is_the_summed_negative_log_likelihood(kind, data, layers, bias, scale):
    model = _make(kind, layers=layers, bias=bias, scale=scale)
    xs, ts = data()
    loss = model(xs, ts)
    assert loss.shape == ()
    assert loss.dtype == np.float32
    assert float(loss.array) == pytest.approx(_losses(model, xs, ts).sum(), rel=1e-5)


@KINDS
def test_masked_steps_do_not_count(kind, data):
    model = _make(kind)
    xs, ts = data()
    mask = (np.random.default_rng(3).random((STEPS, BATCH)) < 0.6).astype("f")
    assert 0 < mask.sum() < mask.size
    loss = model(xs, ts, mask)
    assert float(loss.array) == pytest.approx((_losses(model, xs, ts) * mask).sum(), rel=1e-5)


@KINDS
def test_a_mask_of_ones_is_no_mask(kind, data):
    xs, ts = data()
    whole = _make(kind)(xs, ts)
    masked = _make(kind)(xs, ts, np.ones((STEPS, BATCH), "f"))
    assert float(masked.array) == pytest.approx(float(whole.array), rel=1e-6)


@KINDS
def test_what_stands_in_masked_targets_does_not_matter(kind, data):
    xs, ts = data()
    mask = np.ones((STEPS, BATCH), "f")
    mask[-2:, 1] = 0
    other = ts.copy()
    other[-2:, 1] = 0
    assert (other != ts).any()
    a, b = (_make(kind)(xs, targets, mask) for targets in (ts, other))
    assert a.array == b.array


@KINDS
def test_nothing_counted_is_no_loss_and_no_gradient(kind, data):
    model = _make(kind)
    xs, ts = data()
    loss = model(xs, ts, np.zeros((STEPS, BATCH), "f"))
    assert loss.array == 0
    model.cleargrads()
    loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.params())


@KINDS
def test_the_gradient_is_that_of_the_loss(kind, data):
    model = _make(kind, layers=2)
    xs, ts = data()
    mask = np.ones((STEPS, BATCH), "f")
    mask[3:, 0] = 0
    model.cleargrads()
    model(xs, ts, mask).backward()
    rng = np.random.default_rng(0)
    for name, parameter in model.namedparams():
        array, index = parameter.array, tuple(rng.integers(n) for n in parameter.shape)
        before, sums = array[index], []
        for step in (1e-3, -1e-3):
            array[index] = before + np.float32(step)
            sums.append((_losses(model, xs, ts) * mask).sum())
        array[index] = before
        numeric = (sums[0] - sums[1]) / 2e-3
        assert parameter.grad[index] == pytest.approx(numeric, rel=2e-2, abs=2e-3), name


@KINDS
def test_the_state_is_carried_to_the_next_call_until_reset(kind, data):
    model = _make(kind, layers=2)
    xs, ts = data()
    first = float(model(xs, ts).array)
    _, last = _scores(model, xs)
    second = float(model(xs, ts).array)
    assert second == pytest.approx(_losses(model, xs, ts, last).sum(), rel=1e-5)
    assert second != first
    model.reset_state()
    assert float(model(xs, ts).array) == first


def test_music_losses_stay_finite_where_a_probability_has_no_float():
    model = _make(MusicModel)
    model.output.b.array[...] = 1000
    xs, ts = _notes()
    loss = float(model(xs, np.zeros_like(ts)).array)
    assert loss == pytest.approx(1000 * ts.size, rel=1e-2)
    model.reset_state()
    assert float(model(xs, np.ones_like(ts)).array) == pytest.approx(0, abs=1e-3)


def test_music_loss_is_softplus_less_the_scores_of_sounding_notes():
    model = _make(MusicModel)
    xs, ts = _notes()
    y, _ = _scores(model, xs)
    expected = (np.logaddexp(0, y) - ts * y).sum()
    assert float(model(xs, ts).array) == pytest.approx(expected, rel=1e-5)


# The layers


@KINDS
def test_the_input_layer_has_no_bias_and_the_output_layer_may_have_one(kind, data):
    assert [n for n, _ in _make(kind).namedparams() if n.startswith("/input")] == ["/input/W"]
    assert _make(kind).output.b is not None
    assert _make(kind, bias=False).output.b is None


def test_a_word_is_the_linear_layer_of_its_one_hot_vector():
    model = _make(LanguageModel)
    xs, _ = _words()
    one_hot = np.eye(SYMBOLS)[xs]
    expected = one_hot @ model.input.W.array
    np.testing.assert_allclose(model.embed(xs).array, expected, rtol=1e-6)


@KINDS
def test_the_output_bias_starts_at_zero(kind, data):
    model = kind(SYMBOLS, UNITS, 1, 1.0, None, 0.0, (), True, Generators(0))
    np.testing.assert_array_equal(model.output.b.array, 0)


@KINDS
@pytest.mark.parametrize(("std", "expected"), [(None, 50**-0.5), (0.3, 0.3)])
def test_weights_start_normal_and_w_hh_orthogonal(kind, data, std, expected):
    model = kind(400, 50, 1, 1.0, std, 0.0, (), True, Generators(0))
    for weights in (model.input.W.array, model.output.W.array, model.gru[0].W_x.array):
        assert weights.std() == pytest.approx(expected, rel=0.05)
        assert abs(weights.mean()) < 0.05 * expected
    w = model.gru[0].W_hh
    np.testing.assert_allclose(w @ w.T, np.eye(50), atol=1e-5)


@KINDS
def test_one_seed_gives_one_set_of_weights(kind, data):
    def weights(seed):
        model = kind(SYMBOLS, UNITS, 2, 1.0, None, 0.5, ("input",), True, Generators(seed))
        return [p.array for p in model.params()]

    assert all((a == b).all() for a, b in zip(weights(0), weights(0)))
    assert not all((a == b).all() for a, b in zip(weights(0), weights(1)))


# Dropout


class _Masks:
    """Stands in for the generator: drops the same units everywhere, and counts."""

    def __init__(self, dropped):
        self.dropped, self.shapes = dropped, []

    def integers(self, high, size, dtype):
        self.shapes.append(size)
        values = np.full(size, high - 1, dtype)
        values[..., self.dropped] = 0
        return values


def _with_masks(model, dropped=(0,)):
    masks = _Masks(list(dropped))
    model.dropout_rng = model.gru.dropout_rng = masks
    return masks


@KINDS
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("after", "places"),
    [
        ((), lambda layers: 0),
        (("input",), lambda layers: 1),
        (("gru",), lambda layers: layers),
        (("input", "gru"), lambda layers: 1 + layers),
    ],
    ids=str,
)
def test_dropout_acts_on_the_output_of_the_layers_asked_for(kind, data, layers, after, places):
    model = _make(kind, layers=layers, dropout=0.5, after=after)
    masks = _with_masks(model)
    model(*data())
    assert masks.shapes == [(STEPS, BATCH, UNITS)] * places(layers)


@KINDS
@pytest.mark.parametrize("after", [("input",), ("gru",), ("input", "gru")], ids=str)
def test_dropout_leaves_the_recurrence_alone(kind, data, after):
    model = _make(kind, layers=2, dropout=0.75, after=after)
    _with_masks(model, dropped=(1, 4))
    xs, _ = data()
    keep = np.full(UNITS, 4.0)  # 1 / (1 - 0.75)
    keep[[1, 4]] = 0
    h = _embedded(model, xs) * model.input_scale
    h = h * keep if "input" in after else h
    for layer in model.gru:
        h = _states(layer, h, np.zeros((BATCH, UNITS)))
        h = h * keep if "gru" in after else h
    expected = h @ model.output.W.array.T + model.output.b.array
    got = model.scores(xs).array.reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@KINDS
def test_no_dropout_outside_training(kind, data):
    model = _make(kind, layers=2, dropout=0.5, after=("input", "gru"))
    xs, ts = data()
    with _quiet():
        loss = float(model(xs, ts).array)
    assert loss == pytest.approx(_losses(model, xs, ts).sum(), rel=1e-5)


@KINDS
def test_dropout_draws_from_the_runs_generator_alone(kind, data):
    losses = []
    for seed in (1, 2):
        np.random.seed(seed)
        losses.append(float(_make(kind, dropout=0.5, after=("input", "gru"))(*data()).array))
    assert losses[0] == losses[1]


# From conditions to model and data


@pytest.mark.parametrize("batching", ["stream", "tunes"])
def test_the_model_is_built_as_the_conditions_say(tiny, tiny_music, small_data, batching):
    make = tiny if batching == "stream" else tiny_music
    path = make(layers=3, units=12, input_scale=0.25, output_bias=False, initial_std=0.2)
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
    assert data.n_symbols == n
    assert model.dropout == {}
    assert model.gru.dropout == 0
    assert model.gru[2].W_h.array[:12].std() == pytest.approx(0.2, rel=0.2)


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
    assert model.dropout_rng is model.gru.dropout_rng is generators.dropout


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


@pytest.mark.parametrize("batching", ["stream", "tunes", "tunes_by_length"])
def test_music_is_evaluated_tune_by_tune_however_it_is_trained(tiny_music, small_data, batching):
    c = load_config(tiny_music(batching=batching)).cell("sgd/none").conditions
    data = load_data(c, Generators(0).order)
    for iterator, tunes in ((data.valid, small_data[1].valid), (data.test, small_data[1].test)):
        iterator.reset()
        assert sum(batch.n_steps for batch in iterator) == sum(len(tune) - 1 for tune in tunes)


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
