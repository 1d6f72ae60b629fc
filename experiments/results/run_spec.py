"""A run as one value: what to run, and where its result goes."""

import shlex
from pathlib import Path
from typing import NamedTuple

from experiments.config.load import Cell, file_word, set_words
from experiments.system.paths import PROGRAM, RESULTS, RUNS


class RunSpec(NamedTuple):
    """One cell with one seed; its result is partial where ``max_iterations`` stop it."""

    cell: Cell
    seed: int
    out: Path
    max_iterations: int | None = None

    @property
    def name(self) -> str:
        """For people, such as ``sgd/clipping_15 seed 0``."""
        return f"{self.cell.name} seed {self.seed}"

    @property
    def path(self) -> Path:
        """Its folder, relative to ``results/`` or ``runs/``.

        The conditions' hash is part of it: runs under other conditions never meet.
        """
        digest = self.cell.conditions.digest()
        return Path(self.cell.config) / self.cell.name / f"seed{self.seed}-{digest[:8]}"

    @property
    def result_file(self) -> Path:
        """Its ``result.json``."""
        return self.out / self.path / "result.json"

    @property
    def folder(self) -> Path:
        """Where its snapshots, log and lock are: in ``runs/`` for results in ``results/``."""
        base = RUNS if self.out.resolve() == RESULTS.resolve() else self.out
        return base / self.path

    def words(self, portable: bool = False) -> list[str]:
        """Its command line after ``PROGRAM``; ``portable``: no folders for config and results."""
        file = file_word(self.cell.file) if portable else self.cell.file
        words = ["run", file, "--cell", self.cell.name, "--seed", str(self.seed)]
        words += [] if portable else self.out_words()
        words += set_words(self.cell.overrides)
        if self.max_iterations:
            words += ["--max-iterations", str(self.max_iterations)]
        return words

    def out_words(self) -> list[str]:
        """The option that says where its result is, if that is not ``results/``."""
        out = self.out.resolve()
        return [] if out == RESULTS.resolve() else ["--out", str(out)]


def command_line(words: list[str], device: str) -> str:
    """What a person types for such words, on ``cpu`` or on the GPU of a number."""
    words = words + ([] if device == "cpu" else ["--device", device])
    return f"{PROGRAM} {shlex.join(words)}"
