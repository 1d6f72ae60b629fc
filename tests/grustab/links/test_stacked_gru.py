"""Several GRU layers: their composition, their dropout, their states."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from grustab.functions import seeded_dropout
from grustab.links import GRU, StackedGRU
from grustab.masks import Masks
from tests.grustab import reference
from tests.grustab.reference import Weights

T, B, M, N, L = 6, 3, 5, 4, 3


def make(dropout=0.0, n_layers=L, seed=0, **options):
    rng = np.random.default_rng(seed)
    return StackedGRU(M, N, n_layers, dropout, 0.8, rng, dtype=np.float64, **options)


def weights_of(layer):
    return Weights(*(getattr(layer, name).copy() for name in Weights._fields))


@pytest.fixture
def xs():
    return np.random.default_rng(1).normal(size=(T, B, M))


@pytest.fixture
def states():
    return np.random.default_rng(2).uniform(-1, 1, (L, B, N))


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_equals_the_layers_composed_by_hand(n_layers, xs, states):
    stack = make(n_layers=n_layers)
    stack.set_state(states[:n_layers])
    expected = xs
    for layer, h0 in zip(stack, states[:n_layers], strict=True):
        expected = reference.forward(weights_of(layer), expected, h0)
    np.testing.assert_allclose(stack(xs).array, expected, rtol=0, atol=1e-13)


def test_gradient_of_the_first_layer_comes_through_the_others(xs, states):
    stack = make()
    stack.set_state(states)
    stack.cleargrads()
    x = chainer.Variable(xs)
    F.sum(stack(x)).backward()
    inputs = [xs]
    for layer, h0 in zip(stack, states, strict=True):
        inputs.append(reference.forward(weights_of(layer), inputs[-1], h0))
    grad = np.ones((T, B, N))
    for layer, below, h0 in reversed(list(zip(stack, inputs[:-1], states, strict=True))):
        grad, _, dw = reference.backward(weights_of(layer), below, h0, grad)
        for parameter, blocks in ((layer.W_x, "xz xr xh"), (layer.W_h, "hz hr hh")):
            stacked = np.vstack([getattr(dw, f"W_{block}") for block in blocks.split()])
            np.testing.assert_allclose(parameter.grad, stacked, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(x.grad, grad, rtol=1e-11, atol=1e-12)


def test_layers_have_the_right_sizes_and_draw_from_the_rng_in_turn():
    stack = make()
    rng = np.random.default_rng(0)
    for layer, in_size in zip(stack, (M, N, N), strict=True):
        alone = GRU(in_size, N, 0.8, rng, np.float64)
        np.testing.assert_array_equal(layer.W_x.array, alone.W_x.array)
        np.testing.assert_array_equal(layer.W_h.array, alone.W_h.array)


@pytest.mark.parametrize("n_layers", [0, -1])
def test_at_least_one_layer_is_asked_for(n_layers):
    with pytest.raises(ValueError, match="at least 1"):
        StackedGRU(M, N, n_layers)


def test_dropout_is_applied_between_the_layers_and_nowhere_else(xs):
    stack, masks = make(dropout=0.5, masks=Masks((9, 8))), Masks((9, 8))
    expected, h0 = xs, np.zeros((B, N))
    for number, layer in enumerate(stack):
        if number:
            # The whole sequence is masked once: nothing else is drawn in between.
            expected = expected * masks((T, B, N), 0.5, xs.dtype)
        expected = reference.forward(weights_of(layer), expected, h0)
    np.testing.assert_allclose(stack(xs).array, expected, rtol=0, atol=1e-13)
    assert stack.masks.drawn == masks.drawn


def test_recurrence_of_an_upper_layer_is_not_dropped():
    # Without input only the recurrence moves the state: dropout must not be felt.
    stack, plain = make(dropout=0.9), make()
    states = [np.zeros((B, N)), np.zeros((B, N)), np.full((B, N), 0.5)]
    for link in (stack, plain):
        link.set_state(states)
    silence = np.zeros((T, B, M))
    np.testing.assert_array_equal(stack(silence).array, plain(silence).array)


@pytest.mark.parametrize(("n_layers", "train"), [(1, True), (L, False)])
def test_nothing_is_dropped_within_one_layer_or_at_test_time(xs, n_layers, train):
    stack, plain = make(0.5, n_layers), make(n_layers=n_layers)
    with chainer.using_config("train", train):
        np.testing.assert_array_equal(stack(xs).array, plain(xs).array)
    assert stack.masks.drawn == 0


def test_dropout_depends_on_its_masks_and_not_on_numpys_global_state(xs):
    results = []
    for global_seed, key in ((1, 4), (2, 4), (1, 5)):
        np.random.seed(global_seed)
        state = np.random.get_state()[1].copy()
        results.append(make(dropout=0.5, masks=Masks((0, key)))(xs).array)
        np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_without_generators_it_draws_as_chainers_links_do_from_numpys_global_state(xs):
    results = []
    for global_seed in (1, 1, 2):
        np.random.seed(global_seed)
        results.append(StackedGRU(M, N, 2, dropout=0.5, dtype=np.float64)(xs).array)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


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


def test_two_calls_equal_one_long_call(xs):
    stack = make()
    whole = stack(xs).array
    stack.reset_state()
    parts = np.concatenate([stack(xs[:2]).array, stack(xs[2:]).array])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-13)


def test_reset_state_resets_every_layer(xs, states):
    stack = make()
    fresh = stack(xs).array
    stack.set_state(states)
    assert not np.array_equal(stack(xs).array, fresh)
    stack.reset_state()
    assert [layer.h for layer in stack] == [None] * L
    np.testing.assert_array_equal(stack(xs).array, fresh)


def test_set_state_asks_for_one_state_of_the_right_shape_a_layer(states):
    stack = make()
    with pytest.raises(ValueError, match="expected 3 states"):
        stack.set_state(states[:2])
    with pytest.raises(ValueError, match=r"\(B, 4\)"):
        stack.set_state([*states[:2], np.zeros((B, N + 1))])
    stack.set_state(states)
    for layer, h in zip(stack, states, strict=True):
        np.testing.assert_array_equal(layer.h, h)


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
