"""Short real runs, each in a process of its own."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from experiments.results.store import read_result
from experiments.sweep.job import THREADS
from experiments.system.paths import ROOT

LANGUAGE = {
    "task": "language",
    "dataset": "synthetic",
    "batching": "stream",
    "batch_size": 20,
    "eval_batch_size": 20,
    "bptt_steps": 20,
    "units": 96,
    "layers": 2,
    "input_scale": 1.0,
    "output_bias": True,
    "dropout": 0.3,
    "dropout_after": ["input", "gru"],
    "loss": "sum_over_steps",
    "optimizer": "adam",
    "learning_rate": 0.02,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "rmsprop_beta": 0.99,
    "epsilon": 1e-8,
    "schedule": "exponential",
    "decay_divisor": 1.5,
    "decay_after": 1,
    "epochs": 3,
    "projection": "auto",
    "monitor_interval": 5,
}
MUSIC = {
    **LANGUAGE,
    "task": "music",
    "batching": "tunes",
    "batch_size": 5,
    "units": 72,
    "optimizer": "sgd",
    "learning_rate": 0.2,
    "schedule": "plateau",
    "decay_divisor": 2,
    "epochs": 14,
}
SHORT = {**LANGUAGE, "units": 24, "epochs": 1}
CONDITIONS = {"language": LANGUAGE, "music": MUSIC, "short": SHORT}
CELL = "adam/projection_0.9"


def write_config(folder: Path, task: str, **changes) -> Path:
    """A config with two cells; JSON is YAML. Its name, like any in a results folder, tells it."""
    config = {
        "title": "For the fault suite",
        "runs": 2,
        "conditions": {"assumption": {**CONDITIONS[task], **changes}},
        "cells": {
            CELL: {
                "set": {"method": "projection", "delta": 0.9},
                "source": "assumption",
                "published": None,
            },
            "adam/clipping_5": {
                "set": {"method": "clipping", "threshold": 5},
                "source": "assumption",
                "published": None,
            },
        },
    }
    path = folder / f"faults_{task}_{os.getpid()}.yaml"
    path.write_text(json.dumps(config))
    return path


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def resumed_at(self) -> int:
        found = re.search(r"resumed at iteration (\d+)", self.out)
        return int(found[1]) if found else 0

    @property
    def interrupted_at(self) -> int | None:
        found = re.search(r"^interrupted after (\d+) iteration", self.out, re.M)
        return int(found[1]) if found else None


def environment(**more: object) -> dict[str, str]:
    """Of a child: nothing written into the checkout, and one thread."""
    given = dict.fromkeys(THREADS, "1")
    return {**os.environ, **given, "PYTHONDONTWRITEBYTECODE": "1", **more}


def start(*words: object, env: dict[str, str] | None = None, **options) -> subprocess.Popen:
    """Start ``python -m experiments``."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env or environment(),
        **options,
    )


def end(process: subprocess.Popen, timeout: float = 300) -> Ended:
    """Wait for its end."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err)


def run(*words: object, **options) -> Ended:
    return end(start("run", *words, **options))


def results(out: Path) -> dict[str, dict]:
    """Every result under a folder, by its folder's path; each has to be whole."""
    return {str(p.parent.relative_to(out)): read_result(p) for p in out.rglob("result.json")}


def the_result(out: Path) -> dict | None:
    """Of the only run under a folder."""
    found = list(results(out).values())
    assert len(found) <= 1
    return found[0] if found else None


def snapshots(out: Path) -> list[Path]:
    """Snapshots of the only run under a folder, the newest last; each has to be whole."""
    found = sorted(out.rglob("snapshot-*"))
    for path in found:
        assert path.stem.split("-")[2] == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return found


def iteration(path: Path) -> int:
    """Of a snapshot."""
    return int(path.stem.split("-")[1])


def last_iteration(out: Path) -> int:
    """Of the newest snapshot, or 0."""
    return max(map(iteration, snapshots(out)), default=0)


def temporary_files(out: Path) -> list[Path]:
    """What was being written when a process died or the disk was full."""
    files = [path for path in out.rglob("*") if path.is_file() and path.name != ".lock"]
    return [path for path in files if path.name.startswith(".") or path.suffix == ".tmp"]


class Moments:
    """Random moments within the time that a whole run takes.

    The time is learned anew from every whole run that ends before its moment: where the machine has
    become faster, moments from before would nearly all come too late.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.chance = random.Random(name)
        self.seconds = seconds

    def strike(self, process: subprocess.Popen, number: int, whole: bool) -> bool:
        """Send a signal at the next moment; False where the process ended before it."""
        start = time.monotonic()
        try:
            process.wait(timeout=self.chance.uniform(0, self.seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            return True
        if whole:
            self.seconds = min(self.seconds, time.monotonic() - start)
        return False
