"""``report``: everything in ``results/`` on one page, as Markdown and as HTML."""

import os
from collections import Counter
from collections.abc import Sequence
from glob import escape
from pathlib import Path

import markdown

from experiments.config.load import Config, config_names, load_configs
from experiments.reports.claims import TABLE_3
from experiments.reports.claims_text import format_claims, has_results_of_ours
from experiments.reports.markdown import markdown_table
from experiments.reports.notes import COMMON
from experiments.reports.pairs import NOTE
from experiments.reports.summary import summary
from experiments.reports.table import format_table
from experiments.results.json_file import ResultError
from experiments.results.measurement import Machine
from experiments.results.measures import Result, environments
from experiments.results.store import FINISHED, find_results
from experiments.system.paths import CONFIGS, shown
from experiments.system.storage import write_text

#: The runs of each config, by cell.
Found = dict[str, list[list[Result]]]

#: Order of the page, after a user's own; configs that are not named here come last.
ORDER = (
    "table1_language",
    "table2_language_lr0.1",
    "table3_music",
    "table4_elementwise",
    "timing",
    "main_language",
    "main_music",
    "table1_language_small",
)
FIGURES = {
    "published": "Ours beside the published values",
    "learning_curves": "Validation value over the epochs",
    "dynamics": "Gradient norm, and spectral radius of the Jacobian at h = 0",
    "iteration": "Parts of an iteration",
    "scaling": "Cost of an iteration as sizes grow",
}
#: Tables that other commands write, below the folder of the results.
OTHERS = ("identify_music/signs.md", "bench/table.md", "faults/table.md")
#: Pages in words, of which the first paragraph is shown, and then a picture.
WORDS = {
    "explosion/README.md": ("A training, and one update of another one", "figures/explosion.png"),
    "gpu/README.md": ("", ""),
}
INTRODUCTION = """\
This page holds every table and figure that the results in its folder allow, beside the numbers that
the supplement of the paper (Kanai, Fujiwara, Iwamura; NIPS 2017) prints. `report` makes it from the
result files, without data and without network: do not edit it. Conditions that the supplement
leaves open are named below each table and explained in [configs/README.md]({configs}/README.md).
A cell is one setting of a table. First come your own configs, if there are any, then the paper's
tables and grids, then ours."""
HTML = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>grustab: what was reproduced</title>
<style>
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif; }
table { display: block; overflow-x: auto; border-spacing: .8rem .2rem; font-size: 13px; }
th, td { text-align: left; vertical-align: top; } td:first-child { white-space: nowrap; }
img { max-width: 100%; }
</style>
"""


def write_report(out: Path, own: Sequence[str] = ()) -> None:
    """Write ``README.md``, and the same as ``report.html``, which git ignores.

    Raises:
        grustab.errors.GrustabError: If a result file is not valid, or a page cannot be written.
    """
    text = make_report(out, own)
    html = HTML + markdown.markdown(text, extensions=["tables", "sane_lists"])
    for name, page in (("README.md", text), ("report.html", html)):
        write_text(out / name, page)


def make_report(out: Path, own: Sequence[str] = ()) -> str:
    """The page in Markdown; equal results give an equal page."""
    ours = [*ORDER, *config_names()]
    if own:  # of ours only what is there
        ours = [name for name in ours if (out / name).is_dir()]
    configs = load_configs([*own, *ours])
    found = {c.name: [find_results(out, cell) for cell in c.cells.values()] for c in configs}
    parts = ["# Preventing Gradient Explosions in Gated Recurrent Units: what was reproduced"]
    parts += [summary(out)] if has_results_of_ours(out, own) else []
    first = f"figures/{TABLE_3}_published.png"
    parts += [f"![{FIGURES['published']}]({first})"] if (out / first).exists() else []
    parts += [
        INTRODUCTION.format(configs=os.path.relpath(CONFIGS, out)),
        "## What was run",
        _runs(configs, found),
        _machines(found),
        format_claims(out, own),
        '<a id="how_to_read"></a>',
        "## How to read the tables of losses and perplexities",
        "\n".join(f"- {note}" for note in (*COMMON, NOTE)),
    ]
    for config in configs:
        parts += [f'<a id="{config.name}"></a>', _table(config, out, any(found[config.name]))]
        if (out / config.name / "README.md").exists():
            parts.append(f"[What these runs say]({config.name}/README.md)")
        parts += _figures(out, config.name, _partial(found[config.name]))
    for name, (caption, picture) in WORDS.items():
        if (out / name).exists():
            title, *texts = _read(out / name).split("\n\n")
            parts += [f"#{title}", f"{''.join(texts[:1])} [All of it]({name})."]
            parts += [f"![{caption}]({picture})"] if (out / picture).is_file() else []
    for name in OTHERS:
        if (out / name).exists():
            folder = name.partition("/")[0]  # the figures of a config are there already
            figures = [] if folder in config_names() else _figures(out, folder)
            parts += [_read(out / name), *figures]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _runs(configs: list[Config], found: Found) -> str:
    """How much of each config is there, and the command for the rest."""
    rows = []
    for config in configs:
        if config.report == "seconds_per_iteration":
            continue
        statuses = [{run["status"] for run in runs} for runs in found[config.name]]
        finished = sum(bool(status & set(FINISHED)) for status in statuses)
        none = sum(not status for status in statuses)
        partial = len(statuses) - finished - none
        link = f"[{config.name}](#{config.name})"
        command = f"`scripts/reproduce.sh {config.word}`"
        rows.append([link, f"{finished} of {len(statuses)}", str(partial), str(none), command])
    header = ["config", "cells with at least one finished run", "partial", "not run", "command"]
    return "\n".join(markdown_table(header, rows))


def _machines(found: Found) -> str:
    """What the runs were made on."""
    runs = [run for cells in found.values() for runs in cells for run in runs]
    count: Counter[str] = Counter()
    for environment in (environment for run in runs for environment in environments(run)):
        machine = Machine.model_validate(environment)
        kernels = sorted({pool.architecture for pool in machine.blas if pool.architecture})
        count[", ".join([machine.hardware, *(f"BLAS kernel {kernel}" for kernel in kernels)])] += 1
    listed = "; ".join(f"{name} ({number})" for name, number in count.most_common())
    return f"Made on (runs, or parts of one that was resumed): {listed}." if count else ""


def _table(config: Config, out: Path, has_runs: bool) -> str:
    """The table of a config; a sentence where it would hold no number, neither ours nor theirs."""
    cells = list(config.cells.values())
    measured = config.report == "seconds_per_iteration"
    if measured or has_runs or any(cell.published for cell in cells):
        return format_table(config, cells, out, how_to_read="#how_to_read")
    return (
        f"## {config.title}\n\nNothing run yet, of {len(cells)} cells; the supplement prints no "
        f"number to compare with. Run: `scripts/reproduce.sh {config.word}`."
    )


def _partial(cells: list[list[Result]]) -> str:
    """How far the partial runs of a config are, in a sentence; empty where there is none."""
    far = [
        f"{run['cell']} seed {run['seed']} to epoch {run['epochs']:.3g} of at most "
        f"{run['conditions']['epochs']}"
        for runs in cells
        for run in runs
        if run["status"] not in FINISHED
    ]
    return f" Partial runs: {', '.join(far)}." if far else ""


def _figures(out: Path, name: str, partial: str = "") -> list[str]:
    """The figures of a config with their captions; several of one kind two by two."""
    parts = []
    for kind, text in FIGURES.items():
        paths = sorted((out / "figures").glob(f"{escape(name)}_{kind}*.png"))
        width = "49%" if len(paths) > 1 else "100%"
        images = [f'<img alt="{text}" src="figures/{p.name}" width="{width}">' for p in paths]
        groups = [path.stem.removeprefix(f"{name}_{kind}").strip("_") for path in paths]
        caption = f"{text}{': ' * any(groups)}{', '.join(groups)}."
        more = partial if kind == "learning_curves" else ""
        parts += ["\n".join(images), caption + more] if paths else []
    return parts


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"{shown(path)}: cannot be read: {error}") from None
