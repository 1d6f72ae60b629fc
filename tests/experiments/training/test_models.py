"""The two models and their optimizer against NumPy: every formula written here anew."""

import chainer
import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.config.model_size import n_parameters
from experiments.training.models import LanguageModel, MusicModel
from experiments.training.optimization import make_optimizer, make_projection, make_updater
from grustab.generators import Generators
from grustab.iterators import StreamIterator
from grustab.links import GRU, StackedGRU
from tests.grustab import reference

STEPS, BATCH, UNITS, SYMBOLS = 5, 3, 6, 7
#: Factors of dropout with two units dropped, at a ratio of 0.75.
KEPT = np.array([4, 0, 4, 4, 0, 4], "f")


def words():
    drawn = np.random.default_rng(0).integers(SYMBOLS, size=(STEPS + 1, BATCH)).astype("i")
    return drawn[:-1], drawn[1:]


def notes():
    drawn = np.random.default_rng(0).random((STEPS + 1, BATCH, SYMBOLS)) < 0.4
    return drawn[:-1].astype("f"), drawn[1:].astype("f")


KINDS = pytest.mark.parametrize(
    ("kind", "data"), [(LanguageModel, words), (MusicModel, notes)], ids=["language", "music"]
)


def make_tiny(kind, layers=2, after=(), bias=True):
    generators = Generators(0)
    model = kind(SYMBOLS, UNITS, layers, 0.5, None, 0.75, after, bias, generators)
    if bias:
        model.output.b.array[...] = np.random.default_rng(1).normal(size=SYMBOLS)
    return model


def by_hand(model, xs, ts, start=None, after=()):
    """Negative log-likelihood of each step (T, B), and the last state of each layer."""
    table, last = model.input.W.array.astype("d"), []
    h = table[xs] if isinstance(model, LanguageModel) else xs @ table.T
    h = h * model.input_scale * (KEPT if "input" in after else 1)
    for number, layer in enumerate(model.gru):
        first = np.zeros((BATCH, UNITS)) if start is None else start[number]
        h = reference.forward(reference.weights_of(layer), h, first)
        last.append(h[-1])
        h = h * (KEPT if "gru" in after else 1)
    y = h @ model.output.W.array.astype("d").T
    y += 0 if model.output.b is None else model.output.b.array
    if isinstance(model, LanguageModel):
        p = np.exp(y) / np.exp(y).sum(axis=2, keepdims=True)
        return -np.log(np.take_along_axis(p, ts[:, :, None], axis=2)[:, :, 0]), last
    p = reference.sigm(y)
    return -np.where(ts > 0, np.log(p), np.log(1 - p)).sum(axis=2), last


@KINDS
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("after", [(), ("input",), ("gru",), ("input", "gru")], ids=str)
@pytest.mark.parametrize("share", [None, 0, 0.6], ids="counting {}".format)
def test_the_loss_is_the_summed_negative_log_likelihood(kind, data, layers, bias, after, share):
    model = make_tiny(kind, layers, after, bias)
    shapes = []

    def masks(shape, ratio, dtype):
        shapes.append((shape, ratio))
        return np.broadcast_to(KEPT, shape)

    model.masks = model.gru.masks = masks
    xs, ts = data()
    mask = None
    if share is not None:
        mask = (np.random.default_rng(3).random((STEPS, BATCH)) < share).astype("f")
    expected = (by_hand(model, xs, ts, after=after)[0] * (1 if mask is None else mask)).sum()
    loss = model(xs, ts, mask)
    assert (loss.shape, loss.dtype) == ((), np.float32)
    assert float(loss.array) == pytest.approx(expected, rel=1e-5)
    places = ("input" in after) + layers * ("gru" in after)
    assert shapes == [((STEPS, BATCH, UNITS), 0.75)] * places
    numbers = 2 * SYMBOLS * UNITS + 6 * layers * UNITS**2 + SYMBOLS * bias
    assert model.count_params() == numbers  # the input layer has no bias
    model.cleargrads()
    loss.backward()
    assert any(p.grad is not None and p.grad.any() for p in model.params()) == (share != 0)


@KINDS
def test_the_gradient_is_that_of_the_loss(kind, data):
    model = make_tiny(kind)
    xs, ts = data()
    mask = np.ones((STEPS, BATCH), "f")
    mask[3:, 0] = 0
    model.cleargrads()
    model(xs, ts, mask).backward()
    for name, parameter in model.namedparams():
        array = parameter.array
        index = np.unravel_index(abs(parameter.grad).argmax(), array.shape)
        before, sums = array[index], []
        for step in (1e-3, -1e-3):
            array[index] = before + np.float32(step)
            sums.append((by_hand(model, xs, ts)[0] * mask).sum())
        array[index] = before
        numeric = (sums[0] - sums[1]) / 2e-3
        assert parameter.grad[index] == pytest.approx(numeric, rel=2e-2), name


@KINDS
def test_the_state_is_carried_to_the_next_call_until_reset(kind, data):
    model = make_tiny(kind, after=("input", "gru"))
    xs, ts = data()
    losses, last = by_hand(model, xs, ts)
    with chainer.using_config("train", False):  # without dropout, then
        first, second = (float(model(xs, ts).array) for _ in range(2))
        model.reset_state()
        assert float(model(xs, ts).array) == first == pytest.approx(losses.sum(), rel=1e-5)
    assert second == pytest.approx(by_hand(model, xs, ts, last)[0].sum(), rel=1e-5)
    assert second != first


@pytest.mark.parametrize("kind", [LanguageModel, MusicModel])
@pytest.mark.parametrize(("std", "expected"), [(None, 50**-0.5), (0.3, 0.3)])
def test_weights_start_normal_and_the_bias_zero(kind, std, expected):
    model = kind(400, 50, 1, 1.0, std, 0.0, (), True, Generators(0))
    for weights in (model.input.W.array, model.output.W.array):
        assert weights.std() == pytest.approx(expected, rel=0.05)
        assert abs(weights.mean()) < 0.05 * expected
    np.testing.assert_array_equal(model.output.b.array, 0)


def test_word_vectors_are_the_second_draw():
    model = LanguageModel(SYMBOLS, UNITS, 1, 1.0, 0.3, 0.0, (), True, Generators(0))
    _, second = Generators(0).weights.normal(0, 0.3, (2, SYMBOLS, UNITS)).astype("f")
    np.testing.assert_array_equal(model.input.W.array, second)


# No two alike, so that none can stand in for another.
CONSTANTS = "adam_beta1=0.8 adam_beta2=0.95 rmsprop_beta=0.7 epsilon=1e-3".split()


@pytest.fixture
def conditions(tiny):
    """Conditions with settings replaced."""

    def make(*settings):
        cell = load_config(tiny(learning_rate=0.01)).cell("sgd/none")
        return cell.override([*CONSTANTS, *settings]).conditions

    return make


@pytest.mark.parametrize(("name", "kind", "given"), [
    ("sgd", chainer.optimizers.SGD, {"lr": 0.01}),
    ("adam", chainer.optimizers.Adam, {"alpha": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3}),
    ("rmsprop", chainer.optimizers.RMSprop, {"lr": 0.01, "alpha": 0.7, "eps": 1e-3}),
])  # fmt: skip
def test_the_optimizer_is_chainers_with_the_conditions_constants(conditions, name, kind, given):
    settings = conditions(f"optimizer={name}", "learning_rate=0.01")
    plain, made = kind(), make_optimizer(settings, GRU(2, 3))
    assert type(made) is kind
    assert made.hyperparam.get_dict() == {**plain.hyperparam.get_dict(), **given}


@pytest.mark.parametrize("threshold", [0.1, 2.0, 1e6])
@pytest.mark.parametrize("method", ["none", "clipping", "elementwise_clipping", "projection"])
def test_what_is_clipped_is_what_the_method_says_and_recorded_before(conditions, method, threshold):
    settings = [f"method={method}", *[f"threshold={threshold}"] * (method != "none")]
    settings += ["delta=0.2"] * (method == "projection")
    link, gradient = chainer.Link(), np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    with link.init_scope():
        link.W = chainer.Parameter(np.zeros_like(gradient))
    optimizer = make_optimizer(conditions(*settings), link)
    link.W.grad, norm = gradient.copy(), np.linalg.norm(gradient)
    reporter = chainer.Reporter()
    with reporter:
        optimizer.update()
    clipped = {
        "none": gradient,
        "elementwise_clipping": gradient.clip(-threshold, threshold),
    }.get(method, gradient * min(1, threshold / norm))
    np.testing.assert_allclose(link.W.array, -0.01 * clipped, rtol=1e-5)
    assert reporter.observation["gradient/norm"] == pytest.approx(norm, rel=1e-5)
    projection = make_projection(conditions(*settings), GRU(3, 4), Generators(0))
    assert (projection is None) == (method != "projection")


@pytest.mark.parametrize("over_steps", ["sum", "mean"])
@pytest.mark.parametrize("over_batch", ["sum", "mean"])
def test_the_updater_sums_or_averages_as_the_conditions_say(conditions, over_steps, over_batch):
    c = conditions(f"loss={over_steps}_over_steps", f"loss_over_batch={over_batch}")
    updater = make_updater(c, StreamIterator([np.arange(9)], 2, 2), make_optimizer(c, GRU(2, 3)))
    assert updater.mean_over_steps == (over_steps == "mean")
    assert updater.sum_over_batch == (over_batch == "sum")


@pytest.mark.parametrize("projected", ["candidate", "all"])
@pytest.mark.parametrize("projection", ["naive", "truncated"])
@pytest.mark.parametrize("delta", [0.2, 1.4])
def test_the_projection_has_the_conditions_delta(conditions, projection, delta, projected):
    model = chainer.Chain(gru=StackedGRU(3, 12, 2))
    for gru in model.gru:
        gru.W_hz = gru.W_hr = gru.W_hh = 3 * gru.W_hh
    settings = f"delta={delta}", f"projection={projection}", f"projected={projected}", "units=12"
    make_projection(conditions("method=projection", *settings), model, Generators(0))()
    for gru in model.gru:
        for name in ("W_hz", "W_hr", "W_hh"):
            sigma = np.linalg.svd(getattr(gru, name), compute_uv=False)
            expected = 2 - delta if name == "W_hh" or projected == "all" else 3
            np.testing.assert_allclose(sigma, expected, rtol=1e-4)


def test_a_models_weights_are_counted_without_it():
    cell = load_config("table1_language").cell("sgd_1.1/clipping_5")
    c = cell.override(["units=6", "layers=2"]).conditions
    model = LanguageModel(10_000, 6, 2, 1.0, None, 0.0, (), True, Generators(0))
    assert n_parameters(c.model_dump()) == model.count_params()
