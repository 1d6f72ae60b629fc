"""Which matrices P_delta finds, what the lemmas say of them, and which can be chosen."""

import copy

import chainer
import chainer.links as L
import numpy as np
import pytest

from grustab import stability
from grustab.extensions import SpectralProjection
from grustab.links import GRU
from grustab.links.matrices import chosen_matrices, recurrent_matrices
from grustab.projection.cap import TOLERANCE
from tests.grustab.projection.reference import methods

M, N, CAP = 3, 4, 1.8


def stateful(link, h, x):
    link.set_state(chainer.Variable(h[0]))
    return link(x).array[None]


def layers(link, h, x):
    return link(h, [*x[:, None]])[0].array


#: Links of M inputs and N units, and one step of each: states (layers, B, N), inputs (B, M).
LINKS = {
    "grustab": (lambda: GRU(M, N), lambda link, h, x: stateful(link, h, x[None])[0]),
    "StatefulGRU": (lambda: L.StatefulGRU(M, N), stateful),
    "GRU": (lambda: L.GRU(M, N), stateful),
    "StatelessGRU": (lambda: L.StatelessGRU(M, N), lambda link, h, x: link(h[0], x).array[None]),
    "NStepGRU": (lambda: L.NStepGRU(2, M, N, 0), layers),
    "NStepBiGRU": (lambda: L.NStepBiGRU(2, M, N, 0), layers),
}
links = pytest.mark.parametrize(("make", "step"), LINKS.values(), ids=LINKS.keys())


def filled(make):
    """A link in float64 with large matrices; biases as Chainer makes them."""
    rng = np.random.default_rng(0)
    with chainer.using_config("dtype", np.float64):
        link = make()
    for parameter in link.params():
        if parameter.ndim == 2:
            parameter.array[...] = rng.normal(size=parameter.shape)
    return link


def jacobian(link, step, parts, eps=1e-5):
    """Of all states at zero, without input, by central differences: (parts N, parts N)."""
    size = parts * N
    h = eps * np.concatenate((np.eye(size), -np.eye(size))).reshape(2 * size, parts, N)
    ends = step(link, np.ascontiguousarray(h.transpose(1, 0, 2)), np.zeros((2 * size, M)))
    ends = ends.transpose(1, 0, 2).reshape(2, size, size)
    return (ends[0] - ends[1]).T / (2 * eps)


@links
def test_lemma_2_holds_for_each_of_them_without_biases_only(make, step):
    link = filled(make)
    matrices = recurrent_matrices(link).values()

    def own_blocks():
        """Of each layer's, and direction's, state with respect to itself."""
        whole = jacobian(link, step, len(matrices))
        return [whole[i : i + N, i : i + N] for i in range(0, len(whole), N)]

    expected = [stability.jacobian(matrix.array) for matrix in matrices]
    np.testing.assert_allclose(own_blocks(), expected, rtol=0, atol=1e-7)
    biases = [p for p in link.params() if p.ndim == 1]
    for bias in biases:
        bias.array[...] = 1
    assert bool(biases) == (np.abs(np.subtract(own_blocks(), expected)).max() > 0.1)


def test_lemma_4_holds_for_the_layers_of_chainers_stack():
    make, step = LINKS["NStepGRU"]
    link = filled(make)
    expected = stability.stacked_jacobian([w.w5.array for w in link], [w.w2.array for w in link])
    np.testing.assert_allclose(jacobian(link, step, 2), expected, rtol=0, atol=1e-7)


def chosen(model):
    """A tall, a wide and a square matrix, the last of them one gate of Chainer's LSTM."""
    return [model.tall.W, (model.wide.W, slice(55)), (model.lstm.lateral.W, slice(2, None, 4))]


def step_and_check(projection, rng):
    """A change of rank one, and P_delta, which is held against a full SVD."""
    nearest = []
    for matrix in projection.matrices.values():
        change = np.outer(*(rng.normal(size=n) / np.sqrt(n) for n in matrix.array.shape))
        matrix.array[...] += 3 * change
        u, sigma, v = np.linalg.svd(matrix.array.astype(np.float64), full_matrices=False)
        nearest.append((u * np.minimum(sigma, CAP)) @ v)
    projection()
    for matrix, expected in zip(projection.matrices.values(), nearest):
        assert np.linalg.norm(matrix.array - expected) < 1e-2  # truncated's sqrt(TOLERANCE)
        assert np.linalg.norm(matrix.array, 2) <= CAP * (1 + TOLERANCE)


@methods
def test_chosen_matrices_of_any_shape_are_capped_and_resumed_to_the_bit(method, tmp_path):
    model = chainer.Chain(tall=L.Linear(60, 150), wide=L.EmbedID(60, 150), lstm=L.LSTM(5, 60))
    for parameter in model.params():
        parameter.array *= 0.01
    before = copy.deepcopy(model)
    projection = SpectralProjection(model, 0.2, method, matrices=chosen(model))
    assert [*projection.matrices] == ["/tall/W", "/wide/W[:55]", "/lstm/lateral/W[2::4]"]
    rng = np.random.default_rng(0)
    for _ in range(3):
        step_and_check(projection, rng)
    chainer.serializers.save_npz(tmp_path / "projection.npz", projection)
    resumed = copy.deepcopy(model)
    another = SpectralProjection(resumed, 0.2, method, matrices=chosen(resumed))
    chainer.serializers.load_npz(tmp_path / "projection.npz", another)
    for extension in (projection, another):
        rng = np.random.default_rng(1)
        for _ in range(3):
            step_and_check(extension, rng)
    for parameter, other in zip(model.params(), resumed.params()):
        np.testing.assert_array_equal(parameter.array, other.array)
    for mine, other in zip(chosen_matrices(model, chosen(model)).values(),
                           chosen_matrices(before, chosen(before)).values()):  # fmt: skip
        mine.array[...] = other.array
    for parameter, other in zip(model.params(), before.params()):  # the rest is as it was
        np.testing.assert_array_equal(parameter.array, other.array)
    assert all(auto.counts["subspace"] for auto in projection.automatic.values())


MODEL = chainer.Chain(fc=L.Linear(3, 4), late=L.Linear(None, 4))
MODEL.add_param("scale", ())


@pytest.mark.parametrize(("matrices", "message"), [
    ([], "matrices is empty"),
    ([L.Linear(3, 4).W], "list of parameters of the model.*, got a Parameter in it"),
    ([(MODEL.fc.W, [0, 1])], "a slice of its rows"),
    ([(MODEL.fc.W,)], "a slice of its rows, got a tuple in it"),
    (MODEL.fc.W, "got a Variable in it"),
    (["/fc/W"], "got a str in it"),
    ([MODEL.late.W], "/late/W has no values yet"),
    ([MODEL.fc.b], r"/fc/b must be a matrix, got shape \(4,\)"),
    ([MODEL.scale], r"/scale must be a matrix, got shape \(\)"),
    ([(MODEL.fc.W, slice(4, 9))], r"/fc/W\[4:9\] must be a matrix, got shape \(0, 3\)"),
    ([MODEL.fc.W, (MODEL.fc.W, slice(0, 2))], r"/fc/W\[0:2\] has rows that are in"),
], ids="empty foreign list single bare path late bias scalar beyond twice".split())  # fmt: skip
def test_what_cannot_be_capped_is_refused(matrices, message):
    with pytest.raises(ValueError, match=message):
        SpectralProjection(MODEL, 0.2, matrices=matrices)
