"""P_delta by AutoProjection behind every optimizer step, for one GRU and for two."""

import copy

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import optimizers

from grustab.errors import NonFiniteMatrixError
from grustab.extensions import SpectralProjection
from grustab.links import GRU, StackedGRU
from grustab.projection.project import TOLERANCE

UNITS = 64
OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(lr=3.0),
    "Adam": lambda: optimizers.Adam(alpha=0.05),
    "RMSprop": lambda: optimizers.RMSprop(lr=0.02, alpha=0.99),
}
MODELS = {"one": lambda: chainer.Chain(gru=GRU(3, UNITS)), "two": lambda: two_layers(UNITS)}


def two_layers(units):
    return chainer.Chain(gru=StackedGRU(3, units, 2))


def sigma_1(w):
    return np.linalg.svd(w.astype(np.float64), compute_uv=False)[0]


def calls(auto):
    return sum(auto.counts[way] for way in ("skipped", "subspace", "exact"))


@pytest.mark.parametrize("delta", [0.2, 1.4])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_every_step_ends_within_the_cap(model, optimizer, delta):
    model, rng = MODELS[model](), np.random.default_rng(0)
    optimizer = OPTIMIZERS[optimizer]().setup(model)
    projection, overshoot = SpectralProjection(model, delta, "auto"), 0.0
    for _ in range(100):
        xs = rng.normal(size=(4, 5, 3)).astype(np.float32)
        model.cleargrads()
        model.gru.reset_state()
        F.mean((model.gru(xs) - 1) ** 2).backward()
        optimizer.update()
        overshoot = max(overshoot, *(sigma_1(m.array) for m in projection.matrices.values()))
        projection()
        for matrix in projection.matrices.values():
            assert sigma_1(matrix.array) <= (2 - delta) * (1 + TOLERANCE)
    assert overshoot > (2 - delta) * 1.01, "the test is to show a projection with work to do"
    assert projection.automatic.keys() == projection.matrices.keys()
    for auto in projection.automatic.values():
        assert calls(auto) == 100
        assert auto.counts["failed_checks"] == 0


def test_each_layer_keeps_its_own_state():
    model, rng = two_layers(UNITS), np.random.default_rng(0)
    first, second = (model.gru[i] for i in range(2))
    projection = SpectralProjection(model, 0.2, "auto")
    for gru in (first, second):
        gru.W_hh *= 0.5 / sigma_1(gru.W_hh)
    for _ in range(5):
        u, v = rng.normal(size=(2, UNITS))
        first.W_hh += (np.outer(u, v) / UNITS).astype(np.float32)  # the other stays as it is
        projection()
    moving, still = (projection.automatic[f"/gru/{i}"] for i in range(2))
    assert moving is not still
    assert (still.counts["exact"], still.counts["skipped"]) == (1, 4)
    assert moving.counts["subspace"] > 0
    assert sigma_1(second.W_hh) == pytest.approx(0.5, rel=1e-5)
    assert sigma_1(first.W_hh) <= 1.8 * (1 + TOLERANCE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 1])
def test_weights_that_are_not_finite_are_an_error_and_leave_the_state_sound(layer, bad):
    model = two_layers(UNITS)
    projection = SpectralProjection(model, 0.2, "auto")
    for i in range(3):
        gru = model.gru[layer]
        gru.W_hh *= 3 - i
        projection()
        kept = gru.W_hh.copy()
        gru.W_hh[1, 2] = bad
        with pytest.raises(NonFiniteMatrixError, match=f"1 of its {UNITS**2}"):
            projection()
        gru.W_hh = kept
    projection()
    assert sigma_1(gru.W_hh) <= 1.8 * (1 + TOLERANCE)
    # Refused before it could be counted.
    assert calls(projection.automatic[f"/gru/{layer}"]) == 4


def _step(model, rng):
    for gru in (model.gru[0], model.gru[1]):
        u, v = rng.normal(size=(2, UNITS)) / np.sqrt(UNITS)
        gru.W_hh += np.outer(u, v).astype(np.float32)


def _matrix(rng, top):
    """Its largest singular value far from all others, so that no rounding decides what is done."""
    u, v = (np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0] for _ in range(2))
    return (u * np.r_[top, np.linspace(0.2, 0.1, UNITS - 1)]) @ v.T, np.outer(u[:, 0], v[:, 0])


def _known(extension):
    """All that decides what an extension does next, seconds aside."""
    followed = {
        name: (auto._v, auto._reference, auto.counts) for name, auto in extension.automatic.items()
    }
    return followed, extension._last, extension.rng.bit_generator.state


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("given", [False, True], ids=["own generator", "generator given"])
@pytest.mark.parametrize("method", ["auto", "truncated"])
def test_resuming_equals_going_on(method, given, seed, tmp_path):
    """To the bit, with Chainer's own serializers; a generator that was given is its owner's."""
    model, rng = two_layers(UNITS), np.random.default_rng(seed)
    model.gru[0].W_hh, direction = _matrix(rng, 1.81)
    model.gru[1].W_hh, _ = _matrix(rng, 0.9)  # below the cap: it has a reference
    mine = np.random.default_rng(7) if given else None
    projection = SpectralProjection(model, 0.2, method, rng=mine)
    for _ in range(3):
        projection()
        model.gru[0].W_hh += (0.01 * direction).astype(np.float32)
    chainer.serializers.save_npz(tmp_path / "projection.npz", projection)
    copied = copy.deepcopy(model)
    another = SpectralProjection(copied, 0.2, method, rng=copy.deepcopy(mine))
    chainer.serializers.load_npz(tmp_path / "projection.npz", another)
    with np.load(tmp_path / "projection.npz") as saved:
        assert ("rng" in saved.files) == (not given)
    np.testing.assert_equal(_known(another), _known(projection))
    if method == "auto":
        assert projection.automatic["/gru/0"]._v is not None
        assert projection.automatic["/gru/1"]._reference is not None
    else:
        assert projection._last.keys() == {"/gru/0", "/gru/1"}
    draws = projection.rng.bit_generator.state
    for _ in range(3):
        for extension in (projection, another):
            extension()
            extension.matrices["/gru/0"].array[...] += (0.01 * direction).astype(np.float32)
        for i in range(2):
            np.testing.assert_array_equal(model.gru[i].W_hh, copied.gru[i].W_hh)
    np.testing.assert_equal(_known(another), _known(projection))
    assert projection.rng.bit_generator.state != draws, "the test is to show random draws"


@pytest.mark.parametrize("method", ["auto", "truncated"])
def test_going_back_to_an_earlier_state_equals_a_fresh_start_from_it(method, tmp_path):
    """Whatever has been followed since: the arrays there have other shapes."""
    model, rng = two_layers(UNITS), np.random.default_rng(0)
    fresh = SpectralProjection(copy.deepcopy(model), 1.4, method)
    live = SpectralProjection(model, 1.4, method)
    chainer.serializers.save_npz(tmp_path / "unused.npz", live)
    for _ in range(4):
        _step(model, rng)
        live()
    chainer.serializers.save_npz(tmp_path / "used.npz", live)
    for gru in (model.gru[0], model.gru[1]):
        gru.W_hh *= 0.1
    for _ in range(4):
        live()
    for name in ("used", "unused"):
        for extension in (live, fresh):
            chainer.serializers.load_npz(tmp_path / f"{name}.npz", extension)
        pairs = [(live.matrices[k].array, fresh.matrices[k].array) for k in live.matrices]
        for mine, other in pairs:
            mine[...] = 3 * np.eye(UNITS) + np.diag(np.arange(UNITS - 1) / UNITS, 1)
            other[...] = mine
        for _ in range(3):
            live()
            fresh()
            for mine, other in pairs:
                np.testing.assert_array_equal(mine, other)
                mine *= 1.1
                other *= 1.1
        assert live.rng.bit_generator.state == fresh.rng.bit_generator.state
