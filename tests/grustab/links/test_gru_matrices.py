"""The six matrices of a GRU: how they are assigned, and what they start from."""

import chainer
import numpy as np
import pytest

from grustab.links import GRU, StackedGRU
from grustab.masks import Masks
from tests.grustab.reference import Weights, weights_of


def stack(*sizes, rng=None):
    return StackedGRU(*sizes, 2, rng=rng, masks=Masks((0, 0)))


links = pytest.mark.parametrize("link", [GRU, stack])


def make():
    """A float32 GRU and copies of its six matrices."""
    gru = GRU(5, 4, rng=np.random.default_rng(1))
    return gru, weights_of(gru)


@pytest.mark.parametrize("name", Weights._fields)
@pytest.mark.parametrize("wrap", [np.asarray, chainer.Variable])
def test_assigning_a_named_matrix_copies_it_and_leaves_the_others(name, wrap):
    gru, weights = make()
    parameters = gru.W_x.array, gru.W_h.array
    value = np.random.default_rng(3).normal(size=getattr(weights, name).shape)
    given = value.copy()
    setattr(gru, name, wrap(given))
    given[...] = 0
    for other, matrix in weights._asdict().items():
        expected = value if other == name else matrix
        np.testing.assert_array_equal(getattr(gru, other), expected.astype(np.float32))
    assert gru.W_x.array is parameters[0]
    assert gru.W_h.array is parameters[1]


@pytest.mark.parametrize("name", Weights._fields)
@pytest.mark.parametrize("shape", [(4, 1), (1, 5), (5, 4), (4,), (), (4, 6)], ids=str)
def test_assigning_a_matrix_of_another_shape_is_refused(name, shape):
    gru, weights = make()
    with pytest.raises(ValueError, match="expected a matrix of shape"):
        setattr(gru, name, np.ones(shape))
    np.testing.assert_array_equal(getattr(gru, name), getattr(weights, name))


def test_recurrent_candidate_matrix_starts_orthogonal_and_the_others_normal():
    for std in (None, 0.5):
        gru = GRU(150, 200, std, np.random.default_rng(0))
        w_hh = gru.W_hh.astype(np.float64)
        np.testing.assert_allclose(w_hh @ w_hh.T, np.eye(200), atol=1e-6)
        expected = std or 200**-0.5
        for name in ("W_xz", "W_xr", "W_xh", "W_hz", "W_hr"):
            matrix = getattr(gru, name)
            # 30,000 draws or more: the standard error of a standard deviation is 0.4 %.
            assert matrix.std() == pytest.approx(expected, rel=0.02), name
            assert abs(matrix.mean()) < 5 * expected / np.sqrt(matrix.size), name


def all_weights(link):
    return np.concatenate([parameter.array.ravel() for parameter in link.params()])


@links
def test_the_rng_decides_the_weights_or_else_numpys_global_state(link):
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    a, b, c = (all_weights(link(3, 4, rng=rng)) for rng in (7, np.random.default_rng(7), 8))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    d, e = (all_weights(link(3, 4)) for _ in range(2))
    np.random.seed(5)
    f = all_weights(link(3, 4))
    np.testing.assert_array_equal([a, d], [b, f])
    assert not any((one == other).all() for one, other in ((a, c), (d, e), (a, d)))


@links
def test_repeated_links_have_new_weights_as_those_of_chainer(link):
    link = link(3, 4)
    repeated = [list(part.params()) for part in (link, link.copy("init"), *link.repeat(2))]
    for params in zip(*repeated, strict=True):
        for i, a in enumerate(params):
            assert a.array.shape == params[0].array.shape
            assert not any(np.array_equal(a.array, b.array) for b in params[:i]), a.name


def test_weights_are_of_chainers_dtype():
    with chainer.using_config("dtype", np.float64):
        assert {param.dtype for param in StackedGRU(3, 4, 2).params()} == {np.dtype(np.float64)}
    assert GRU(3, 4).W_h.dtype == np.float32
