"""What a run ran on, told also by a system that tells little."""

import os
from importlib import metadata
from pathlib import Path

import pytest

from experiments.device import find_device
from experiments.environment import describe_environment


def test_what_decides_rounding_is_told():
    told = describe_environment(find_device("cpu"))
    assert told["packages"]["numpy"] == metadata.version("numpy")
    assert all({"architecture", "num_threads"} <= pool.keys() for pool in told["blas"])
    assert all(isinstance(target, str) for target in told["simd"])


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (os, "sched_getaffinity", PermissionError(1, "Operation not permitted")),
        (Path, "read_text", FileNotFoundError(2, "No such file or directory")),
    ],
)
def test_a_system_that_does_not_tell_is_no_reason_not_to_run(monkeypatch, place, name, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(place, name, refuse, raising=False)
    told = describe_environment(find_device("cpu"))
    assert told["cores"] is None or told["cores"] >= 1
    assert told["processor"] is not None
