"""Monitors, and the generators of a run."""

import math

import chainer
import chainer.functions as F
import numpy as np
import pytest
import scipy.linalg
from chainer import optimizers
from chainer.optimizer_hooks import GradientClipping, GradientHardClipping

from grustab.errors import DivergenceError
from grustab.extensions import LyapunovMonitor, SpectrumMonitor
from grustab.generators import Generators
from grustab.links import GRU
from grustab.optimizer_hooks import GradientMonitor
from tests.grustab.extensions.test_sequence_evaluator import language, words


def observed(call, *args):
    observation = {}
    with chainer.Reporter().scope(observation):
        call(*args)
    return observation


def test_spectrum_monitor_reports_what_numpy_computes():
    model = chainer.Chain(a=GRU(3, 6, rng=np.random.default_rng(1)), b=GRU(3, 5))
    model.a.W_hh = np.random.default_rng(0).normal(size=(6, 6))
    before = model.a.W_hh.copy()
    observation = observed(SpectrumMonitor(model))
    assert len(observation) == 4
    for name, gru in (("a", model.a), ("b", model.b)):
        w = gru.W_hh.astype(np.float64)
        eigenvalues = np.linalg.eigvals(w / 4 + np.eye(len(w)) / 2)
        # The Jacobian is taken in float32.
        assert observation[f"spectrum/{name}/spectral_radius"] == pytest.approx(
            np.abs(eigenvalues).max(), rel=1e-5
        )
        assert observation[f"spectrum/{name}/sigma_1"] == pytest.approx(np.linalg.norm(w, 2))
    np.testing.assert_array_equal(model.a.W_hh, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_spectrum_monitor_reports_nan_for_weights_that_are_not_finite(bad):
    model = chainer.Chain(a=GRU(3, 6), b=GRU(3, 5))
    model.a.W_hh[2, 3] = bad
    observation = observed(SpectrumMonitor(model))
    assert math.isnan(observation["spectrum/a/sigma_1"])
    assert math.isnan(observation["spectrum/a/spectral_radius"])
    assert observation["spectrum/b/sigma_1"] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("failing", "gaps"),
    [
        ({"svd"}, set()),  # there is a second routine
        ({"svd", "gesvd"}, {"spectrum/sigma_1"}),
        ({"eigvals"}, {"spectrum/spectral_radius"}),
        ({"svd", "gesvd", "eigvals"}, {"spectrum/sigma_1", "spectrum/spectral_radius"}),
    ],
)
def test_spectrum_monitor_leaves_a_gap_where_nothing_converges(monkeypatch, failing, gaps):
    def fail(*args, **options):
        raise np.linalg.LinAlgError("did not converge")

    model = GRU(3, 6)
    for name in failing:
        place = (scipy.linalg, "svd") if name == "gesvd" else (np.linalg, name)
        monkeypatch.setattr(*place, fail)
    observation = observed(SpectrumMonitor(model))
    assert {key for key, value in observation.items() if math.isnan(value)} == gaps
    if "spectrum/sigma_1" not in gaps:
        assert observation["spectrum/sigma_1"] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("extension", [LyapunovMonitor, SpectrumMonitor])
def test_a_model_without_a_gru_is_refused(extension):
    with pytest.raises(ValueError, match=r"holds no grustab\.links\.GRU"):
        extension(chainer.links.StatefulGRU(3, 4))


def optimizer_with(grads, *hooks):
    """SGD whose next update meets these gradients."""
    target = chainer.Chain()
    with target.init_scope():
        for i, grad in enumerate(grads):
            setattr(target, f"p{i}", chainer.Parameter(np.zeros_like(grad)))
    optimizer = optimizers.SGD(lr=1.0).setup(target)
    for hook in hooks:
        optimizer.add_hook(hook)
    for i, grad in enumerate(grads):
        getattr(target, f"p{i}").grad = grad
    return optimizer


def random_grads(scale=1.0):
    rng = np.random.default_rng(0)
    return [(scale * rng.normal(size=s)).astype(np.float32) for s in ((4, 3), (7,), (2, 2, 2))]


def test_gradient_monitor_reports_what_numpy_computes():
    grads = random_grads()
    flat = np.concatenate([g.ravel() for g in grads]).astype(np.float64)
    observation = observed(optimizer_with(grads, GradientMonitor()).update)
    assert observation == {
        "gradient/norm": pytest.approx(np.linalg.norm(flat), rel=1e-6),
        "gradient/mean_abs": pytest.approx(np.abs(flat).mean(), rel=1e-6),
    }


def test_gradient_monitor_looks_at_the_elements_every_so_many_steps():
    optimizer = optimizer_with(random_grads(), GradientMonitor(elements_interval=3))
    looks = ["gradient/mean_abs" in observed(optimizer.update) for _ in range(7)]
    assert looks == [True, False, False, True, False, False, True]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("scale", [1e19, 1e25, 1e37])
def test_gradient_monitor_survives_squares_too_large_for_float32(scale):
    grads = random_grads(scale)
    observation = observed(optimizer_with(grads, GradientMonitor()).update)
    flat = np.concatenate([g.ravel() for g in grads]).astype(np.float64)
    assert observation["gradient/norm"] == pytest.approx(np.linalg.norm(flat), rel=1e-6)
    assert observation["gradient/mean_abs"] == pytest.approx(np.abs(flat).mean(), rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_gradient_monitor_stops_a_gradient_that_is_not_finite(bad):
    grads = random_grads()
    grads[1][3] = bad
    optimizer = optimizer_with(grads, GradientMonitor(), GradientClipping(5))
    with pytest.raises(DivergenceError, match="gradient") as caught:
        optimizer.update()
    assert caught.value.quantity == "gradient"
    assert not math.isfinite(caught.value.value)
    assert all((p.array == 0).all() for p in optimizer.target.params())


@pytest.mark.parametrize("clipping", [GradientClipping(0.5), GradientHardClipping(-0.01, 0.01)])
def test_gradient_monitor_before_clipping_sees_the_whole_gradient(clipping):
    grads = random_grads()
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
    optimizer = optimizer_with(grads, GradientMonitor(), clipping)
    assert observed(optimizer.update)["gradient/norm"] == pytest.approx(norm, rel=1e-6)
    moved = np.concatenate([p.array.ravel() for p in optimizer.target.params()])
    assert np.linalg.norm(moved) < 0.51


def test_gradient_monitor_measures_the_gradient_of_a_model():
    model = language()
    optimizer = optimizers.SGD(0.1).setup(model)
    optimizer.add_hook(GradientMonitor())
    xs = words(12).reshape(6, 2)
    observation = observed(lambda: optimizer.update(lambda: F.sum(model(xs, xs))))
    square = sum((p.grad.astype(np.float64) ** 2).sum() for p in model.params())
    assert observation["gradient/norm"] == pytest.approx(math.sqrt(square), rel=1e-5)


STREAMS = ("weights", "order", "projection")


def test_generators_of_one_seed_repeat_and_differ_from_each_other_and_other_seeds():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    a, b, c = Generators(3), Generators(3), Generators(4)
    draws = {name: tuple(getattr(a, name).random(5)) for name in STREAMS}
    assert draws == {name: tuple(getattr(b, name).random(5)) for name in STREAMS}
    others = {tuple(getattr(c, name).random(5)) for name in STREAMS}
    assert len(others.union(draws.values())) == 6
    masks = [(*g.masks((4, 4), 0.5, np.dtype("f")).flat,) for g in (a, b, c)]
    assert masks[0] == masks[1] != masks[2]
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("used", STREAMS)
def test_drawing_from_one_generator_leaves_the_others_as_they_were(used):
    a, b = Generators(3), Generators(3)
    getattr(a, used).random(1000)
    for name in set(STREAMS) - {used}:
        assert getattr(a, name).random() == getattr(b, name).random()


def test_generators_go_on_from_where_they_were_saved(tmp_path):
    saved, loaded = Generators(3), Generators(4)
    for name in STREAMS:
        getattr(saved, name).random(5)
    saved.masks.drawn = 7
    chainer.serializers.save_npz(tmp_path / "generators.npz", saved)
    chainer.serializers.load_npz(tmp_path / "generators.npz", loaded)
    for name in set(STREAMS) - {"weights"}:
        assert (
            getattr(loaded, name).bit_generator.state == getattr(saved, name).bit_generator.state
        ), name
    assert loaded.masks.drawn == 7


def test_models_of_one_seed_start_alike_whatever_the_dropout():
    for p, q in zip(language(0.0).params(), language(0.5).params(), strict=True):
        np.testing.assert_array_equal(p.array, q.array)
