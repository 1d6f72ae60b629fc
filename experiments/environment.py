"""What a run ran on: commit, versions, BLAS, threads, device."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import chainer
import threadpoolctl

from experiments.source import git_state

PACKAGES = ("chainer", "numpy", "scipy", "fbpca", "cupy", "cupy-cuda12x", "cupy-cuda13x")


def describe_environment(device: chainer.backend.Device) -> dict[str, Any]:
    """Everything needed to judge, or repeat, a run's numbers and times.

    Args:
        device: The run's device.
    """
    return {
        "git": git_state(),
        "python": platform.python_version(),
        "packages": _versions(),
        "blas": _blas(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": _cores(),
        "device": _device_name(device),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _blas() -> list[dict[str, Any]]:
    keys = ("internal_api", "version", "num_threads", "architecture")
    pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
    return [{key: pool.get(key) for key in keys} for pool in pools]


def _cores() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on macOS; a sandbox may refuse it
        return os.cpu_count()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _device_name(device: chainer.backend.Device) -> str:
    if device.xp is not chainer.backends.cuda.cupy:
        return "cpu"
    properties = device.xp.cuda.runtime.getDeviceProperties(device.device.id)
    return properties["name"].decode()
