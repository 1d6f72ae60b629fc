"""P_delta as an extension: no optimizer step may leave a W_hh above the cap."""

import copy
import itertools

import chainer
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
from grustab.projection.cap import TOLERANCE
from grustab.projection.project import project
from grustab.updaters import BPTTUpdater
from tests.grustab.projection.reference import methods, observed, orthogonal
from tests.grustab.test_bptt_updater import WORDS, stream

UNITS = 32
remembering = pytest.mark.parametrize("method", ["auto", "truncated"])
OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(lr=5.0),
    "Adam": lambda: optimizers.Adam(alpha=0.05),
    "RMSprop": lambda: optimizers.RMSprop(lr=0.02, alpha=0.99),
}


def make_model():
    return LanguageModel(WORDS, UNITS, 2, 1.0, None, 0.0, (), True, Generators(0))


def sigma_1(gru):
    return np.linalg.svd(gru.W_hh.astype(np.float64), compute_uv=False)[0]


def two_layers():
    return chainer.Chain(gru=StackedGRU(3, 64, 2))


@methods
@pytest.mark.parametrize("delta", [0.2, 1.4])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_step_ends_within_the_cap_whatever_the_optimizer(optimizer, delta, method):
    model = make_model()
    optimizer = OPTIMIZERS[optimizer]().setup(model)
    projection = SpectralProjection(model, delta, method)
    updater = BPTTUpdater(StreamIterator(stream(2000), 4, 5), optimizer)
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
    assert len(projection.automatic) == (2 if method == "auto" else 0)
    for auto in projection.automatic.values():
        assert ways_taken(auto) == 40
        assert auto.counts["failed_checks"] == 0


def ways_taken(auto):
    return sum(auto.counts[way] for way in ("skipped", "subspace", "exact"))


@methods
def test_reports_each_layer_and_the_time_it_took(method):
    model = make_model()
    model.gru[1].W_hh *= 3  # orthogonal before
    projection = SpectralProjection(model, 0.2, method)
    observation = observed(projection)
    names = ("sigma_before", "sigma_bound", "capped")
    expected = {f"projection/gru/{i}/{name}" for i in range(2) for name in names}
    assert observation.keys() == {*expected, "projection/time"}
    assert [observation[f"projection/gru/{i}/capped"] for i in range(2)] == [0, UNITS]
    first = projection.seconds
    assert first == observation["projection/time"] > 0
    observation = observed(projection)
    assert None not in observation.values()  # sigma_before is not always known
    assert projection.seconds == pytest.approx(first + observation["projection/time"])


@pytest.mark.parametrize(("model", "names"), [
    (GRU(3, 4), [""]),
    (StackedGRU(3, 4, 2), ["/0", "/1"]),
    (chainer.Chain(a=chainer.Chain(b=GRU(3, 4)), c=L.GRU(3, 4)), ["/a/b", "/c"]),
    (chainer.Chain(a=L.NStepGRU(2, 3, 4, 0), b=L.StatelessGRU(3, 4)), ["/a/0", "/a/1", "/b"]),
    (L.NStepBiGRU(2, 3, 4, 0), ["/0", "/1", "/2", "/3"]),
], ids="one stack depth layers directions".split())  # fmt: skip
def test_finds_every_gru_at_any_depth_and_caps_it(model, names):
    for parameter in model.params():
        parameter.array *= 30
    projection = SpectralProjection(model, 0.2)
    assert sorted(projection.matrices) == names
    capped = {key for key, value in observed(projection).items() if "/capped" in key and value > 0}
    assert capped == {f"projection{name}/capped" for name in names}
    for matrix in projection.matrices.values():
        assert np.linalg.norm(matrix.array, 2) == pytest.approx(1.8, rel=TOLERANCE)


def test_a_matrix_that_links_share_is_capped_once():
    model = chainer.Chain(a=GRU(3, 4), b=GRU(3, 4), c=GRU(3, 4))
    with model.init_scope(), model.b.init_scope():
        model.d = model.c  # a second name
        model.b.W_h = model.a.W_h
    assert [*SpectralProjection(model, 0.2).matrices] == ["/a", "/c"]


@methods
def test_in_a_trainer_it_acts_before_any_other_extension_sees_the_weights(method, tmp_path):
    model, valid = make_model(), StreamIterator(stream(100), 4, 5, repeat=False)
    updater = BPTTUpdater(StreamIterator(stream(2000), 4, 5), OPTIMIZERS["SGD"]().setup(model))
    trainer = training.Trainer(updater, (25, "iteration"), tmp_path)
    before, seen, evaluated, after = [], [], [], []

    def look(list_):
        list_.append(max(sigma_1(gru) for gru in model.gru))

    class Evaluator(SequenceEvaluator):
        def evaluate(self):
            look(evaluated)
            return super().evaluate()

    # All of them are there before the projection.
    for name in ("WRITER", "EDITOR", "READER"):
        priority = getattr(training, f"PRIORITY_{name}")
        trainer.extend(lambda _: look(seen), name, (1, "iteration"), priority)
    trainer.extend(Evaluator(valid, model), trigger=(5, "iteration"))
    trainer.extend(SpectrumMonitor(model), trigger=(1, "iteration"))
    trainer.extend(SpectralProjection(model, 0.2, method))
    trainer.extend(lambda _: look(before), "first", (1, "iteration"), 10**6)
    trainer.extend(lambda t: after.append(dict(t.observation)), "last", (1, "iteration"), -(10**6))
    trainer.run()

    assert max(before) > 1.8 * 1.01, "the test is to show a projection that has something to do"
    assert (len(seen), len(evaluated)) == (75, 5)
    assert max(itertools.chain(evaluated, seen)) <= 1.8 * (1 + TOLERANCE)
    for observation in after:
        assert observation["projection/gru/0/sigma_bound"] <= 1.8 * (1 + TOLERANCE)
        assert observation["spectrum/gru/0/sigma_1"] <= 1.8 * (1 + TOLERANCE)
        assert observation["spectrum/gru/1/spectral_radius"] < 0.95 + 1e-5


def test_the_copies_of_a_model_that_compute_in_parallel_are_capped_too(tmp_path):
    class Model(chainer.Chain):
        def forward(self, xs):
            seen.append(sigma_1(self.gru))
            self.gru.reset_state()
            return chainer.functions.mean_squared_error(self.gru(xs[None])[0], -xs)

    seen: list[float] = []
    model = Model(gru=GRU(8, 8, rng=np.random.default_rng(0)))
    data = np.random.default_rng(0).random((40, 8), dtype=np.float32)
    updater = training.updaters.ParallelUpdater(
        chainer.iterators.SerialIterator(data, 10),
        optimizers.SGD(lr=50).setup(model),
        devices={"main": "@numpy", "second": "@numpy"},
    )
    trainer = training.Trainer(updater, (20, "iteration"), tmp_path)
    trainer.extend(SpectralProjection(model, 1.2))
    trainer.run()
    assert len(seen) == 40
    assert max(seen[2:]) <= 0.8 * (1 + TOLERANCE)


@methods
def test_the_margin_may_change_from_call_to_call(method):
    gru = GRU(3, 64, rng=np.random.default_rng(0))
    projection = SpectralProjection(gru, 1.2, method)
    for delta in (1.2, 1.5, 1.1, 0.2, 1.9):
        projection.delta = delta
        gru.W_hh *= 3
        projection()
        assert sigma_1(gru) == pytest.approx(2 - delta, rel=TOLERANCE)
    with pytest.raises(ValueError, match="delta must lie between 0 and 2"):
        projection.delta = 2


def test_half_precision_and_an_unknown_method_are_refused():
    with pytest.raises(ValueError, match="W_hh of layer /: expected a float32 or float64 matrix"):
        SpectralProjection(GRU(3, 4, dtype=np.float16), 0.2)
    for call in (SpectralProjection, lambda gru, *options: project(gru.W_hh, *options)):
        with pytest.raises(ValueError, match=r"naive, truncated.*'qr'"):
            call(GRU(3, 4), 0.2, "qr")


@methods
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 1])
def test_weights_that_are_not_finite_are_an_error_and_leave_the_state_sound(layer, bad, method):
    model = two_layers()
    gru, other = model.gru[layer], model.gru[1 - layer]
    large = _matrix(np.random.default_rng(0), 3)[0].astype(np.float32)
    projection = SpectralProjection(model, 0.2, method)
    for scale in (3, 0.1, 100):
        kept, gru.W_hh[1, 2] = gru.W_hh.copy(), bad
        other.W_hh = large
        with pytest.raises(NonFiniteMatrixError, match=f"W_hh of layer /gru/{layer} .*1 of its 40"):
            projection()
        assert layer == 1 or (other.W_hh == large).all(), "a later one is to be left alone"
        gru.W_hh = scale * kept
        projection()
        assert sigma_1(gru) <= 1.8 * (1 + TOLERANCE)
    if method == "auto":  # refused before it could be counted
        assert ways_taken(projection.automatic[f"/gru/{layer}"]) == 3


def _matrix(rng, top):
    """Its largest singular value far from all others, so that no rounding decides what is done."""
    u, v = (orthogonal(rng, 64) for _ in range(2))
    return (u * np.r_[top, np.linspace(0.2, 0.1, 64 - 1)]) @ v.T, np.outer(u[:, 0], v[:, 0])


def _known(extension):
    """All that decides what an extension does next, seconds aside."""
    followed = {
        name: (auto._v, auto._crowded, auto._reference, auto.counts)
        for name, auto in extension.automatic.items()
    }
    return followed, extension._last, extension.rng.bit_generator.state


@pytest.mark.parametrize("given", [None, "seed", "generator"])
@remembering
def test_a_snapshot_goes_on_to_the_bit_whatever_was_followed_since(method, given, tmp_path):
    """With Chainer's own serializers; a generator that was given is its owner's."""
    model, rng, path = two_layers(), np.random.default_rng(0), tmp_path / "projection.npz"
    others, seed = given == "generator", 7 if given else None
    model.gru[0].W_hh, direction = _matrix(rng, 1.81)
    model.gru[1].W_hh, _ = _matrix(rng, 0.9)  # below the cap: it has a reference
    live, loaded = (
        SpectralProjection(m, 0.2, method, rng=np.random.default_rng(7) if others else seed)
        for m in (model, copy.deepcopy(model))
    )
    for used in (False, True):
        chainer.serializers.save_npz(path, live)
        for scale, matrix in zip((3, 0.1), loaded.matrices.values()):
            matrix.array[...] = scale * orthogonal(rng, 64)  # other shapes, other references
        loaded()
        chainer.serializers.load_npz(path, loaded)
        with np.load(path) as saved:
            assert ("rng" in saved.files) == (not others)
        if others:
            loaded.rng.bit_generator.state = live.rng.bit_generator.state
        np.testing.assert_equal(_known(loaded), _known(live))
        if used and method == "auto":
            assert live.automatic["/gru/0"]._v is not None
            assert live.automatic["/gru/1"]._reference is not None
        elif used:
            assert len(live._last) == 2
            for before, bounds in live._last.values():  # Lemma 6 starts from these
                assert (bounds >= np.linalg.svd(before, compute_uv=False) - 1e-5).all()
        draws = live.rng.bit_generator.state
        for mine, other in zip(loaded.matrices.values(), live.matrices.values()):
            mine.array[...] = other.array
        for _ in range(3):
            for extension in (live, loaded):
                extension()
                extension.matrices["/gru/0"].array[...] += (0.01 * direction).astype(np.float32)
            for mine, other in zip(loaded.matrices.values(), live.matrices.values()):
                np.testing.assert_array_equal(mine.array, other.array)
        np.testing.assert_equal(_known(loaded), _known(live))
        assert live.rng.bit_generator.state != draws, "the test is to show random draws"
