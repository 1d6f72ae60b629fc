"""Errors that cross from one process to another, and those of arguments that will not do."""

import pickle
from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest
from chainer.optimizers import SGD

from grustab.errors import DivergenceError, NonFiniteMatrixError
from grustab.extensions import PlateauDecay, SpikeDecay
from grustab.iterators import StreamIterator
from grustab.links import GRU, StackedGRU
from grustab.optimizer_hooks import GradientClipping
from grustab.updaters import LateUpdater

STREAM = np.zeros(40, np.int32)


@pytest.mark.parametrize("error", [
    DivergenceError("loss", float("inf")), NonFiniteMatrixError("3 of its 49")
], ids=str)  # fmt: skip
def test_an_error_survives_a_pickle(error):
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), vars(copied)) == (str(error), vars(error))


@pytest.mark.parametrize(("make", "name"), [
    (GradientClipping, "threshold"),
    (partial(PlateauDecay, patience=1), "divisor"),
    (partial(PlateauDecay, 2.0), "patience"),
    (partial(SpikeDecay, divisor=2.0), "bound"),
    (partial(StackedGRU, 4, 4), "n_layers"),
    (partial(GRU, out_size=4), "in_size"),
    (partial(GRU, 4), "out_size"),
    (partial(StreamIterator, [STREAM], n_steps=2), "batch_size"),
    (partial(StreamIterator, [STREAM], batch_size=2), "n_steps"),
    (partial(LateUpdater, StreamIterator([STREAM], 2, 2), SGD().setup(GRU(2, 2))), "threshold"),
])  # fmt: skip
def test_a_number_that_is_too_small_is_refused_by_its_name(make, name):
    real = name in ("threshold", "divisor", "bound")
    kind = "a number" if real else "a whole number"
    for value in (0, -1, np.nan, "3", [], *(() if real else (0.5, 1.5))):
        with pytest.raises(ValueError, match=f"^{name} must be {kind} above 0, got "):
            make(**{name: value})


@pytest.mark.parametrize("divisor", [0.5, 1, np.inf])
def test_a_divisor_that_would_not_lower_a_rate_is_refused(divisor):
    with pytest.raises(ValueError, match="divisor must be above 1"):
        SpikeDecay(300, divisor)


def test_a_spike_cannot_be_seen_without_a_monitor():
    with pytest.raises(ValueError, match=r"add grustab\.optimizer_hooks\.GradientMonitor"):
        SpikeDecay(300, 2.0).is_time(Mock(observation={}))


@pytest.mark.parametrize("dtype", [int, bool, np.complex64])
def test_a_gru_of_a_dtype_that_does_not_float_is_refused(dtype):
    with pytest.raises(ValueError, match="dtype must be a floating one"):
        GRU(3, 4, dtype=dtype)
