"""Short real runs, each in a process of its own."""

import hashlib
import json
import os
import random
import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from experiments.results.store import read_result
from tests.experiments.checks import start_command
from tests.experiments.conftest import TINY

LANGUAGE = {
    **TINY,
    "batch_size": 20,
    "eval_batch_size": 20,
    "bptt_steps": 20,
    "units": 96,
    "layers": 2,
    "dropout": 0.3,
    "dropout_after": ["input", "gru"],
    "optimizer": "adam",
    "learning_rate": 0.02,
    "schedule": "exponential",
    "decay_divisor": 1.5,
    "decay_after": 1,
    "epochs": 3,
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
CONDITIONS = {"language": LANGUAGE, "music": MUSIC, "short": {**LANGUAGE, "units": 24, "epochs": 1}}
CELL = "adam/projection_0.9"


def write_config(folder: Path, task: str) -> Path:
    """A config of one cell; JSON is YAML. Its name, like any in a results folder, tells it."""
    cell = {"set": {"method": "projection", "delta": 0.9}, "source": "assumption"}
    config = {
        "title": "For the fault suite",
        "runs": 1,
        "conditions": {"assumption": CONDITIONS[task]},
        "cells": {CELL: {**cell, "published": None}},
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


def end(process: subprocess.Popen) -> Ended:
    """Wait for its end."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def run(*words: object, **options) -> Ended:
    return end(start_command("run", *words, **options))


def the_result(out: Path) -> dict | None:
    """Of the only run under a folder; it has to be whole."""
    found = [read_result(path) for path in out.rglob("result.json")]
    assert len(found) <= 1
    return found[0] if found else None


def last_iteration(out: Path) -> int:
    """Of the newest snapshot of the only run under a folder, or 0; each has to be whole."""
    iterations = [0]
    for path in out.rglob("snapshot-*"):
        _, iteration, digest = path.stem.split("-")
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        iterations.append(int(iteration))
    return max(iterations)


def temporary_files(out: Path) -> list[Path]:
    """What was being written when a process died or the disk was full."""
    return [path for path in out.rglob(".*") if path.name != ".lock"]


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
