"""Options that several commands share, and the checks of their values."""

import argparse
import math
from pathlib import Path
from typing import Any

from experiments.system.paths import given
from grustab.text import printable

#: Of the command time: iterations per cell and point, and where in training the third point is.
ROUNDS = 40
LATER = 2654


def folder(text: str) -> Path:
    """A folder; an empty word, as of an unset variable, would be the current one."""
    if not text:
        raise _wrong("a folder", text)
    path = given(text)
    try:
        path.resolve()
    except (OSError, RuntimeError):  # a link to itself
        raise _wrong("a folder", text) from None
    return path


def seeds(text: str) -> list[int]:
    """Seeds such as ``0,2`` or ``0-9``."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = natural(first), natural(last if dash else first)
        if not low <= high < low + 1000:
            raise _wrong("seeds such as 0-9, the smaller number first, at most 1000 of them", part)
        found += range(low, high + 1)
    return found


def natural(text: str) -> int:
    """An integer from 0 to 2^32 - 1."""
    return _integer(text, 0, 2**32, "an integer from 0 to 2^32 - 1")


def positive(text: str) -> int:
    """A positive integer below 2^31."""
    return _integer(text, 1, 2**31, "a positive integer below 2^31")


def _integer(text: str, low: int, end: int, expected: str) -> int:
    # Of too many digits: Python refuses to read more than some thousands.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 50 else -1
    if not low <= number < end:
        raise _wrong(expected, text)
    return number


def seconds(text: str) -> float:
    """A number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise _wrong("a number of seconds", text)
    return number


def devices(text: str) -> list[str]:
    """``cpu``, or numbers of GPUs."""
    found = text.split(",")
    numbers = [int(w) for w in found if w.isascii() and w.isdigit() and len(w) < 10]
    if found != ["cpu"] and len({*numbers}) != len(found):
        raise _wrong("cpu, or GPUs such as 0 or 0,1, each once", text)
    return found


def _wrong(expected: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"expected {expected}, got '{printable(text, 50)}'")


OPTIONS: dict[str, dict[str, Any]] = {
    "config": {"metavar": "CONFIG", "help": "name of a config, or a .yaml file"},
    "--set": {
        "action": "extend",
        "nargs": "+",
        "default": [],
        "metavar": "key=value",
        "help": "replace settings of the config, such as epochs=2; the results are stored under a "
        "name of their own and never compared with the published numbers",
    },
    "--cells": {"default": "*", "metavar": "GLOB", "help": "such as 'sgd/*'; default: all"},
    "--seeds": {
        "type": seeds,
        "metavar": "SEEDS",
        "help": "such as 0 or 0,2 or 0-9; default: as many as the config says",
    },
    "--max-iterations": {
        "type": positive,
        "metavar": "N",
        "help": "stop a run there; its result counts as partial",
    },
    "--snapshot-interval": {
        "type": seconds,
        "default": 600.0,
        "metavar": "SECONDS",
        "help": "time between two snapshots of a run; default: 600",
    },
    "--out": {"type": folder, "metavar": "DIR"},
    "--rounds": {"type": positive, "metavar": "N"},
    "--later": {"type": positive, "metavar": "N"},
    "--device": {"default": "cpu", "metavar": "D", "help": "cpu (default), 0, 1, ..."},
    "--force": {"action": "store_true", "help": "measure again where that was done"},
    "--dry-run": {"action": "store_true", "help": "only list the runs, with their cost"},
}


def add(sub: Any, *names: str, **changes: Any) -> None:
    """Add options of the table above, with ``changes`` to what it says."""
    for name in names:
        sub.add_argument(name, **OPTIONS[name] | changes)


def add_out(sub: argparse.ArgumentParser, text: str) -> None:
    """Add ``--out``."""
    add(sub, "--out", help=f"{text}; default: results/")


def add_sweep(sub: argparse.ArgumentParser) -> None:
    """Options that say which runs to do, and how."""
    add(sub, "config", "--cells", "--seeds", "--set", "--max-iterations", "--snapshot-interval")
    add_out(sub, "folder the results go to")
    add(sub, "--device", type=devices, default=["cpu"], help="cpu (default), or GPUs: 0 or 0,1")
    for name, text in (("--jobs", "runs at a time"), ("--jobs-per-device", "runs per GPU")):
        sub.add_argument(name, type=positive, default=1, metavar="N", help=f"{text}; default: 1")
    sub.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="do the runs on a Dask cluster that is running: tcp://HOST:PORT of its scheduler",
    )
