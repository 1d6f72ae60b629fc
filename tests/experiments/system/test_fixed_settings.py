"""What is set outside, in the environment or by whoever calls, changes no result."""

import os
from contextlib import nullcontext
from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from experiments.bench import worker
from experiments.system.device import find_device
from experiments.system.fixed_settings import SETTINGS
from experiments.timing import measure as timing
from grustab.extensions import SequenceEvaluator
from tests.experiments.checks import EXPLODES, timeless

pytestmark = pytest.mark.usefixtures("small_data")

HOSTILE = {
    "dtype": np.dtype(np.float64),
    "train": False,
    "enable_backprop": False,
    "debug": True,
    "lazy_grad_sum": True,
    "use_ideep": "always",
    "keep_graph_on_report": True,
}


@pytest.fixture
def hostile(monkeypatch):
    """Set Chainer's global configuration, as its environment variables do, and NumPy's."""

    def set_to(**changes):
        for key, value in {**HOSTILE, **changes}.items():
            monkeypatch.setattr(chainer.global_config, key, value)
        return np.errstate(all="raise")

    return set_to


@pytest.mark.parametrize("dtype", [np.dtype(np.float64), np.dtype(np.float16), chainer.mixed16])
@pytest.mark.parametrize(
    "setting", ["delta=0.2", "optimizer=adam delta=0.2", "optimizer=rmsprop delta=0.2", EXPLODES]
)
def test_no_setting_from_outside_changes_a_run(tiny, run, hostile, dtype, setting):
    config = tiny(layers=2, dropout=0.3, dropout_after=["input", "gru"], epochs=1)
    cell = "sgd/none" if setting == EXPLODES else "sgd/projection_0.2"
    words = (cell, "--set", *setting.split())
    expected, _, _ = run(config, *words)
    assert expected["status"] == ("diverged" if setting == EXPLODES else "completed")
    with hostile(dtype=dtype):
        result, _, _ = run(config, *words, "--force")
    assert timeless(result) == timeless(expected)


def test_a_run_trains_and_evaluates_under_the_fixed_settings(tiny, run, hostile, monkeypatch):
    seen, evaluate = [], SequenceEvaluator.evaluate

    def look(self):
        seen.append({key: getattr(chainer.config, key) for key in SETTINGS})
        return evaluate(self)

    monkeypatch.setattr(SequenceEvaluator, "evaluate", look)
    with hostile():
        run(tiny(), "sgd/none", "--max-iterations", "15")  # an epoch's end, and then a cut
    assert len(seen) > 2
    evaluating = {"train": False}  # as Chainer's evaluator sets it
    assert all(settings == SETTINGS | evaluating for settings in seen)


def test_a_gpu_multiplies_in_float32(monkeypatch):
    runtime = SimpleNamespace(getDeviceCount=lambda: 1)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime), ones=lambda _: 1)
    cuda = SimpleNamespace(available=True, cupy=cupy, Device=nullcontext)
    monkeypatch.setattr("experiments.system.device.cuda", cuda)
    monkeypatch.setattr(chainer, "get_device", lambda name: name)
    monkeypatch.setenv("CUPY_TF32", "1")
    assert find_device("0") == "@cupy:0"
    assert os.environ["CUPY_TF32"] == "0"


class SeenError(Exception):
    """Enough was seen."""


@pytest.mark.parametrize("command", ["time", "bench"])
def test_what_is_timed_is_float32_too(timed, call, hostile, monkeypatch, command):
    def look(*_):
        assert chainer.get_dtype() == np.float32
        raise SeenError

    monkeypatch.setattr(timing, "_measure", look)
    monkeypatch.setattr(worker, "_chainer", look)
    with hostile(), pytest.raises(SeenError):
        if command == "time":
            call("time", timed(), "--force")
        worker.main(["ours", "cpu", "music", "6", "1", "9", "5", "3"])
