"""The optimizers that update in place against Chainer's."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import optimizer_hooks, optimizers

import grustab.optimizer_hooks
import grustab.optimizers
from grustab.functions import linear_softmax_cross_entropy
from grustab.links import EmbedID
from grustab.optimizers import blocks

STEPS = 100
SHAPES = [(), (1,), (7,), (64,), (65,), (13, 11), (4, 5, 6), (0, 3)]
# Each moves the weights by about 1 in 100 steps.
OPTIONS = {"SGD": {"lr": 0.1}, "Adam": {"alpha": 0.01}, "RMSprop": {"lr": 0.01}}
names = pytest.mark.parametrize("name", OPTIONS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(params=[64, None], ids=["small blocks", "one block"])
def block(request, monkeypatch):
    if request.param is not None:
        monkeypatch.setattr(blocks, "BLOCK", request.param)


def ours(name, **options):
    return getattr(grustab.optimizers, name)(**{**OPTIONS[name], **options})


def theirs(name, **options):
    return getattr(optimizers, name)(**{**OPTIONS[name], **options})


def make(arrays):
    chain = chainer.Chain()
    with chain.init_scope():
        for i, array in enumerate(arrays):
            setattr(chain, f"p{i}", chainer.Parameter(array))
    return chain


def random_arrays(shapes, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=s), dtype=dtype) for s in shapes]


def random_grads(shapes, dtype, seed):
    """Of all magnitudes, eps of Adam and RMSprop (1e-8) among them."""
    rng = np.random.default_rng(seed)
    return [
        np.asarray(rng.normal(size=s) * 10 ** rng.uniform(-9, 0.5, s), dtype=dtype) for s in shapes
    ]


def train(optimizer, arrays, steps=STEPS, grads=random_grads, each=lambda k, optimizer: None):
    """Weights after the steps, and the optimizer's state of each of them."""
    chain = make([a.copy(order="K") for a in arrays])
    optimizer.setup(chain)
    shapes = [a.shape for a in arrays]
    for k in range(steps):
        each(k, optimizer)
        for param, grad in zip(chain.params(), grads(shapes, arrays[0].dtype, k), strict=True):
            param.grad = grad
        optimizer.update()
    params = list(chain.params())
    return [p.array for p in params], [p.update_rule.state or {} for p in params]


def check_same(first, second, steps=STEPS):
    """Both round a weight at each step, by half a unit in its last place at the most.

    What is subtracted, smaller than the weight, differs by a few roundings of its own; all of a
    weight's steps together are about 1. 4 units are for these.
    """
    for a, b in zip(first[0], second[0], strict=True):
        assert a.dtype == b.dtype
        largest = np.abs(b).max(initial=1)
        atol = (steps + 4) * np.finfo(b.dtype).eps * largest
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)
    for a, b in zip(first[1], second[1], strict=True):
        assert a.keys() == b.keys()
        for key, expected in b.items():
            # Averages of g and g^2: at each step a few roundings of the larger of the summands.
            atol = 4 * steps * np.finfo(expected.dtype).eps * np.abs(expected).max(initial=0)
            np.testing.assert_allclose(a[key], expected, rtol=0, atol=atol)


@names
@dtypes
def test_a_hundred_steps_are_those_of_chainer(dtype, name, block):
    arrays = random_arrays(SHAPES, dtype)
    result = train(ours(name), arrays)
    check_same(result, train(theirs(name), arrays))
    moved = [np.abs(a - b).max(initial=0) for a, b in zip(arrays, result[0], strict=True)]
    assert 0.1 < max(moved) < 5


@names
@dtypes
def test_weights_of_several_blocks_of_the_usual_size(dtype, name):
    arrays = random_arrays([(3, blocks.BLOCK // 2 + 1)], dtype)
    check_same(train(ours(name), arrays, 3), train(theirs(name), arrays, 3), 3)


OTHER_OPTIONS = [
    ("Adam", {"amsgrad": True}),
    ("Adam", {"adabound": True, "final_lr": 0.02}),
    ("Adam", {"amsgrad": True, "adabound": True}),
    ("Adam", {"weight_decay_rate": 0.1}),
    ("Adam", {"weight_decay_rate": 0.1, "eta": 0.5}),
    ("Adam", {"eta": 0.5}),
    ("Adam", {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3}),
    ("RMSprop", {"eps_inside_sqrt": True}),
    ("RMSprop", {"alpha": 0.5, "eps": 1e-3}),
    ("SGD", {"lr": 0.0}),
    # Such as a learning rate becomes when it is divided by a NumPy number.
    ("SGD", {"lr": np.float64(0.1)}),
    ("Adam", {"alpha": np.float64(0.01)}),
    ("RMSprop", {"lr": np.float64(0.01)}),
]


@dtypes
@pytest.mark.parametrize(("name", "options"), OTHER_OPTIONS, ids=str)
def test_other_options_are_those_of_chainer(name, options, dtype, block):
    arrays = random_arrays(SHAPES, dtype)
    result = train(ours(name, **options), arrays)
    check_same(result, train(theirs(name, **options), arrays))


@names
def test_default_options_are_those_of_chainer(name):
    plain = [getattr(module, name)() for module in (grustab.optimizers, optimizers)]
    assert plain[0].hyperparam.get_dict() == plain[1].hyperparam.get_dict()
    assert isinstance(plain[0], getattr(optimizers, name))


@names
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_a_new_learning_rate_takes_effect(rate, name, block):
    attribute = "alpha" if name == "Adam" else "lr"

    def change(k, optimizer):
        if k == 20:
            setattr(optimizer, attribute, rate)

    arrays = random_arrays(SHAPES, np.float64)
    result = train(ours(name), arrays, each=change)
    check_same(result, train(theirs(name), arrays, each=change))
    before = train(ours(name), arrays, 20)[0]
    assert all(np.array_equal(a, b) for a, b in zip(before, result[0], strict=True)) == (rate == 0)


class LanguageModel(chainer.Chain):
    """The smallest there is, of our links or of Chainer's."""

    def __init__(self, is_ours):
        super().__init__()
        rng = np.random.default_rng(0)
        self.is_ours = is_ours
        with self.init_scope(), chainer.using_config("dtype", np.float64):
            embed = EmbedID if is_ours else L.EmbedID
            self.embed = embed(30, 8, initialW=rng.normal(size=(30, 8)))
            self.output = L.Linear(8, 30, initialW=rng.normal(size=(30, 8)))

    def forward(self, x, t):
        h = F.tanh(self.embed(x))
        if self.is_ours:
            return linear_softmax_cross_entropy(h, self.output.W, self.output.b, t)
        return F.softmax_cross_entropy(self.output(h), t, normalize=False) * len(t)


@names
@pytest.mark.parametrize("threshold", [0.5, None], ids=["clipped", "not clipped"])
def test_a_language_model_learns_the_same(threshold, name, block):
    models = [LanguageModel(True), LanguageModel(False)]
    pairs = [
        (ours(name), grustab.optimizer_hooks.GradientClipping),
        (theirs(name), optimizer_hooks.GradientClipping),
    ]
    losses = []
    for model, (optimizer, clipping) in zip(models, pairs, strict=True):
        optimizer.setup(model)
        if threshold is not None:
            optimizer.add_hook(clipping(threshold))
        stream = np.random.default_rng(1).integers(0, 10, (STEPS, 2, 6)).astype(np.int32)
        for x, t in stream:
            optimizer.update(model, x, t)
        losses.append(float(model(stream[0, 0], stream[0, 1]).array))
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    for a, b in zip(*(model.params() for model in models), strict=True):
        np.testing.assert_allclose(a.array, b.array, rtol=0, atol=1e-9)
