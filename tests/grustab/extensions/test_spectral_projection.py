"""P_delta as an extension: no optimizer step may leave a W_hh above the cap."""

import itertools

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import optimizers, training

from experiments.training.models import LanguageModel
from grustab.errors import NonFiniteMatrixError
from grustab.extensions import SequenceEvaluator, SpectralProjection, SpectrumMonitor
from grustab.generators import Generators
from grustab.iterators import StreamIterator
from grustab.links import GRU, StackedGRU
from grustab.projection.project import METHODS, TOLERANCE
from grustab.updaters import BPTTUpdater

UNITS, WORDS = 32, 7
OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(lr=5.0),
    "Adam": lambda: optimizers.Adam(alpha=0.05),
    "RMSprop": lambda: optimizers.RMSprop(lr=0.02, alpha=0.99),
}
methods = pytest.mark.parametrize("method", METHODS)
deltas = pytest.mark.parametrize("delta", [0.2, 1.4])


def make_model():
    return LanguageModel(WORDS, UNITS, 2, 1.0, None, 0.0, (), True, Generators(0))


def stream(length=2000):
    return [np.random.default_rng(0).integers(0, WORDS, length).astype(np.int32)]


def sigma_1(gru):
    return np.linalg.svd(gru.W_hh.astype(np.float64), compute_uv=False)[0]


def observed(extension):
    observation = {}
    with chainer.Reporter().scope(observation):
        extension()
    return observation


@methods
@deltas
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_step_ends_within_the_cap_whatever_the_optimizer(optimizer, delta, method):
    model = make_model()
    optimizer = OPTIMIZERS[optimizer]().setup(model)
    projection = SpectralProjection(model, delta, method)
    updater = BPTTUpdater(StreamIterator(stream(), 4, 5), optimizer)
    capped, overshoot = np.zeros(2), 0.0
    for _ in range(40):
        updater.update()
        before = [sigma_1(gru) for gru in model.gru]
        observation = observed(projection)
        for i, gru in enumerate(model.gru):
            assert sigma_1(gru) <= (2 - delta) * (1 + TOLERANCE)
            capped[i] += observation[f"projection/gru/{i}/capped"]
        overshoot = max(overshoot, *before)
    assert (capped > 0).all(), "the test is to show a projection that has something to do"
    assert overshoot > (2 - delta) * 1.01


@methods
def test_reports_each_layer_and_the_time_it_took(method):
    model = make_model()
    model.gru[1].W_hh *= 3  # orthogonal before
    projection = SpectralProjection(model, 0.2, method)
    observation = observed(projection)
    names = ("sigma_before", "sigma_bound", "capped")
    expected = {f"projection/gru/{i}/{name}" for i in range(2) for name in names}
    assert observation.keys() == {*expected, "projection/time"}
    assert observation["projection/gru/1/sigma_before"] == pytest.approx(3, rel=1e-5)
    assert observation["projection/gru/1/sigma_bound"] == pytest.approx(1.8, rel=1e-5)
    assert [observation[f"projection/gru/{i}/capped"] for i in range(2)] == [0, UNITS]
    assert observation["projection/gru/0/sigma_bound"] >= sigma_1(model.gru[0]) - 1e-6
    first = projection.seconds
    assert first == observation["projection/time"] > 0
    observation = observed(projection)
    assert projection.seconds == pytest.approx(first + observation["projection/time"])


@methods
def test_changes_only_the_recurrent_candidate_matrices(method):
    model = make_model()
    model.gru[0].W_hh *= 3
    before = {name: p.array.copy() for name, p in model.namedparams()}
    SpectralProjection(model, 0.2, method)()
    for name, p in model.namedparams():
        if name != "/gru/0/W_h":
            np.testing.assert_array_equal(p.array, before[name])
    w_h = model.gru[0].W_h.array
    np.testing.assert_array_equal(w_h[: 2 * UNITS], before["/gru/0/W_h"][: 2 * UNITS])
    # Three times an orthogonal matrix: all singular values go from 3 to 1.8.
    np.testing.assert_allclose(w_h[2 * UNITS :], before["/gru/0/W_h"][2 * UNITS :] * 0.6, atol=1e-6)


@methods
def test_runs_of_the_same_seed_are_the_same(method):
    results = []
    for global_seed in range(2):
        np.random.seed(global_seed)
        model = make_model()
        projection = SpectralProjection(model, 0.2, method, rng=np.random.default_rng(3))
        rng = np.random.default_rng(1)
        for _ in range(10):
            for gru in model.gru:
                u, v = rng.normal(size=(2, UNITS))
                gru.W_hh += np.outer(u, v) / 20
            projection()
        results.append([gru.W_hh.copy() for gru in model.gru])
    np.testing.assert_array_equal(*results)


@methods
def test_weights_changed_from_outside_between_two_calls_are_noticed(method):
    model = make_model()
    projection = SpectralProjection(model, 0.2, method)
    projection()
    for scale in (3, 0.1, 100):
        model.gru[0].W_hh *= scale
        projection()
        assert sigma_1(model.gru[0]) <= 1.8 * (1 + TOLERANCE)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (GRU(3, 4), [""]),
        (StackedGRU(3, 4, 2), ["/0", "/1"]),
        (chainer.Chain(a=chainer.Chain(b=GRU(3, 4)), c=L.GRU(3, 4)), ["/a/b", "/c"]),
        (chainer.Chain(a=L.NStepGRU(2, 3, 4, 0), b=L.StatelessGRU(3, 4)), ["/a/0", "/a/1", "/b"]),
        (L.NStepBiGRU(2, 3, 4, 0), ["/0", "/1", "/2", "/3"]),
    ],
    ids="one stack depth layers directions".split(),
)
def test_finds_every_gru_at_any_depth(model, names):
    assert sorted(SpectralProjection(model, 0.2).matrices) == names
    assert {k for k in observed(SpectralProjection(model, 0.2)) if k.endswith("capped")} == {
        f"projection{name}/capped" for name in names
    }


class Spy(training.Extension):
    """Looks at the weights as any other extension may."""

    trigger = (1, "iteration")

    def __init__(self, model, name, priority):
        self.model, self.name, self.priority = model, name, priority
        self.seen = []

    def __call__(self, trainer):
        self.seen.append(max(sigma_1(gru) for gru in self.model.gru))


@methods
def test_in_a_trainer_it_acts_before_any_other_extension_sees_the_weights(method, tmp_path):
    model, valid = make_model(), StreamIterator(stream(100), 4, 5, repeat=False)
    optimizer = OPTIMIZERS["SGD"]().setup(model)
    updater = BPTTUpdater(StreamIterator(stream(), 4, 5), optimizer)
    trainer = training.Trainer(updater, (25, "iteration"), tmp_path)
    spies = [
        Spy(model, name, priority)
        for name, priority in (
            ("writer", training.PRIORITY_WRITER),
            ("editor", training.PRIORITY_EDITOR),
            ("reader", training.PRIORITY_READER),
        )
    ]
    evaluated = []

    class Evaluator(SequenceEvaluator):
        def evaluate(self):
            evaluated.append(max(sigma_1(gru) for gru in model.gru))
            return super().evaluate()

    # All of them are there before the projection.
    for spy in spies:
        trainer.extend(spy)
    trainer.extend(Evaluator(valid, model), trigger=(5, "iteration"))
    trainer.extend(SpectrumMonitor(model), trigger=(1, "iteration"))
    trainer.extend(SpectralProjection(model, 0.2, method))
    before, after = [], []

    @training.make_extension((1, "iteration"), priority=10**6)
    def first(trainer):
        before.append(max(sigma_1(gru) for gru in model.gru))

    @training.make_extension((1, "iteration"), priority=-(10**6))
    def last(trainer):
        after.append(dict(trainer.observation))

    trainer.extend(first, name="first")
    trainer.extend(last, name="last")
    trainer.run()

    assert max(before) > 1.8 * 1.01, "the test is to show a projection that has something to do"
    assert (len(spies[0].seen), len(evaluated)) == (25, 5)
    assert max(itertools.chain(evaluated, *(spy.seen for spy in spies))) <= 1.8 * (1 + TOLERANCE)
    for observation in after:
        assert observation["projection/gru/0/sigma_bound"] <= 1.8 * (1 + TOLERANCE)
        assert observation["spectrum/gru/0/sigma_1"] <= 1.8 * (1 + TOLERANCE)
        assert observation["spectrum/gru/1/spectral_radius"] < 0.95 + 1e-5


@pytest.mark.parametrize("delta", [0, 2, -1, 3, np.nan])
def test_delta_outside_its_range_is_refused(delta):
    with pytest.raises(ValueError, match="delta must lie between 0 and 2"):
        SpectralProjection(GRU(3, 4), delta)


def test_model_without_a_gru_and_unknown_method_are_refused():
    with pytest.raises(ValueError, match="holds no GRU: give the parameters"):
        SpectralProjection(L.Linear(3, 4), 0.2)
    with pytest.raises(ValueError, match="naive, truncated"):
        SpectralProjection(GRU(3, 4), 0.2, "qr")


@methods
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("call", [0, 1])
def test_weights_that_are_not_finite_are_an_error(call, bad, method):
    gru = GRU(3, 4)
    projection = SpectralProjection(gru, 0.2, method)
    for _ in range(call):
        projection()
    gru.W_hh[1, 2] = bad
    with pytest.raises(NonFiniteMatrixError, match="1 of its 16"):
        projection()


@methods
def test_the_layer_whose_weights_are_not_finite_is_named(method):
    model = make_model()
    model.gru[1].W_hh[0, 0] = np.nan
    with pytest.raises(NonFiniteMatrixError, match="project W_hh of layer /gru/1 with NaN"):
        SpectralProjection(model, 0.2, method)()


def test_training_takes_the_same_way_with_all_methods():
    ways = []
    for method in METHODS:
        model = make_model()
        optimizer = OPTIMIZERS["SGD"]().setup(model)
        projection = SpectralProjection(model, 0.2, method)
        xs, ts = np.random.default_rng(0).integers(0, WORDS, (2, 5, 4)).astype(np.int32)
        for _ in range(4):  # with a learning rate like this, later steps magnify any rounding
            model.reset_state()
            optimizer.update(lambda x, t, model=model: F.sum(model(x, t)) / 4, xs, ts)
            projection()
        ways.append(model.gru[0].W_hh.copy())
    # Each projection is within some 1e-2 of the exact one at worst, 1e-5 as a rule.
    for way in ways[1:]:
        np.testing.assert_allclose(way, ways[0], rtol=0, atol=1e-2)
