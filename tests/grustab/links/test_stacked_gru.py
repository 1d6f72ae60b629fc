"""Several GRU layers: their composition, their dropout, their states."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from grustab.functions import seeded_dropout
from grustab.links import GRU, StackedGRU
from grustab.masks import Masks
from tests.grustab import reference
from tests.grustab.reference import weights_of

T, B, M, N, L = 6, 3, 5, 4, 3
XS = np.random.default_rng(1).normal(size=(T, B, M))
STATES = np.random.default_rng(2).uniform(-1, 1, (L, B, N))


def make(dropout=0.0, n_layers=L, **options):
    rng = np.random.default_rng(0)
    return StackedGRU(M, N, n_layers, dropout, 0.8, rng, dtype=np.float64, **options)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_equals_the_layers_composed_by_hand_and_so_do_its_gradients(n_layers):
    stack, x = make(n_layers=n_layers), chainer.Variable(XS)
    stack.set_state(STATES[:n_layers])
    stack.cleargrads()
    hs = stack(x)
    F.sum(hs).backward()
    inputs = [XS]
    for layer, h0 in zip(stack, STATES):
        inputs.append(reference.forward(weights_of(layer), inputs[-1], h0))
    np.testing.assert_allclose(hs.array, inputs.pop(), rtol=0, atol=1e-13)
    grad = np.ones((T, B, N))
    for layer, below, h0 in reversed(list(zip(stack, inputs, STATES))):
        grad, _, *dw = reference.gradients(weights_of(layer), below, h0, grad)
        for parameter, blocks in ((layer.W_x, dw[::2]), (layer.W_h, dw[1::2])):
            np.testing.assert_allclose(parameter.grad, np.vstack(blocks), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(x.grad, grad, rtol=1e-11, atol=1e-12)


def test_layers_have_the_right_sizes_and_draw_from_the_rng_in_turn():
    stack = make()
    rng = np.random.default_rng(0)
    for layer, in_size in zip(stack, (M, N, N), strict=True):
        alone = GRU(in_size, N, 0.8, rng, np.float64)
        np.testing.assert_array_equal(layer.W_x.array, alone.W_x.array)
        np.testing.assert_array_equal(layer.W_h.array, alone.W_h.array)


@pytest.mark.parametrize(("n_layers", "train"), [(L, True), (L, False), (1, True)])
def test_dropout_is_applied_in_training_between_the_layers_and_nowhere_else(n_layers, train):
    stack, masks = make(0.5, n_layers, masks=Masks((9, 8))), Masks((9, 8))
    expected, h0 = XS, np.zeros((B, N))
    for number, layer in enumerate(stack):
        if number and train:
            # The whole sequence is masked once: nothing else is drawn in between.
            expected = expected * masks((T, B, N), 0.5, XS.dtype)
        expected = reference.forward(weights_of(layer), expected, h0)
    with chainer.using_config("train", train):
        np.testing.assert_allclose(stack(XS).array, expected, rtol=0, atol=1e-13)
    assert stack.masks.drawn == masks.drawn


@pytest.mark.parametrize("dropout", [-0.1, 1, np.nan])
def test_a_ratio_that_is_none_is_refused(dropout):
    with pytest.raises(ValueError, match=r"dropout must lie in \[0, 1\)"):
        make(dropout, 1)


def test_without_masks_their_key_is_drawn_from_numpys_global_state():
    keys = []
    for global_seed in (1, 1, 2):
        np.random.seed(global_seed)
        keys.append(tuple(make().masks.key))
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("ratio", [0.2, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_seeded_dropout_drops_its_share_and_scales_the_rest(ratio, dtype):
    x = chainer.Variable(np.ones((100, 200), dtype))
    y = seeded_dropout(x, ratio, Masks((0, 0)))
    F.sum(y).backward()
    assert y.dtype == dtype
    kept = y.array != 0
    # 20,000 draws: the standard error of the share is at most 0.0035
    assert kept.mean() == pytest.approx(1 - ratio, abs=0.015)
    np.testing.assert_allclose(y.array[kept], 1 / (1 - ratio), rtol=1e-6)
    np.testing.assert_array_equal(x.grad, y.array)


def test_two_calls_equal_one_long_call_after_a_reset():
    stack = make()
    stack.set_state([layer.h for layer in stack])  # None: still zeros
    whole = stack(XS).array
    stack.reset_state()
    assert [layer.h for layer in stack] == [None] * L
    parts = np.concatenate([stack(XS[:2]).array, stack(XS[2:]).array])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-13)


def test_what_is_not_one_state_of_each_layer_is_refused():
    for states, said in ((STATES[:2], "expected 3"), (STATES[:, :, 1:], r"\(B, 4\)")):
        with pytest.raises(ValueError, match=said):
            make().set_state(states)


def test_mixed_precision_works_with_float32_weights():
    with chainer.using_config("dtype", chainer.mixed16):
        gru = StackedGRU(3, 4, 2)
        xs = chainer.Variable(np.ones((5, 2, 3), np.float16))
        hs = gru(xs)
        gru.cleargrads()
        F.sum(hs).backward()
    assert {p.dtype for p in gru.params()} == {np.dtype(np.float32)}
    assert hs.dtype == xs.grad.dtype == np.float16
    gru.reset_state()
    exact = gru(xs.array.astype(np.float32)).array
    np.testing.assert_allclose(hs.array, exact, rtol=0, atol=2 * np.finfo(np.float16).eps)


def test_its_sizes_are_printed():
    assert "(1): GRU(in_size=4, out_size=4)" in str(StackedGRU(3, 4, 2))
