"""The six matrices of a GRU: their names, how they are assigned, what they start from."""

import chainer
import numpy as np
import pytest

from grustab.links import GRU, StackedGRU
from tests.grustab.reference import Weights

IN, OUT = 5, 4


def make():
    """A float32 GRU and copies of its six matrices."""
    gru = GRU(IN, OUT, rng=np.random.default_rng(1))
    return gru, Weights(*(getattr(gru, name).copy() for name in Weights._fields))


def test_named_matrices_are_the_rows_of_the_parameters():
    gru = GRU(3, 2, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(np.vstack([gru.W_xz, gru.W_xr, gru.W_xh]), gru.W_x.array)
    np.testing.assert_array_equal(np.vstack([gru.W_hz, gru.W_hr, gru.W_hh]), gru.W_h.array)


@pytest.mark.parametrize("name", Weights._fields)
def test_assigning_a_named_matrix_copies_it_and_leaves_the_others(name):
    gru, weights = make()
    parameters = gru.W_x.array, gru.W_h.array
    value = np.random.default_rng(3).normal(size=getattr(weights, name).shape)
    given = value.copy()
    setattr(gru, name, given)
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
    gru = GRU(150, 200, rng=np.random.default_rng(0))
    w_hh = gru.W_hh.astype(np.float64)
    np.testing.assert_allclose(w_hh @ w_hh.T, np.eye(200), atol=1e-6)
    for name in ("W_xz", "W_xr", "W_xh", "W_hz", "W_hr"):
        matrix = getattr(gru, name)
        # 30,000 draws or more: the standard error of a standard deviation is 0.4 %.
        assert matrix.std() == pytest.approx(200**-0.5, rel=0.02), name
        assert abs(matrix.mean()) < 5 * 200**-0.5 / np.sqrt(matrix.size), name
    wide = GRU(150, 200, initial_std=0.5, rng=np.random.default_rng(0))
    assert wide.W_x.array.std() == pytest.approx(0.5, rel=0.02)
    assert wide.W_h.array[:400].std() == pytest.approx(0.5, rel=0.02)
    np.testing.assert_array_equal(wide.W_hh, gru.W_hh)


def test_initial_weights_come_from_the_rng_alone():
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    a, b = (GRU(3, 4, rng=np.random.default_rng(7)) for _ in range(2))
    c = GRU(3, 4, rng=np.random.default_rng(8))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    for x, y, z in zip(a.params(), b.params(), c.params(), strict=True):
        np.testing.assert_array_equal(x.array, y.array)
        assert not np.array_equal(x.array, z.array)


def test_without_a_rng_two_links_differ_and_numpys_global_state_fixes_both():
    made = []
    for _ in range(2):
        np.random.seed(5)
        made.append([GRU(3, 4) for _ in range(2)])
    for x, y in zip(*made, strict=True):
        np.testing.assert_array_equal(x.W_h.array, y.W_h.array)
    assert not np.array_equal(made[0][0].W_h.array, made[0][1].W_h.array)


def test_weights_are_of_chainers_dtype():
    with chainer.using_config("dtype", np.float64):
        assert {param.dtype for param in StackedGRU(3, 4, 2).params()} == {np.dtype(np.float64)}
    with chainer.using_config("dtype", chainer.mixed16):
        assert GRU(3, 4).W_h.dtype == np.float32
    assert GRU(3, 4).W_h.dtype == np.float32
