"""What a measurement was made on, as its file says, and how its numbers are shown."""

import statistics
from collections.abc import Sequence

from pydantic import Field

from experiments.results.json_file import Form


class Git(Form):
    """State of the source tree; ``reason`` says why it is not known."""

    commit: str | None
    dirty: bool | None
    reason: str | None = None


class Blas(Form):
    """A library of matrix products."""

    num_threads: int | None = None
    architecture: str | None = None
    internal_api: str | None = None
    version: str | None = None


class Machine(Form):
    """The machine that was measured on, as far as the file says."""

    git: Git
    device: str = "cpu"
    processor: str | None = None
    python: str = ""
    simd: list[str] = Field([])
    blas: list[Blas] = Field([])
    packages: dict[str, str] = Field({})
    torch: str | None = None
    cuda: dict[str, int | str | None] = Field({})

    @property
    def hardware(self) -> str:
        """The device, or the processor and its BLAS threads."""
        threads = max((blas.num_threads or 1 for blas in self.blas), default=1)
        cpu = f"{self.processor or 'unknown processor'}, {threads} BLAS thread{'s' * (threads > 1)}"
        return cpu if self.device == "cpu" else self.device

    @property
    def name(self) -> str:
        """The hardware; and the commit, if it is known."""
        commit = f"commit {self.git.commit[:7]}" if self.git.commit else "commit unknown"
        return f"{self.hardware}, {commit}"


def median_and_range(values: Sequence[float], form: str) -> str:
    """The median of the rounds; in parentheses, the smallest and the largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"
