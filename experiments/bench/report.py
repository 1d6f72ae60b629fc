"""Table and figures of ``bench``'s measurements."""

import statistics
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from experiments.reports.markdown import markdown_table
from experiments.results.json_file import Form, read_json
from experiments.results.measurement import Machine, median_and_range
from experiments.system.storage import write_text

SCHEMA = 1
NAMES = {
    "ours": "this package",
    "chainer": "stock Chainer, a step at a time",
    "pytorch": "PyTorch nn.GRU",
    "scripted": "PyTorch, the paper's equations",
}
COLORS = dict(zip(NAMES, ("#1b6ca8", "#c8553d", "#e8a33d", "#5b8c5a"), strict=True))


class Sizes(Form):
    """Those of a workload that figures read."""

    units: PositiveInt
    steps: PositiveInt


class Measurement(Form):
    """One workload."""

    workload: Sizes
    flops: int
    seconds: dict[str, list[PositiveFloat]]
    peak_mib: dict[str, int]

    @model_validator(mode="after")
    def _whole(self) -> "Measurement":
        if not {"ours", "sgemm"} <= set(self.seconds):
            raise ValueError("no seconds of 'ours' or 'sgemm'")
        rounds = {len(seconds) for seconds in self.seconds.values()}
        if len(rounds) > 1 or 0 in rounds:
            raise ValueError("not the same rounds for all, at least one")
        if not set(NAMES) & set(self.seconds) <= set(self.peak_mib):
            raise ValueError("no peak_mib of some that have seconds")
        return self

    def median(self, name: str) -> float:
        """Median seconds per iteration."""
        return statistics.median(self.seconds[name])

    def ratios(self, name: str) -> list[float]:
        """In each round, the seconds of an implementation divided by ours."""
        pairs = zip(self.seconds[name], self.seconds["ours"], strict=True)
        return [theirs / ours for theirs, ours in pairs]


class BenchResult(Form):
    """The whole file; other keys are free."""

    schema_: Literal[1] = Field(alias="schema")
    command: str
    environment: Machine
    load: float
    sgemm_side: int = Field(gt=0)
    paper: dict[Literal["language", "music"], Measurement] = Field(min_length=2)
    scaling: list[Measurement]


def write_report(out: Path) -> None:
    """Write ``table.md`` beside the measurements, if there is one.

    Raises:
        ResultError: If a measurement is damaged.
    """
    measured = sorted((out / "bench").glob("*.json"))
    if measured:
        tables = (format_bench(p.stem, read_json(p, BenchResult)[1]) for p in measured)
        write_text(out / "bench" / "table.md", "\n".join(tables))


def format_bench(name: str, result: BenchResult) -> str:
    """A measurement as Markdown."""
    header = ["model", "implementation", "seconds per iteration", "we are faster by", "peak MiB"]
    rows, shares = [], []
    for task, measured in result.paper.items():
        for key, title in NAMES.items():
            if key in measured.seconds:
                faster = "" if key == "ours" else median_and_range(measured.ratios(key), ".2f")
                seconds = median_and_range(measured.seconds[key], ".4f")
                rows.append([task, title, seconds, faster, str(measured.peak_mib[key])])
        square = 2 * result.sgemm_side**3 / 1e9
        rates = [square / seconds for seconds in measured.seconds["sgemm"]]
        parts = [measured.flops / square / 1e9 * ratio for ratio in measured.ratios("sgemm")]
        shares.append(
            f"{task}: {measured.flops / 1e9:.1f} GFLOP of matrix products per iteration; a product "
            f"of square matrices runs at {median_and_range(rates, '.0f')} GFLOP/s; we reach "
            f"{median_and_range(parts, '.0%')} of that"
        )
    shared = "shared" if result.load > 0.5 else "free"
    load = f"Load average just before: {result.load:.1f}, so the machine was {shared}."
    rounds = len(next(iter(result.paper.values())).seconds["ours"])
    notes = [
        "An iteration: forward, backward, norm clipping, SGD step; made-up batches of 20 sequences "
        "of 35 steps, dropout 0.5; language: 650 units, 10,000 words; music: 2 layers of 200 "
        "units, 88 notes.",
        "Chainer's `StatefulGRU` and `nn.GRU` have other equations. `nn.GRU` needs one recurrent "
        "product per step, the paper's equations need two, one after the other.",
        f"The implementations took turns, each in a process of its own, {rounds} rounds; medians; "
        "faster by: median of the ratio within a round; in parentheses the smallest and the "
        "largest of the rounds.",
        "Peak: resident memory of the whole process, its libraries included."
        if result.environment.device == "cpu"
        else "Peak: device memory that the allocator has taken.",
        *(f"{share}." for share in shares),
        f"On: {result.environment.name}; {_versions(result.environment)}. {load}",
        f"Repeat: `{result.command} --force`.",
    ]
    lines = [f"## An iteration, compared ({name})", "", *markdown_table(header, rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in notes), ""])


def _versions(environment: Machine) -> str:
    versions = environment.packages | ({"torch": environment.torch} if environment.torch else {})
    wanted = ("chainer", "numpy", "cupy", "cupy-cuda12x", "cupy-cuda13x", "torch")
    found = [f"{key} {versions[key]}" for key in wanted if key in versions]
    if cuda := environment.cuda:
        tf32 = "on" if cuda.get("tf32") == "1" else "off"
        found += [f"CUDA's {key} {cuda.get(key)}" for key in ("version", "driver")]
        found.append(f"TF32 {tf32} for all")
    return ", ".join(found)


def draw_scaling(result: BenchResult) -> Figure | None:
    """Milliseconds per iteration as units and steps grow; ``None`` where that was not measured."""
    if not result.scaling:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.6), sharey=True)
    paper = result.paper["language"].workload
    for axis, key, other in zip(axes, ("units", "steps"), ("steps", "units"), strict=True):
        points = [m for m in result.scaling if getattr(m.workload, other) == getattr(paper, other)]
        points.sort(key=lambda m: getattr(m.workload, key))
        x = [getattr(m.workload, key) for m in points]
        for name, title in NAMES.items():
            if points and all(name in m.seconds for m in points):
                y = [1000 * m.median(name) for m in points]
                ends = [(1000 * min(m.seconds[name]), 1000 * max(m.seconds[name])) for m in points]
                axis.fill_between(x, *zip(*ends, strict=True), color=COLORS[name], alpha=0.2)
                axis.plot(x, y, "o-", color=COLORS[name], markersize=4, label=title)
        products = [1000 * m.flops / (2 * result.sgemm_side**3) * m.median("sgemm") for m in points]
        axis.plot(x, products, ":", color="#888888", label="matrix products at sgemm's rate")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(x, [str(v) for v in x])
        axis.minorticks_off()
        axis.set_xlabel(f"{key} ({getattr(paper, other)} {other})")
    axes[0].set_ylabel("ms per iteration")
    axes[0].legend(fontsize=8)
    figure.suptitle(
        "Language model, 10,000 words, 20 sequences: one iteration with norm clipping.\n"
        "Median of the rounds; shaded: from the smallest to the largest.",
        fontsize=9,
    )
    figure.tight_layout()
    return figure
