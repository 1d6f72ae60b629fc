"""Which arguments the losses take, and what they refuse."""

import chainer
import numpy as np
import pytest
from chainer.utils.type_check import InvalidType

from grustab.functions import linear_sigmoid_cross_entropy, linear_softmax_cross_entropy

N, V = 4, 6
losses = pytest.mark.parametrize("kind", ["softmax", "sigmoid"])


def make(kind):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((N, 3), (V, 3), (V,))]
    if kind == "softmax":
        return linear_softmax_cross_entropy, arrays, (np.arange(N),)
    return linear_sigmoid_cross_entropy, arrays, (np.eye(N, V), np.ones(N))


@losses
def test_double_backprop_is_refused_in_clear_words(kind):
    function, arrays, others = make(kind)
    h, w, b = (chainer.Variable(a) for a in arrays)
    loss = function(h, w, b, *others)
    with pytest.raises(NotImplementedError, match=r"no second derivative.*enable_double_backprop"):
        loss.backward(enable_double_backprop=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        chainer.grad([loss], [w], enable_double_backprop=True)


@losses
@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("change", ["shape", "ndim", "dtype", "integer"])
def test_arrays_that_do_not_fit_are_an_invalid_type(change, which, kind):
    function, arrays, others = make(kind)
    a = arrays[which]
    arrays[which] = {
        "shape": a[..., :-1],
        "ndim": a[None],
        "dtype": a.astype(np.float32),
        "integer": a.astype(np.int32),
    }[change]
    with pytest.raises(InvalidType):
        function(*arrays, *others)


@pytest.mark.parametrize(
    "labels",
    [np.zeros(s, np.int32) for s in ((N + 1,), (N - 1,), (1,), (N, 1), (1, N), ())]
    + [np.zeros(N, d) for d in (np.float32, bool)],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_labels_that_do_not_fit_are_an_invalid_type(labels):
    with pytest.raises(InvalidType):
        linear_softmax_cross_entropy(np.ones((N, 3)), np.ones((V, 3)), np.ones(V), labels)


@pytest.mark.parametrize(
    "shape", [(V,), (1, V), (N, 1), (N - 1, V), (N, V - 1), (N, V, 1), (1, N, V), ()], ids=str
)
def test_targets_that_do_not_fit_are_an_invalid_type(shape):
    with pytest.raises(InvalidType):
        linear_sigmoid_cross_entropy(
            np.ones((N, 3)), np.ones((V, 3)), np.ones(V), np.zeros(shape), np.ones(N)
        )


@pytest.mark.parametrize("shape", [(), (1,), (N - 1,), (N, 1), (1, N), (V,)], ids=str)
def test_counts_that_do_not_fit_are_an_invalid_type(shape):
    with pytest.raises(InvalidType):
        linear_sigmoid_cross_entropy(
            np.ones((N, 3)), np.ones((V, 3)), np.ones(V), np.zeros((N, V)), np.ones(shape)
        )


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint8])
def test_labels_may_be_integers_of_any_size(dtype):
    rng = np.random.default_rng(0)
    h, w, labels = rng.normal(size=(N, 3)), rng.normal(size=(V, 3)), np.arange(N)
    expected = linear_softmax_cross_entropy(h, w, None, labels.astype(np.int32)).array
    assert linear_softmax_cross_entropy(h, w, None, labels.astype(dtype)).array == expected


def test_targets_may_be_integers():
    h, w, t = np.ones((N, 3)), np.ones((V, 3)), np.eye(N, V)
    expected = linear_sigmoid_cross_entropy(h, w, None, t).array
    assert linear_sigmoid_cross_entropy(h, w, None, t.astype(np.uint8)).array == expected


def test_without_counts_every_row_counts():
    function, arrays, (targets, ones) = make("sigmoid")
    assert function(*arrays, targets).array == function(*arrays, targets, ones).array
    assert function(*arrays, targets, ones > 0).array == function(*arrays, targets, ones).array
