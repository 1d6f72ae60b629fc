"""The two models in NumPy: every formula written here anew."""

import numpy as np
import pytest

from experiments.training.models import LanguageModel, MusicModel
from grustab.generators import Generators
from tests.grustab import reference

STEPS, BATCH, UNITS, SYMBOLS = 5, 3, 6, 7


def make_tiny(kind, layers=1, scale=0.5, dropout=0.0, after=(), bias=True, seed=0, std=None):
    model = kind(SYMBOLS, UNITS, layers, scale, std, dropout, after, bias, Generators(seed))
    rng = np.random.default_rng(seed + 1)
    if bias:
        model.output.b.array[...] = rng.normal(size=SYMBOLS)
    return model


def words(seed=0):
    drawn = np.random.default_rng(seed).integers(SYMBOLS, size=(STEPS + 1, BATCH)).astype("i")
    return drawn[:-1], drawn[1:]


def notes(seed=0):
    drawn = np.random.default_rng(seed).random((STEPS + 1, BATCH, SYMBOLS)) < 0.4
    return drawn[:-1].astype("f"), drawn[1:].astype("f")


def states(layer, xs, h):
    """Eqs. (1) to (4) in float64."""
    weights = (getattr(layer, name).astype("d") for name in reference.Weights._fields)
    return reference.forward(reference.Weights(*weights), xs, h)


def embedded(model, xs):
    table = model.input.W.array.astype("d")
    return table[xs] if isinstance(model, LanguageModel) else xs @ table.T


def scores(model, xs, start=None):
    """Scores (T, B, symbols) and the last state of each layer."""
    h = embedded(model, xs) * model.input_scale
    last = []
    for number, layer in enumerate(model.gru):
        first = np.zeros((xs.shape[1], UNITS)) if start is None else start[number]
        h = states(layer, h, first)
        last.append(h[-1])
    y = h @ model.output.W.array.astype("d").T
    return (y if model.output.b is None else y + model.output.b.array), last


def losses(model, xs, ts, start=None):
    """Negative log-likelihood of each step (T, B), from the probabilities themselves."""
    y, _ = scores(model, xs, start)
    if isinstance(model, LanguageModel):
        p = np.exp(y) / np.exp(y).sum(axis=2, keepdims=True)
        return -np.log(np.take_along_axis(p, ts[:, :, None], axis=2)[:, :, 0])
    p = reference.sigm(y)
    return -np.where(ts > 0, np.log(p), np.log(1 - p)).sum(axis=2)


KINDS = pytest.mark.parametrize(
    ("kind", "data"), [(LanguageModel, words), (MusicModel, notes)], ids=["language", "music"]
)
