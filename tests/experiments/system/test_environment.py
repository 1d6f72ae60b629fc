"""What is set outside changes no result; what a run ran on, and where it may round otherwise."""

import os
import platform
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from experiments.bench import worker
from experiments.system.device import find_device
from experiments.system.environment import describe_environment, other_environment
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


@pytest.mark.parametrize(("setting", "dtype"), [
    *(("delta=0.2", dtype) for dtype in (*map(np.dtype, "ed"), chainer.mixed16)),
    ("optimizer=adam learning_rate=0.01 delta=0.2", np.dtype("d")),
    ("optimizer=rmsprop learning_rate=0.01 delta=0.2", np.dtype("d")),
    (EXPLODES, np.dtype("d")),
])  # fmt: skip
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
        else:
            worker.main(["ours", "cpu", "music", "6", "1", "9", "5", "3"])


def test_a_system_that_does_not_tell_is_no_reason_not_to_run(monkeypatch):
    read = Path.read_text

    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    def read_text(path, *arguments, **options):
        return (refuse if path == Path("/proc/cpuinfo") else read)(path, *arguments, **options)

    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    monkeypatch.setattr(Path, "read_text", read_text)
    told = describe_environment(find_device("cpu"))
    assert told["cores"] == (os.cpu_count() or 1)
    assert told["processor"] == (platform.processor() or platform.machine())
    # What decides rounding is told.
    assert told["packages"]["numpy"] == metadata.version("numpy")
    assert all(isinstance(target, str) for target in told["simd"])


POOL = {"internal_api": "openblas", "version": "0.3.30", "architecture": "Haswell"}
HERE = {
    "git": {"commit": "a" * 40, "dirty": False},
    "python": "3.13.1",
    "packages": {"numpy": "2.4.6", "scipy": "1.17.1", "cupy": "14.0"},
    "blas": [{**POOL, "num_threads": 1}, {**POOL, "num_threads": 1}],
    "simd": ["X86_V3"],
    "processor": "a",
    "device": "cpu",
}
CASES = [
    ({}, None),
    ({"processor": "b", "cores": 3, "packages": {"numpy": "2.4.6", "cupy": "14.1"}}, None),
    ({"git": {"commit": None, "dirty": None, "reason": "x"}}, None),
    (
        {"git": {"commit": "b" * 40, "dirty": True}},
        ("commit bbbbbbbbbb with changes", "commit aaaaaaaaaa"),
    ),
    ({"python": "3.11.2"}, ("Python 3.11.2", "Python 3.13.1")),
    ({"packages": {"numpy": "1.26"}}, ("numpy 1.26", "numpy 2.4.6")),
    ({"packages": {"numpy": "2.4.6", "scipy": "1.11"}}, ("scipy 1.11", "scipy 1.17.1")),
    (
        {"blas": [{**POOL, "architecture": "SkylakeX", "num_threads": 2}]},
        ("BLAS kernel SkylakeX, BLAS threads 2", "BLAS kernel Haswell, BLAS threads 1"),
    ),
    (
        {"blas": [{**POOL, "num_threads": 1}, {**POOL, "num_threads": 2}]},
        ("BLAS threads 1 and 2", "BLAS threads 1"),
    ),
    ({"blas": []}, None),
    ({"simd": []}, ("NumPy's SIMD none", "NumPy's SIMD X86_V3")),
]


@pytest.mark.parametrize(("before", "words"), CASES, ids=str)
def test_what_may_round_otherwise_is_said(before, words):
    said = words and "an earlier session had {}, this one has {}".format(*words)
    names = "an earlier session had", "this one has"
    assert other_environment([{**HERE, **before}], [HERE], *names) == said
    assert other_environment([{"git": HERE["git"]}], [HERE], *names) is None  # an old result


def test_every_earlier_session_counts(tiny, run, monkeypatch):
    def notes(python, iterations, seed="0"):
        there = {**HERE, "python": python}
        monkeypatch.setattr("experiments.training.run.describe_environment", lambda _: there)
        _, out, _ = run(tiny(), "sgd/none", "--max-iterations", iterations, "--seed", seed)
        return [line for line in out.splitlines() if line.startswith("note: ")]

    assert notes("3.13.1", "5", "1") == notes("3.13.1", "6", "1") == notes("3.13.1", "5") == []
    for iterations, before in (("7", "3.13.1"), ("8", "3.13.1 and 3.12.1")):
        (note,) = notes("3.12.1", iterations)
        assert note == (
            f"note: an earlier session had Python {before}, this one has Python 3.12.1: the result "
            "may differ, if only in rounding, from that of a run that was never stopped"
        )
