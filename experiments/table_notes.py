"""What has to be known to read a table: below it, as a list."""

import json
import shlex
from collections.abc import Collection
from typing import Any

from experiments.config import Cell, Config, all_overrides, file_word
from experiments.config_form import COMMAND_LINE, STATED
from experiments.success import RULE


def make_notes(
    config: Config, cells: list[Cell], ours: list[str], seeds: Collection[int] = ()
) -> list[str]:
    """The notes of a table.

    Args:
        config: The config.
        cells: The cells of the table.
        ours: Notes on our numbers.
        seeds: Of the runs in the table.
    """
    notes = list(config.notes)
    tables = {cell.published.table for cell in cells if cell.published}
    if tables:
        numbers = ", ".join(map(str, sorted(tables)))
        notes.append(f"Published: the supplement's Table {numbers}, as printed.")
    else:
        notes.append("The supplement prints no number to compare with.")
    remarks: dict[str, None] = {}
    for cell in cells:
        if cell.published and cell.published.note:
            remarks[f"Published {cell.published.printed}: {cell.published.note}."] = None
    notes += remarks
    notes += ours
    overrides = all_overrides(cells)
    if overrides:
        given = ", ".join(f"{key}={value}" for key, value in overrides.items())
        notes.insert(0, f"**Not the config's conditions: {given}.** No difference is given.")
    for source in sorted(set(cells[0].sources.values()) - {STATED, COMMAND_LINE}):
        settings = cells[0].conditions.model_dump()
        keys = [key for key, origin in cells[0].sources.items() if origin == source]
        keys = [k for k in keys if k not in cells[0].conditions.later_unset()]
        keys = [k for k in keys if all(c.sources.get(k) == source for c in cells)]
        keys = [k for k in keys if len({str(getattr(c.conditions, k)) for c in cells}) == 1]
        listed = ", ".join(f"{key} {_plain(settings[key])}" for key in keys)
        if listed:
            notes.append(f"Conditions that are {source}: {listed}.")
    if config.report != "seconds_per_iteration":  # whose command is in ``ours``
        name = shlex.quote(file_word(config.file))
        more = ",".join(str(seed) for seed in sorted(seeds) if seed >= config.runs)
        more = f"; further seeds with `--cells CELL --seeds {more}`" if more else ""
        flags = " ".join(["--out runs/repeat", *_set_flags(overrides)])
        notes.append(f"Repeat: `scripts/reproduce.sh {name} {flags}`{more}.")
    return notes


def score_notes(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Notes on our losses, from the results by the cell's name."""
    everything = [result for runs in results.values() for result in runs]
    notes = [
        "Ours: lowest validation value over the epochs, and the test value at that epoch; mean "
        "± sample standard deviation over successful runs. n: all runs that ended by their "
        "own rule or diverged; success: the share of them that succeeded.",
        RULE[0].upper() + RULE[1:] + ".",
        "Gradient norm: of all weights together, before clipping, mean over the iterations.",
    ]
    if any(result["status"] == "interrupted" for result in everything):
        notes.append(
            "Partial: stopped before its own rule ended it (`--max-iterations`, or interrupted); "
            "not compared."
        )
    dirty = sum(bool(result["environment"]["git"]["dirty"]) for result in everything)
    if dirty:
        notes.append(f"{dirty} of these results came from a tree with uncommitted changes.")
    unknown = sum(result["environment"]["git"]["commit"] is None for result in everything)
    if unknown:
        notes.append(f"{unknown} of these results came from code whose commit is not known.")
    return notes


def _plain(value: Any) -> str:
    """A setting as the configs write it."""
    return json.dumps(value).replace('"', "")


def _set_flags(overrides: dict[str, Any]) -> list[str]:
    return [f"--set {shlex.quote(f'{key}={_plain(value)}')}" for key, value in overrides.items()]
