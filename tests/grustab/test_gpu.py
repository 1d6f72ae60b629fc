"""Each function gives on a GPU what it gives on a CPU."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import optimizers
from chainer.backends import cuda

from grustab.extensions import LyapunovMonitor, SpectralProjection
from grustab.functions import cross_entropy, embed_with_dropout, gru_sequence, seeded_dropout
from grustab.links import GRU, StackedGRU
from grustab.masks import Masks
from grustab.optimizer_hooks import GradientClipping
from grustab.projection.auto import AutoProjection
from grustab.projection.cap import METHODS, TOLERANCE
from grustab.projection.subspace import rayleigh_ritz, rayleigh_ritz_on_gpu
from grustab.projection.together import together
from grustab.updaters.gpu_step import ARRAYS, RULES, gradient_sums, update
from tests.grustab.projection.reference import check, check_info, orthogonal
from tests.grustab.projection.test_auto import SEQUENCES

pytestmark = pytest.mark.gpu
T, B, M, N, V = 7, 5, 6, 8, 11
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def draw_the_same_in_any_order():
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def on_both(function, *arrays):
    """Value and gradients on the CPU and on the GPU."""
    results = []
    for device in ("@numpy", "@cupy:0"):
        device = chainer.get_device(device)
        device.use()
        variables = [chainer.Variable(device.send(array)) for array in arrays]
        y = function(*variables)
        F.sum(y * y).backward()
        results.append([chainer.get_device("@numpy").send(y.array)])
        results[-1] += [chainer.get_device("@numpy").send(v.grad) for v in variables]
    return results


def assert_close(cpu, gpu):
    for a, b in zip(cpu, gpu, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_gru_sequence():
    arrays = normal(T, B, M), normal(B, N), normal(3 * N, M), normal(3 * N, N)
    assert_close(*on_both(gru_sequence, *arrays))
    grads = []
    for device in ("@numpy", "@cupy:0"):  # of the first state alone
        x, h0, *ws = (chainer.Variable(chainer.get_device(device).send(array)) for array in arrays)
        ys = gru_sequence(x.array, h0, *(w.array for w in ws))
        grads.append(cuda.to_cpu(chainer.grad([F.sum(ys * ys)], [h0])[0].array))
    assert_close(*[[grad] for grad in grads])


def test_a_state_moves_with_its_link():
    gru, xs = GRU(M, N), normal(T, B, M)
    gru(xs)
    moved = gru.copy(mode="copy")
    moved.to_device("@cupy:0")
    assert_close([gru(xs).array], [cuda.to_cpu(moved(cuda.to_gpu(xs)).array)])


@pytest.mark.parametrize("count", [1, ARRAYS - 1, ARRAYS, ARRAYS + 1])
def test_an_update_adds_up_all_gradients_and_needs_a_finite_loss(count):
    params = [chainer.Parameter(cuda.to_gpu(normal(3))) for _ in range(count)]
    optimizer = optimizers.SGD(0.1)
    for param in params:
        param.grad = cuda.to_gpu(normal(3))
        param.update_rule = optimizer.create_update_rule()
    before, grads = (
        np.array([cuda.to_cpu(getattr(p, k)) for p in params]) for k in ("array", "grad")
    )
    sums = gradient_sums(params)
    assert_close([(grads.astype("d") ** 2).sum(), abs(grads.astype("d")).sum()], cuda.to_cpu(sums))
    for loss, moved in ((np.inf, 0), (np.nan, 0), (1, 1)):
        update(RULES[optimizers.SGD], params, cuda.cupy.full((), loss, "f"), sums, 1e3)
        after = [cuda.to_cpu(param.array) for param in params]
        assert_close(before - 0.1 * moved * grads, after)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 1 - 1e-16])
@pytest.mark.parametrize("shape", [(1,), (16,), (3, 5, 7)], ids=str)
@pytest.mark.parametrize("key", [(0, 0), (2**64 - 1, 2**63 + 5)])
def test_masks_are_the_same_to_the_bit(key, shape, ratio, dtype):
    cpu, gpu = Masks(key), Masks(key)
    x = chainer.Variable(cuda.cupy.ones(shape, dtype))
    for _ in range(2):
        expected = cpu(shape, ratio, np.dtype(dtype))
        y = seeded_dropout(x, ratio, gpu)
        y.grad = cuda.cupy.ones(shape, dtype)
        x.cleargrad()
        y.backward()
        for got in (y.array, x.grad):
            np.testing.assert_array_equal(got.get(), expected, strict=True)


def test_words_with_dropout():
    def function(table):
        return embed_with_dropout(table.device.send(ids), table, 0.3, 0.5, Masks((1, 2)))

    ids = RNG.integers(0, V, (T, B)).astype(np.int32)
    assert_close(*on_both(function, normal(V, M)))


@pytest.mark.parametrize("scale", [1, 1e4])
@pytest.mark.parametrize("never", [None, 0, 3])  # words with the bias -inf; None: no bias
def test_cross_entropy(never, scale):
    def function(h, w, *b):
        return cross_entropy(h, w, *(b or [None]), h.device.send(labels))

    labels = RNG.integers(-1, V, B).astype(np.int32)
    labels[labels >= 0] %= V - (never or 0)
    bias = normal(V)
    bias[V - (never or 0) :] = -np.inf
    weights = normal(V, M), *[bias] * (never is not None)
    assert_close(*on_both(function, scale * normal(B, M), *weights))


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_training_takes_the_same_way(name):
    ids = RNG.integers(0, V, (3, T, B)).astype(np.int32)
    weights = []
    for device in ("@numpy", "@cupy:0"):
        device = chainer.get_device(device)
        device.use()
        # RMSprop would enlarge the rounding of small gradients in float32.
        with chainer.using_config("dtype", np.float64):
            gru = StackedGRU(M, N, 2, 0.5, rng=np.random.default_rng(2), masks=Masks((3, 4)))
            model = chainer.Chain(embed=L.EmbedID(V, M), gru=gru)
        model.embed.W.array[...] = np.random.default_rng(1).normal(size=(V, M))
        model.to_device(device)
        setup = getattr(optimizers, name)(0.01).setup(model)
        setup.add_hook(GradientClipping(0.5))
        for batch in ids:
            h = model.gru(model.embed(device.send(batch)))
            model.cleargrads()
            F.sum(h * h).backward()
            setup.update()
        model.to_device("@numpy")
        weights.append([param.array for param in model.params()])
    assert_close(*weights)


def test_singular_triplets_and_how_far_off_they_are():
    w, block = normal(20, 15), np.linalg.qr(normal(15, 4))[0]
    skew = (block @ np.triu(normal(4, 4) + 2 * np.eye(4))).astype("f")  # the same span
    found = rayleigh_ritz(w, block), *together([
        rayleigh_ritz_on_gpu(cuda.cupy.asarray(w), cuda.cupy.asarray(columns))
        for columns in (block, skew)
    ])  # fmt: skip
    cpu, *gpu = (
        # the signs of vectors are free
        ((cuda.to_cpu(u) * sigma) @ cuda.to_cpu(v).T, sigma, residuals)
        for u, sigma, v, residuals in found
    )
    assert min(cpu[2]) > 0.1, "the test is to show residuals"
    for one in gpu:
        assert_close(cpu, one)


@pytest.mark.parametrize("bad", [0, np.inf, np.nan])
def test_columns_that_say_nothing_are_refused(bad):
    w, block = cuda.cupy.asarray(normal(20, 15)), normal(15, 4)
    block[:, 3] = bad
    assert together([rayleigh_ritz_on_gpu(w, cuda.cupy.asarray(block))]) == [None]


@pytest.mark.parametrize("size", [0, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3])
def test_directions_that_rounding_hides_are_set_aside(size):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(20, 15))
    block = np.linalg.svd(w)[2][:4].T @ rng.normal(size=(4, 4))  # true residuals would be 0
    block[:, 3] = block[:, 0] + size * block[:, 3]
    found = together([rayleigh_ritz_on_gpu(cuda.cupy.asarray(w), cuda.cupy.asarray(block))])[0]
    _, sigma, v, residuals = (cuda.to_cpu(part) for part in found)
    shown = (sigma > 0).sum()
    assert shown == (4 if size == 1e-3 else 3)
    expected = np.linalg.svd(w @ np.linalg.qr(block[:, :shown])[0], compute_uv=False)
    np.testing.assert_allclose(sigma[:shown], expected, rtol=3e-5)
    exact = np.linalg.norm(w.T @ w @ v - v * sigma**2, axis=0)[:shown] / sigma[:shown]
    assert (residuals[:shown] >= exact * (1 - 1e-4)).all()
    v /= np.maximum(np.linalg.norm(v, axis=0), 1e-300)
    np.testing.assert_allclose(v[:, :shown].T @ v, np.eye(4)[:shown], atol=1e-7)


def on_gpu(auto):
    def call(w):
        array = cuda.to_gpu(w)
        projected, info = auto(array)
        return w if projected is array else cuda.to_cpu(projected), info

    return call


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("spike", [0.5, 2, 3.5])
def test_auto_projection_follows_a_walk(spike, dtype):
    n, rng, auto = 200, np.random.default_rng(0), AutoProjection(0.2)
    sigma = np.r_[np.full(8, 1.8), np.linspace(1.3, 0, n - 8)]
    w = ((orthogonal(rng, n) * sigma) @ orthogonal(rng, n)).astype(dtype)
    for _ in range(40):  # the largest singular value goes up to about 1.8, 2.6 and 4
        w += (spike * np.outer(*rng.normal(size=(2, n))) / n).astype(dtype)
        projected, info = check(on_gpu(auto), w, 0.2, "followed")
        check_info(w, projected, info, auto.cap)
        w = projected
    assert auto.counts["exact"] <= 2, "the subspace is to serve"
    assert auto.counts["subspace"] and info.capped, "the test is to show a cap that is followed"


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_auto_projection_of_any_sequence(sequence, dtype):
    n, rng, auto, last = 100, np.random.default_rng(0), AutoProjection(0.2), None
    for i in range(9):
        last = None if last is None else last / auto.cap
        w = (auto.cap * SEQUENCES[sequence](rng, n, i, last)).astype(dtype)
        last, info = check(on_gpu(auto), w, 0.2, "followed")
        check_info(w, last, info, auto.cap)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("devices", [("@numpy", "@cupy:0"), ("@cupy:0", "@numpy")], ids="-".join)
def test_p_delta_and_exponents_go_on_after_the_model_has_moved(method, devices):
    gru = GRU(3, 64, rng=np.random.default_rng(0))  # orthogonal at first
    gru.W_hh *= np.r_[np.full(5, 1.9), np.linspace(1.3, 0, 59)]
    projection, monitor = SpectralProjection(gru, 0.2, method), LyapunovMonitor(gru)
    gru.to_device(devices[0])
    gru(gru.device.send(normal(4, 2, 3)))
    for device in (*devices, devices[0]):
        gru.to_device(device)
        assert np.isfinite(monitor.observe()[""]).all()
        for _ in range(3):
            gru.W_hh *= 1.01
            projection()
            assert np.linalg.norm(cuda.to_cpu(gru.W_hh), 2) == pytest.approx(1.8, rel=TOLERANCE)


@pytest.mark.skipif(not hasattr(cuda.cupy, "standin"), reason="counted only by a stand-in for CuPy")
@pytest.mark.parametrize(
    ("layers", "units", "near", "launches"),
    [(1, 650, 12, 36), (1, 650, 2, 36), (2, 200, 12, 72)],
    ids=["language", "few large values", "music"],
)
def test_auto_asks_little_of_a_gpu(layers, units, near, launches):
    gru = StackedGRU(3, units, layers, rng=np.random.default_rng(0))
    for layer in gru:  # orthogonal at first
        layer.W_hh *= np.r_[np.full(near, 1.81), np.linspace(1.3, 0, units - near)]
    gru.to_device("@cupy:0")
    projection = SpectralProjection(gru, 0.2)
    projection()  # exactly
    for layer in gru:
        layer.W_hh *= 1.002
    counts = cuda.cupy.standin.counts
    cuda.cupy.standin.reset()
    projection()
    assert counts["d2h"] + counts["sync"] <= 1
    assert counts["launch"] <= launches
    assert [auto.counts["subspace"] for auto in projection.automatic.values()] == [1] * layers
