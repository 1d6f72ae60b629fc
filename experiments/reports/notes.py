"""What has to be known to read a table: below it, as a list."""

import json
import shlex
from typing import Any

from experiments.config.load import Cell, Config, all_overrides, set_words
from experiments.config.schema import COMMAND_LINE, STATED
from experiments.results.measures import Result, environments
from experiments.results.success import NOTES

#: What holds for every table of scores.
COMMON = (
    "Ours: lowest validation value over the epochs, and the test value at that epoch; mean over "
    "the successful runs, in brackets its 95 % t-interval (mean ± t s/√n, n − 1 degrees of "
    "freedom). n: all runs of a cell that ended by their own rule or diverged; shares are of them.",
    *NOTES,
    "Gradient norm: of all weights together, before clipping, mean over a run's iterations.",
)


def make_notes(config: Config, cells: list[Cell], ours: list[str]) -> list[str]:
    """The notes of a table; ``ours`` are those on our numbers."""
    notes = list(config.notes)
    printed = [cell.published for cell in cells if cell.published]
    if printed:
        numbers = ", ".join(map(str, sorted({p.table for p in printed})))
        whose = "the supplement's" if config.file == config.name else "the config's"
        notes.append(f"Published: {whose} Table {numbers}, as printed.")
    else:
        notes.append("The supplement prints no number to compare with.")
    notes += dict.fromkeys(f"Published {p.printed}: {p.note}." for p in printed if p.note)
    notes += ours
    overrides = all_overrides(cells)
    if overrides:
        given = ", ".join(f"{key}={_plain(value)}" for key, value in overrides.items())
        if cells[0].sources.get("data_sha256") == COMMAND_LINE:
            given += f", data_sha256={cells[0].conditions.data_sha256}"
        said = "No difference from published numbers is given."
        notes.insert(0, f"**Not the config's conditions: {given}.** {said}")
    for source in sorted(set(cells[0].sources.values()) - {STATED, COMMAND_LINE}):
        settings = cells[0].conditions.model_dump()
        keys = [key for key, origin in cells[0].sources.items() if origin == source]
        keys = [k for k in keys if k not in cells[0].conditions.later_unset()]
        keys = [k for k in keys if all(c.sources.get(k) == source for c in cells)]
        keys = [k for k in keys if len({str(getattr(c.conditions, k)) for c in cells}) == 1]
        listed = ", ".join(f"{key} {_plain(settings[key])}" for key in keys)
        if listed:
            notes.append(f"Conditions that are {source}: {listed}.")
    return notes


def score_notes(results: list[Result]) -> list[str]:
    """Notes on the results that are in a table of scores."""
    notes = []
    if any(result["status"] == "interrupted" for result in results):
        notes.append(
            "Partial: stopped before its own rule ended it (`--max-iterations`, or interrupted); "
            "not compared with the published value."
        )
    sessions = [environments(result) for result in results]
    for what, rule in (
        ("a tree with uncommitted changes", lambda git: git["dirty"]),
        ("code whose commit is not known", lambda git: git["commit"] is None),
    ):
        if count := sum(any(rule(each["git"]) for each in run) for run in sessions):
            notes.append(f"{count} of these results came, at least in part, from {what}.")
    devices = [{each.get("device", "cpu") for each in run} - {"cpu"} for run in sessions]
    gpus = [found for found in devices if found]
    if gpus:
        names = ", ".join(sorted(set().union(*gpus)))
        notes.append(f"{len(gpus)} of these results ran on a GPU ({names}), at least in part.")
    return notes


def repeat_note(config: Config, cells: list[Cell], pattern: str, results: list[Result]) -> str:
    """The command for the runs of a table of scores."""
    words = [config.word]
    words += ["--cells", shlex.quote(pattern)] * (pattern != "*")
    words += ["--out", "runs/repeat", *map(shlex.quote, set_words(all_overrides(cells)))]
    stops = {result["stopped_by"] for result in results}
    if len(stops) == 1:  # of a trial, whose runs were all stopped at one iteration
        words += [stop for stop in stops if stop.startswith("--max-iterations ")]
    seeds = sorted({result["seed"] for result in results})
    usual = ",".join(str(seed) for seed in seeds if seed < config.runs)
    more = ",".join(str(seed) for seed in seeds if seed >= config.runs)
    if seeds and not set(range(config.runs)) <= set(seeds):
        words += ["--seeds", usual or more]
    further = f"; further seeds with `--cells CELL --seeds {more}`" if usual and more else ""
    return f"Repeat: `scripts/reproduce.sh {' '.join(words)}`{further}."


def _plain(value: Any) -> str:
    """A setting as the configs write it."""
    return json.dumps(value, ensure_ascii=False).replace('"', "")
