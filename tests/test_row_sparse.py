"""Row-sparse gradients against the dense ones of Chainer."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import optimizer_hooks as hooks
from chainer import optimizers
from chainer.utils.type_check import InvalidType

import grustab.optimizers
from grustab.functions import embed_id_rows
from grustab.links import EmbedID
from grustab.row_sparse import RowSparseParameter, nonzero_gradients

V, SIZE = 9, 3
IDS = {
    "repeated": [1, 5, 1, 1, 8, 5],
    "all the same": [4, 4, 4, 4],
    "one": [0],
    "every row": [8, 7, 6, 5, 4, 3, 2, 1, 0, 0],
    "matrix": [[1, 2, 1], [0, 2, 8]],
}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_ids = pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
# Sums of less than ten numbers of size 1.
TOLERANCE = {np.float32: 2e-6, np.float64: 4e-15}


def pair(dtype=np.float64):
    """Our link and Chainer's, with the same weights and no gradient."""
    w = np.random.default_rng(0).normal(size=(V, SIZE)).astype(dtype)
    with chainer.using_config("dtype", dtype):
        links = EmbedID(V, SIZE, initialW=w), L.EmbedID(V, SIZE, initialW=w)
    for link in links:
        link.cleargrads()
    return links


def loss(link, ids, seed=1):
    """A scalar whose gradient with respect to the vectors is random."""
    ys = link(np.array(ids, dtype=np.int32))
    return F.sum(ys * np.random.default_rng(seed).normal(size=ys.shape).astype(ys.dtype))


def check_same_gradient(ours, theirs):
    assert ours.grad.dtype == theirs.grad.dtype
    tol = TOLERANCE[theirs.dtype.type]
    np.testing.assert_allclose(ours.grad, theirs.grad, rtol=tol, atol=tol)


@dtypes
@every_ids
def test_vectors_and_gradient_are_those_of_chainers_link(ids, dtype):
    ours, theirs = pair(dtype)
    ys = ours(np.array(ids))
    assert ys.dtype == dtype
    np.testing.assert_array_equal(ys.array, theirs(np.array(ids)).array)
    loss(ours, ids).backward()
    loss(theirs, ids).backward()
    rows, values = ours.W.row_gradient
    np.testing.assert_array_equal(rows, np.unique(ids))
    assert values.dtype == dtype
    np.testing.assert_allclose(values, theirs.W.grad[rows], rtol=0, atol=TOLERANCE[dtype])
    check_same_gradient(ours.W, theirs.W)
    # From then on it is the array that has been handed out.
    assert ours.W.row_gradient is None


def test_a_new_link_looks_like_chainers():
    with chainer.using_config("dtype", np.float32):
        ours, theirs = EmbedID(40, 50), L.EmbedID(40, 50)
    assert isinstance(ours.W, RowSparseParameter)
    for link in (ours, theirs):
        assert [name for name, _ in link.namedparams()] == ["/W"]
        assert (link.W.name, link.W.shape, link.W.dtype) == ("W", (40, 50), np.float32)
        # Of 2000 normal numbers; and no gradient has been computed.
        assert link.W.array.std() == pytest.approx(1, abs=0.1)
        assert np.isnan(link.W.grad).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64])
@pytest.mark.parametrize("wrap", [np.asarray, chainer.Variable])
def test_word_numbers_are_integers_of_any_size(wrap, dtype):
    ours, _ = pair()
    ids = wrap(np.array([3, 1], dtype))
    np.testing.assert_array_equal(ours(ids).array, ours.W.array[[3, 1]])


@pytest.mark.parametrize("wrap", [chainer.Variable, chainer.Parameter])
def test_gradient_of_other_matrices_is_a_whole_one(wrap):
    ours, theirs = pair()
    w = wrap(ours.W.array)
    w.cleargrad()
    loss(lambda ids: embed_id_rows(ids, w), IDS["matrix"]).backward()
    loss(theirs, IDS["matrix"]).backward()
    check_same_gradient(w, theirs.W)
    (grad,) = chainer.grad([loss(lambda ids: embed_id_rows(ids, w), IDS["matrix"])], [w])
    np.testing.assert_array_equal(grad.array, w.grad)


def both(compute):
    """Let both links compute, and compare their gradients."""
    ours, theirs = pair()
    for link in (ours, theirs):
        compute(link)
    check_same_gradient(ours.W, theirs.W)


def test_two_uses_in_one_graph_add_up():
    both(lambda link: (loss(link, [1, 5, 1], 1) + loss(link, [[5, 2, 5]], 2)).backward())


@pytest.mark.parametrize("read", [True, False], ids=["read between", "not read"])
@pytest.mark.parametrize("times", [2, 3])
def test_backward_without_cleargrads_adds_up(times, read):
    def compute(link):
        for k in range(times):
            loss(link, [k, 5, k, k + 1], k).backward()
            if read:
                assert link.W.grad is not None

    both(compute)


@pytest.mark.parametrize("start", ["zeros", "numbers"])
def test_backward_adds_to_a_whole_gradient(start):
    def compute(link):
        if start == "zeros":
            link.W.grad = np.zeros((V, SIZE))
        else:
            link.W.grad = np.arange(V * SIZE, dtype="d").reshape(V, SIZE)
        loss(link, [1, 5, 1]).backward()

    both(compute)


# The matrix in functions that know nothing of rows, before or after the embedding in the graph.
OTHER_USES = {
    "tied output layer": lambda link: F.sum(F.linear(link(np.array([1, 5, 1])), link.W)),
    "penalty": lambda link: loss(link, [1, 5, 1]) + F.sum(link.W**2),
    "penalty first": lambda link: F.sum(link.W**2) + loss(link, [1, 5, 1]),
    "deep penalty": lambda link: loss(link, [1, 5]) + F.sum(F.tanh(F.tanh(F.tanh(link.W)))),
    "deep embedding": lambda link: F.sum(link.W**2) + F.tanh(F.tanh(loss(link, [1, 5]))),
}


@pytest.mark.parametrize("use", OTHER_USES.values(), ids=OTHER_USES)
def test_other_uses_of_the_matrix_in_the_graph_add_up(use):
    both(lambda link: use(link).backward())


def test_cleargrads_clears():
    ours, theirs = pair()
    loss(ours, [1, 5]).backward()
    ours.cleargrads()
    assert ours.W.row_gradient is None
    assert ours.W.grad is None
    assert nonzero_gradients(ours) == []
    loss(ours, [2, 2]).backward()
    loss(theirs, [2, 2]).backward()
    np.testing.assert_array_equal(ours.W.row_gradient[0], [2])
    check_same_gradient(ours.W, theirs.W)


def train(link, optimizer, *with_hooks, steps=5, on_parameter=None):
    optimizer.setup(link)
    for hook in with_hooks:
        optimizer.add_hook(hook)
    if on_parameter is not None:
        link.W.update_rule.add_hook(on_parameter)
    rng = np.random.default_rng(3)
    for k in range(steps):
        ids = rng.integers(0, V, 6)
        optimizer.update(lambda ids=ids, k=k: loss(link, ids, k))
    return link.W.array


HOOKS = [
    hooks.WeightDecay(0.1),
    hooks.Lasso(0.01),
    hooks.GradientHardClipping(-0.5, 0.5),
    hooks.GradientClipping(0.3),
    hooks.GradientClipping(1e9),
]


@dtypes
@pytest.mark.parametrize("hook", [None, *HOOKS], ids=lambda hook: type(hook).__name__)
def test_hooks_and_sgd_are_the_same_as_chainers(hook, dtype):
    with_hooks = [] if hook is None else [hook]
    ours, theirs = pair(dtype)
    before = ours.W.array.copy()
    train(ours, grustab.optimizers.SGD(0.1), *with_hooks)
    train(theirs, optimizers.SGD(0.1), *with_hooks)
    np.testing.assert_allclose(ours.W.array, theirs.W.array, rtol=0, atol=TOLERANCE[dtype])
    assert not np.array_equal(ours.W.array, before)


@pytest.mark.parametrize("ids", [np.ones(V, bool), np.ones(3, np.float32)], ids=["bool", "float"])
def test_ids_that_are_no_integers_are_refused(ids):
    with pytest.raises(InvalidType, match="integer ids"):
        embed_id_rows(ids, np.ones((V, SIZE), np.float32))


@pytest.mark.parametrize("row_sparse", [False, True])
def test_a_second_derivative_is_refused(row_sparse):
    link = EmbedID(V, SIZE)
    w = link.W if row_sparse else chainer.Variable(link.W.array)
    y = F.sum(embed_id_rows(np.array([1, 2]), w) ** 2)
    with pytest.raises(NotImplementedError, match="second derivative"):
        y.backward(enable_double_backprop=True)
