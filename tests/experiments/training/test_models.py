"""The two models against NumPy."""

import numpy as np
import pytest

from experiments.training.models import LanguageModel
from grustab.generators import Generators
from tests.experiments.training.model_reference import (
    BATCH,
    KINDS,
    STEPS,
    SYMBOLS,
    UNITS,
    losses,
    make_tiny,
    scores,
    words,
)

# The loss


@KINDS
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", [0.01, 2.0])
def test_the_loss_is_the_summed_negative_log_likelihood(kind, data, layers, bias, scale):
    model = make_tiny(kind, layers=layers, bias=bias, scale=scale)
    xs, ts = data()
    loss = model(xs, ts)
    assert loss.shape == ()
    assert loss.dtype == np.float32
    assert float(loss.array) == pytest.approx(losses(model, xs, ts).sum(), rel=1e-5)


@KINDS
@pytest.mark.parametrize("share", [0, 0.6, 1])
def test_masked_steps_do_not_count(kind, data, share):
    model = make_tiny(kind)
    xs, ts = data()
    mask = (np.random.default_rng(3).random((STEPS, BATCH)) < share).astype("f")
    assert mask.mean() == share if share in (0, 1) else 0 < mask.mean() < 1
    loss = model(xs, ts, mask)
    assert float(loss.array) == pytest.approx((losses(model, xs, ts) * mask).sum(), rel=1e-5)
    model.cleargrads()
    loss.backward()
    assert any(p.grad is not None and p.grad.any() for p in model.params()) == (share > 0)


@KINDS
def test_the_gradient_is_that_of_the_loss(kind, data):
    model = make_tiny(kind, layers=2)
    xs, ts = data()
    mask = np.ones((STEPS, BATCH), "f")
    mask[3:, 0] = 0
    model.cleargrads()
    model(xs, ts, mask).backward()
    rng = np.random.default_rng(0)
    for name, parameter in model.namedparams():
        array, index = parameter.array, tuple(rng.integers(n) for n in parameter.shape)
        before, sums = array[index], []
        for step in (1e-3, -1e-3):
            array[index] = before + np.float32(step)
            sums.append((losses(model, xs, ts) * mask).sum())
        array[index] = before
        numeric = (sums[0] - sums[1]) / 2e-3
        assert parameter.grad[index] == pytest.approx(numeric, rel=2e-2, abs=2e-3), name


@KINDS
def test_the_state_is_carried_to_the_next_call_until_reset(kind, data):
    model = make_tiny(kind, layers=2)
    xs, ts = data()
    first = float(model(xs, ts).array)
    _, last = scores(model, xs)
    second = float(model(xs, ts).array)
    assert second == pytest.approx(losses(model, xs, ts, last).sum(), rel=1e-5)
    assert second != first
    model.reset_state()
    assert float(model(xs, ts).array) == first


# The layers


@KINDS
def test_the_input_layer_has_no_bias_and_the_output_layer_may_have_one(kind, data):
    assert [n for n, _ in make_tiny(kind).namedparams() if n.startswith("/input")] == ["/input/W"]
    assert make_tiny(kind).output.b is not None
    assert make_tiny(kind, bias=False).output.b is None


def test_a_word_is_the_linear_layer_of_its_one_hot_vector():
    model = make_tiny(LanguageModel)
    xs, _ = words()
    one_hot = np.eye(SYMBOLS)[xs]
    expected = one_hot @ model.input.W.array
    np.testing.assert_allclose(model.embed(xs).array, expected, rtol=1e-6)


@KINDS
def test_the_output_bias_starts_at_zero(kind, data):
    model = kind(SYMBOLS, UNITS, 1, 1.0, None, 0.0, (), True, Generators(0))
    np.testing.assert_array_equal(model.output.b.array, 0)


@KINDS
@pytest.mark.parametrize(("std", "expected"), [(None, 50**-0.5), (0.3, 0.3)])
def test_weights_start_normal_and_w_hh_orthogonal(kind, data, std, expected):
    model = kind(400, 50, 1, 1.0, std, 0.0, (), True, Generators(0))
    for weights in (model.input.W.array, model.output.W.array, model.gru[0].W_x.array):
        assert weights.std() == pytest.approx(expected, rel=0.05)
        assert abs(weights.mean()) < 0.05 * expected
    w = model.gru[0].W_hh
    np.testing.assert_allclose(w @ w.T, np.eye(50), atol=1e-5)


def test_word_vectors_are_the_second_draw():
    model = LanguageModel(SYMBOLS, UNITS, 1, 1.0, 0.3, 0.0, (), True, Generators(0))
    rng = Generators(0).weights
    _, second = rng.normal(0, 0.3, (2, SYMBOLS, UNITS)).astype("f")
    np.testing.assert_array_equal(model.input.W.array, second)


@KINDS
def test_one_seed_gives_one_set_of_weights(kind, data):
    def weights(seed):
        model = kind(SYMBOLS, UNITS, 2, 1.0, None, 0.5, ("input",), True, Generators(seed))
        return [p.array for p in model.params()]

    assert all((a == b).all() for a, b in zip(weights(0), weights(0)))
    assert not all((a == b).all() for a, b in zip(weights(0), weights(1)))
