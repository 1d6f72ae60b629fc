"""Where the models drop units, and by whose random numbers."""

import chainer
import numpy as np
import pytest

from tests.experiments.training.model_reference import (
    BATCH,
    KINDS,
    STEPS,
    UNITS,
    embedded,
    losses,
    make_tiny,
    states,
)


def _quiet():
    return chainer.using_config("train", False)


class _Masks:
    """Drops the same units everywhere, and keeps the shapes asked for."""

    def __init__(self, dropped):
        self.dropped, self.shapes = dropped, []

    def __call__(self, shape, ratio, dtype):
        self.shapes.append(shape)
        mask = np.full(shape, 1 / (1 - ratio), dtype)
        mask[..., self.dropped] = 0
        return mask


def _with_masks(model, dropped=(0,)):
    masks = _Masks(list(dropped))
    model.masks = model.gru.masks = masks
    return masks


@KINDS
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("after", "places"),
    [
        ((), lambda layers: 0),
        (("input",), lambda layers: 1),
        (("gru",), lambda layers: layers),
        (("input", "gru"), lambda layers: 1 + layers),
    ],
    ids=["nothing", "input", "gru", "input and gru"],
)
def test_dropout_acts_on_the_output_of_the_layers_asked_for(kind, data, layers, after, places):
    model = make_tiny(kind, layers=layers, dropout=0.5, after=after)
    masks = _with_masks(model)
    model(*data())
    assert masks.shapes == [(STEPS, BATCH, UNITS)] * places(layers)


@KINDS
@pytest.mark.parametrize("after", [("input",), ("gru",), ("input", "gru")], ids=str)
def test_dropout_leaves_the_recurrence_alone(kind, data, after):
    model = make_tiny(kind, layers=2, dropout=0.75, after=after)
    _with_masks(model, dropped=(1, 4))
    xs, _ = data()
    keep = np.full(UNITS, 4.0)  # 1 / (1 - 0.75)
    keep[[1, 4]] = 0
    h = embedded(model, xs) * model.input_scale
    h = h * keep if "input" in after else h
    for layer in model.gru:
        h = states(layer, h, np.zeros((BATCH, UNITS)))
        h = h * keep if "gru" in after else h
    expected = h @ model.output.W.array.T + model.output.b.array
    got = model.scores(xs).array.reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@KINDS
def test_no_dropout_outside_training(kind, data):
    model = make_tiny(kind, layers=2, dropout=0.5, after=("input", "gru"))
    xs, ts = data()
    with _quiet():
        loss = float(model(xs, ts).array)
    assert loss == pytest.approx(losses(model, xs, ts).sum(), rel=1e-5)


@KINDS
def test_dropout_draws_the_runs_masks_alone(kind, data):
    losses = []
    for seed in (1, 2):
        np.random.seed(seed)
        losses.append(float(make_tiny(kind, dropout=0.5, after=("input", "gru"))(*data()).array))
    assert losses[0] == losses[1]
