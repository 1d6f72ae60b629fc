"""Links with a row-sparse parameter: optimizers, copies, files and devices."""

import copy
import pickle

import chainer
import numpy as np
import pytest
from chainer import optimizer_hooks as hooks
from chainer import optimizers, serializers

import grustab.optimizers
from grustab.links import EmbedID
from grustab.row_sparse import RowSparseParameter
from tests.test_row_sparse import V, check_same_gradient, loss, pair, train

# What SGD, the only one of ours that knows of rows, and Chainer's optimizers have in common.
STOCK = [optimizers.SGD, optimizers.MomentumSGD, optimizers.Adam, optimizers.RMSprop]


@pytest.mark.parametrize("optimizer", STOCK)
def test_chainers_optimizers_work(optimizer):
    ours, theirs = pair()
    train(ours, optimizer())
    train(theirs, optimizer())
    np.testing.assert_allclose(ours.W.array, theirs.W.array, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_our_optimizers_work(name):
    ours, theirs = pair()
    train(ours, getattr(grustab.optimizers, name)())
    train(theirs, getattr(optimizers, name)())
    np.testing.assert_allclose(ours.W.array, theirs.W.array, rtol=0, atol=1e-13)


@pytest.mark.parametrize("hook", [hooks.WeightDecay(0.1), hooks.GradientHardClipping(-0.5, 0.5)])
def test_a_hook_of_the_parameter_alone_takes_effect(hook):
    ours, theirs = pair()
    train(ours, grustab.optimizers.SGD(0.1), on_parameter=hook)
    train(theirs, optimizers.SGD(0.1), on_parameter=hook)
    np.testing.assert_allclose(ours.W.array, theirs.W.array, rtol=0, atol=1e-14)


def test_a_step_of_sgd_leaves_other_rows_and_the_rows_alone():
    ours, _ = pair()
    before = ours.W.array.copy()
    train(ours, grustab.optimizers.SGD(0.1), steps=0)
    loss(ours, [1, 5, 1, 7]).backward()
    values = ours.W.row_gradient[1].copy()
    ours.W.update_rule.update(ours.W)
    # No one has asked for the whole gradient, nor changed it.
    np.testing.assert_array_equal(ours.W.row_gradient[1], values)
    touched = np.isin(np.arange(V), [1, 5, 7])
    np.testing.assert_array_equal(ours.W.array[~touched], before[~touched])
    np.testing.assert_array_equal(ours.W.array[touched], before[touched] - 0.1 * values)


def test_an_update_holds_no_whole_gradient():
    ours, _ = pair()
    optimizer = grustab.optimizers.SGD(0.1).setup(ours)
    optimizer.update(lambda: loss(ours, [1, 5, 1]))
    assert ours.W.row_gradient is not None


def test_an_update_without_a_gradient_leaves_the_weights():
    ours, _ = pair()
    before = ours.W.array.copy()
    grustab.optimizers.SGD(0.1).setup(ours).update()
    np.testing.assert_array_equal(ours.W.array, before)
    np.testing.assert_array_equal(ours.W.grad, np.zeros_like(before))


# As in Chainer, link.copy() without an argument shares arrays; so does copy.copy().
COPIES = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda link: pickle.loads(pickle.dumps(link)),
    "link.copy": lambda link: link.copy(),
    "link.copy('copy')": lambda link: link.copy("copy"),
    "in a chain": lambda link: chainer.Chain(a=link).copy("copy").a,
    "repeat": lambda link: link.repeat(2, mode="copy")[1],
}
copies = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)


@copies
def test_copies_have_weights_and_gradient(make_copy):
    ours, theirs = pair()
    for link in (ours, theirs):
        loss(link, [1, 5, 1]).backward()
    copied, expected = make_copy(ours), make_copy(theirs)
    np.testing.assert_array_equal(copied.W.array, ours.W.array)
    shared = np.shares_memory(expected.W.array, theirs.W.array)
    assert np.shares_memory(copied.W.array, ours.W.array) == shared
    if expected.W.grad is None:  # link.copy() clears it
        assert copied.W.grad is None
    else:
        check_same_gradient(copied.W, expected.W)
    check_same_gradient(ours.W, theirs.W)


@copies
def test_copies_stay_row_sparse(make_copy):
    ours, _ = pair()
    copied = make_copy(ours)
    assert isinstance(copied.W, RowSparseParameter)
    copied.cleargrads()
    loss(copied, [1, 5, 1]).backward()
    np.testing.assert_array_equal(copied.W.row_gradient[0], [1, 5])


@copies
def test_copies_can_be_trained(make_copy):
    ours, theirs = pair()
    for link in (ours, theirs):
        loss(link, [1, 5, 1]).backward()
    copied, expected = make_copy(ours), make_copy(theirs)
    train(copied, grustab.optimizers.SGD(0.1))
    train(expected, optimizers.SGD(0.1))
    np.testing.assert_allclose(copied.W.array, expected.W.array, rtol=0, atol=1e-14)


def test_a_deep_copy_and_its_original_do_not_share_a_gradient():
    ours, _ = pair()
    loss(ours, [1, 5, 1]).backward()
    expected = ours.copy("copy").W.grad.copy()
    copied = copy.deepcopy(ours)
    ours.W.grad[...] = 7
    np.testing.assert_array_equal(copied.W.grad, expected)
    copied.cleargrads()
    assert ours.W.grad is not None


def test_reinitialized_copies_have_new_weights_of_the_same_shape():
    link = EmbedID(V, 50)
    copied = link.copy("init")
    assert copied.W.shape == link.W.shape
    assert not np.array_equal(copied.W.array, link.W.array)


def test_weights_survive_a_file(tmp_path):
    ours, theirs = pair()
    path = tmp_path / "link.npz"
    loss(ours, [1, 5]).backward()
    serializers.save_npz(path, ours)
    for other in (EmbedID(V, 3), chainer.links.EmbedID(V, 3)):
        serializers.load_npz(path, other)
        np.testing.assert_allclose(other.W.array, ours.W.array, rtol=1e-6)
    # And the other way round, into a link that holds a gradient.
    theirs.W.array[...] += 1
    serializers.save_npz(path, theirs)
    serializers.load_npz(path, ours)
    np.testing.assert_array_equal(ours.W.array, theirs.W.array)
    np.testing.assert_array_equal(ours.W.row_gradient[0], [1, 5])


def test_moving_to_the_cpu_changes_nothing():
    ours, theirs = pair()
    for link in (ours, theirs):
        loss(link, [1, 5, 1]).backward()
        link.to_device("@numpy")
    check_same_gradient(ours.W, theirs.W)
    train(ours, grustab.optimizers.SGD(0.1))
    train(theirs, optimizers.SGD(0.1))
    assert ours.W.row_gradient is not None
    np.testing.assert_allclose(ours.W.array, theirs.W.array, rtol=0, atol=1e-14)


def test_gradients_and_weights_can_be_taken_over_from_another_link():
    ours, theirs = pair()
    others = pair()
    for link, other in zip((ours, theirs), others, strict=True):
        loss(link, [1, 5, 1], 1).backward()
        loss(other, [5, 2], 2).backward()
        link.addgrads(other)
    check_same_gradient(ours.W, theirs.W)
    check_same_gradient(others[0].W, others[1].W)
    ours.copyparams(chainer.links.EmbedID(V, 3, initialW=np.ones((V, 3))))
    assert (ours.W.array == 1).all()


def test_an_ignored_label_gets_zeros_and_no_gradient():
    ids = np.array([[1, -1], [0, 1]], dtype=np.int32)
    W = np.random.default_rng(0).normal(size=(V, 3)).astype(np.float32)
    ours = EmbedID(V, 3, initialW=W, ignore_label=-1)
    stock = chainer.links.EmbedID(V, 3, initialW=W, ignore_label=-1)
    for link in (ours, stock):
        y = link(ids)
        assert not y.array[0, 1].any()
        chainer.functions.sum(y * y).backward()
    np.testing.assert_allclose(ours.W.grad, stock.W.grad, rtol=1e-6)
