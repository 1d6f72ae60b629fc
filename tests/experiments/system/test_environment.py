"""What a run ran on, told also by a system that tells little, and where it may round otherwise."""

import os
from importlib import metadata
from pathlib import Path

import pytest

from experiments.system.device import find_device
from experiments.system.environment import describe_environment, other_environment


def test_a_system_that_does_not_tell_is_no_reason_not_to_run(monkeypatch):
    read = Path.read_text

    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    def read_text(path, *arguments, **options):
        return (refuse if path == Path("/proc/cpuinfo") else read)(path, *arguments, **options)

    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    monkeypatch.setattr(Path, "read_text", read_text)
    told = describe_environment(find_device("cpu"))
    assert told["cores"] is None or told["cores"] >= 1
    assert told["processor"] is not None
    # What decides rounding is told.
    assert told["packages"]["numpy"] == metadata.version("numpy")
    assert all({"architecture", "num_threads"} <= pool.keys() for pool in told["blas"])
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
    ({"simd": None}, None),  # of an earlier version
    ({"simd": []}, ("NumPy's SIMD none", "NumPy's SIMD X86_V3")),
]


@pytest.mark.parametrize(("before", "words"), CASES, ids=str)
def test_what_may_round_otherwise_is_said(before, words):
    there = {key: value for key, value in {**HERE, **before}.items() if value is not None}
    said = words and "an earlier session had {}, this one has {}".format(*words)
    assert other_environment(there, HERE) == said


def test_every_earlier_session_counts(tiny, run, small_data, monkeypatch):
    def notes(python, iterations, seed="0"):
        there = {**HERE, "python": python}
        monkeypatch.setattr("experiments.training.run.describe_environment", lambda _: there)
        _, out, _ = run(tiny(), "sgd/none", "--max-iterations", iterations, "--seed", seed)
        return [line for line in out.splitlines() if line.startswith("note: ")]

    assert notes("3.13.1", "5", "1") == notes("3.13.1", "6", "1") == notes("3.13.1", "5") == []
    for iterations in ("7", "8"):
        (note,) = notes("3.12.1", iterations)
        assert note == (
            "note: an earlier session had Python 3.13.1, this one has Python 3.12.1: the result "
            "may differ, if only in rounding, from that of a run that was never stopped"
        )
