"""What a run ran on: commit, versions, BLAS, threads, device."""

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import chainer
import numpy as np
import threadpoolctl

from experiments.system.provenance import git_state

PACKAGES = ("chainer", "numpy", "scipy", "fbpca")
CUPY = ("cupy", "cupy-cuda12x", "cupy-cuda13x")


def describe_environment(device: chainer.backend.Device) -> dict[str, Any]:
    """Everything needed to judge, or repeat, a run's numbers and times."""
    described = {
        "git": git_state(),
        "python": platform.python_version(),
        "packages": _versions(),
        "blas": _blas(),
        "simd": np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", []),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": _cores(),
        "device": "cpu",
    }
    if device.xp is np:
        return described
    runtime = device.xp.cuda.runtime
    name = runtime.getDeviceProperties(device.device.id)["name"].decode()
    cuda = {"version": runtime.runtimeGetVersion(), "driver": runtime.driverGetVersion()}
    return described | {"device": name, "cuda": cuda | {"tf32": os.environ.get("CUPY_TF32")}}


def other_environment(
    before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]], whose: str, this: str
) -> str | None:
    """What differs between the environments of two parts of runs and changes their numbers.

    ``None`` if nothing does, as far as both say; ``whose`` and ``this`` name the two in the text.
    """
    then, here = _facts(before), _facts(now)
    keys = [key for key, value in here.items() if then.get(key, value) != value]
    if not keys:
        return None
    old, new = (", ".join(f"{key} {facts[key]}" for key in keys) for facts in (then, here))
    return f"{whose} {old}, {this} {new}"


def _facts(environments: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What decides the numbers of sessions, as far as they say: all values of each fact."""
    found: dict[str, dict[str, None]] = {}
    for environment in environments:
        for key, value in _decisive(environment):
            found.setdefault(key, {})[value] = None
    return {key: " and ".join(values) for key, values in found.items()}


def _decisive(environment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "python" in environment:
        yield "Python", environment["python"]
    yield "device", environment.get("device", "cpu")
    cuda = environment.get("cuda", {})
    yield from ((f"CUDA's {key}", str(value)) for key, value in cuda.items())
    for package in (*PACKAGES, *CUPY) if cuda else PACKAGES:
        if package in environment.get("packages", {}):
            yield package, environment["packages"][package]
    named = (("BLAS", "internal_api"), ("BLAS version", "version"), ("BLAS kernel", "architecture"))
    for name, key in (*named, ("BLAS threads", "num_threads")):
        # NumPy and SciPy may each have their own.
        pools = environment.get("blas", [])
        found = sorted({str(pool[key]) for pool in pools if pool.get(key) is not None})
        if found:
            yield name, " and ".join(found)
    if "simd" in environment:
        yield "NumPy's SIMD", " ".join(environment["simd"]) or "none"
    git = environment["git"]
    if git["commit"] is not None:  # last: another commit seldom changes numbers
        yield "commit", git["commit"][:10] + (" with changes" if git["dirty"] else "")


def _cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on macOS; a sandbox may refuse it
        return os.cpu_count() or 1


def _versions() -> dict[str, str]:
    found = {}
    for package in (*PACKAGES, *CUPY):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _blas() -> list[dict[str, Any]]:
    keys = ("internal_api", "version", "num_threads", "architecture")
    pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
    return [{key: pool.get(key) for key in keys} for pool in pools]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
