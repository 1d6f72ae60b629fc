"""Folders of the repository, and paths as a person wants to read them."""

import os
from pathlib import Path

from grustab.text import printable

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
RESULTS = ROOT / "results"
RUNS = ROOT / "runs"
#: What a person types, in ROOT.
PROGRAM = ".venv/bin/python -m experiments"


def given(text: str) -> Path:
    """A path as a person gives it: ``~`` is a home folder, also where no shell has seen it."""
    return Path(os.path.expanduser(text))


def shown(path: Path) -> str:
    """A path relative to the current folder, where it lies below that."""
    try:
        return printable(str(path.resolve().relative_to(Path.cwd())))
    except ValueError:
        return printable(str(path.resolve()))
