"""What a run ran on, told also by a system that tells little."""

import os
from importlib import metadata
from pathlib import Path

from experiments.system.device import find_device
from experiments.system.environment import describe_environment


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
