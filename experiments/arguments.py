"""Options that several commands share, and the checks of their values."""

import argparse
import math
from pathlib import Path

from experiments.system.paths import given
from grustab.text import printable

#: Of the command time: iterations per cell, and where in training the third point is.
ROUNDS = 40
LATER = 2654


def add_set(sub: argparse.ArgumentParser) -> None:
    """``--set``."""
    sub.add_argument(
        "--set",
        action="extend",
        nargs="+",
        default=[],
        metavar="key=value",
        help="replace settings of the config, such as epochs=2; the results are stored under a "
        "name of their own and never compared with the published numbers",
    )


def add_cells(sub: argparse.ArgumentParser) -> None:
    """``--cells``."""
    sub.add_argument("--cells", default="*", metavar="GLOB", help="such as 'sgd/*'; default: all")


def add_seeds(sub: argparse.ArgumentParser) -> None:
    """``--seeds``."""
    sub.add_argument(
        "--seeds",
        type=seeds,
        metavar="SEEDS",
        help="such as 0 or 0,2 or 0-9; default: as many as the config says",
    )


def add_limits(sub: argparse.ArgumentParser) -> None:
    """``--max-iterations`` and ``--snapshot-interval``."""
    sub.add_argument(
        "--max-iterations",
        type=positive,
        metavar="N",
        help="stop a run there; its result counts as partial",
    )
    sub.add_argument(
        "--snapshot-interval",
        type=seconds,
        default=600.0,
        metavar="SECONDS",
        help="time between two snapshots of a run; default: 600",
    )


def add_out(sub: argparse.ArgumentParser, text: str) -> None:
    """``--out``."""
    sub.add_argument("--out", type=folder, metavar="DIR", help=f"{text}; default: results/")


def add_own(sub: argparse.ArgumentParser, text: str) -> None:
    """``--config``."""
    sub.add_argument("--config", nargs="+", default=[], metavar="FILE", help=text)


def add_sweep(sub: argparse.ArgumentParser) -> None:
    """Options that say which runs to do, and how."""
    sub.add_argument("config", metavar="CONFIG", help="name of a config, or a .yaml file")
    add_cells(sub)
    add_seeds(sub)
    add_set(sub)
    add_limits(sub)
    add_out(sub, "folder the results go to")
    sub.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="runs at a time; default: 1"
    )
    sub.add_argument(
        "--device",
        type=devices,
        default=["cpu"],
        metavar="D",
        help="cpu (default), or GPUs such as 0 or 0,1",
    )
    sub.add_argument(
        "--jobs-per-device", type=positive, default=1, metavar="N", help="runs per GPU; default: 1"
    )
    sub.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="do the runs on a Dask cluster that is running: tcp://HOST:PORT of its scheduler",
    )


def folder(text: str) -> Path:
    """A folder; an empty word, as of an unset variable, would be the current one."""
    if not text:
        raise argparse.ArgumentTypeError("expected a folder, got ''")
    return given(text)


def seeds(text: str) -> list[int]:
    """Seeds such as ``0,2`` or ``0-9``."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = natural(first), natural(last if dash else first)
        if not low <= high < low + 1000:
            raise argparse.ArgumentTypeError(
                f"expected up to 1000 seeds such as 0-9, got '{printable(part, 50)}'"
            )
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
        raise argparse.ArgumentTypeError(f"expected {expected}, got '{printable(text, 50)}'")
    return number


def seconds(text: str) -> float:
    """A number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds, got '{printable(text, 50)}'"
        )
    return number


def devices(text: str) -> list[str]:
    """``cpu``, or numbers of GPUs."""
    found = text.split(",")
    if found != ["cpu"] and not all(word.isascii() and word.isdigit() for word in found):
        raise argparse.ArgumentTypeError(
            f"expected cpu, or GPUs such as 0 or 0,1, got '{printable(text, 50)}'"
        )
    return found
