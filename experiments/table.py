"""``table``: ours beside the published numbers, as Markdown."""

import hashlib
import json
import math
import shlex
import statistics
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.config import STATED, Cell, Config, ConfigError
from experiments.messages import perplexity
from experiments.paths import shown
from experiments.results import FINISHED, find_results, write_file
from experiments.success import RULE, succeeded

NOT_RUN = "not run"


def write_table(config: Config, pattern: str, settings: Sequence[str], out: Path) -> None:
    """Print the table of the chosen cells, and write the table of all.

    Args:
        config: The config.
        pattern: Shell pattern of the cells to print.
        settings: ``key=value`` settings of the command line; their table has a file of its own,
            of the cells that they fit.
        out: Folder of the results and of the file.

    Raises:
        grustab.errors.GrustabError: If a setting or a result file is not valid, or the table
            cannot be written.
    """
    chosen = [cell.override(settings) for cell in config.select(pattern)]
    print(format_table(config, chosen, out))
    everything = []
    for cell in config.cells.values():
        with suppress(ConfigError):
            everything.append(cell.override(settings))
    path = out / config.name / f"table{_suffix(_overrides(chosen))}.md"
    write_file(path, format_table(config, everything, out).encode())
    print(f"written: {shown(path)}")


def format_table(config: Config, cells: list[Cell], out: Path) -> str:
    """The table as Markdown, with what has to be known to read it."""
    results = {cell.name: find_results(out, cell) for cell in cells}
    timing = config.report == "seconds_per_iteration"
    header, rows = (_time_rows if timing else _score_rows)(cells, results)
    lines = [f"## {config.title}", ""]
    lines += _markdown(header, rows)
    lines += ["", *(f"- {note}" for note in _notes(config, cells, results, timing)), ""]
    return "\n".join(lines)


def _score_rows(
    cells: list[Cell], results: dict[str, list[dict[str, Any]]]
) -> tuple[list[str], list[list[str]]]:
    language = cells[0].conditions.task == "language"
    unit = "perplexity" if language else "loss (nats a step)"
    header = [
        "cell",
        f"ours, validation {unit}",
        "ours, test",
        "n",
        "success",
        "published, validation",
        "published, test",
        "published, success",
        "difference",
    ]
    rows = []
    for cell in cells:
        finished = [r for r in results[cell.name] if r["status"] in FINISHED]
        good = [r for r in finished if succeeded(r)]
        published = cell.published
        ours, test, difference = NOT_RUN, "", ""
        if good:
            validation = [_score(r, "validation_loss") for r in good]
            ours = _mean_and_deviation(validation)
            test = _mean_and_deviation([_score(r, "test_loss") for r in good])
            comparable = published and published.value is not None and not cell.overrides
            if comparable:
                difference = f"{statistics.fmean(validation) / published.value - 1:+.1%}"
        elif finished:
            ours = "no success: " + _failures(finished)
        elif results[cell.name]:
            partial = [_partial(r) for r in results[cell.name]]
            ours, test = ("; ".join(texts) for texts in zip(*partial, strict=True))
        rate = f"{100 * len(good) / len(finished):.0f} %" if finished else ""
        printed = ["", "", ""]
        if published:
            share = published.success_rate
            printed = [published.printed, published.test or "", f"{share:g} %" if share else ""]
        rows.append([cell.name, ours, test, str(len(finished)), rate, *printed, difference])
    return _without_empty_columns(header, rows)


def _without_empty_columns(
    header: list[str], rows: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns of published numbers where the supplement has none."""
    kept = [
        i
        for i, title in enumerate(header)
        if not title.startswith("published") or any(row[i] for row in rows)
    ]
    if not any(header[i].startswith("published") for i in kept):
        kept.remove(header.index("difference"))
    return [header[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _time_rows(
    cells: list[Cell], results: dict[str, list[dict[str, Any]]]
) -> tuple[list[str], list[list[str]]]:
    header = [
        "cell",
        "seconds an iteration",
        "of it projection",
        "singular values capped",
        "iterations",
        "n",
        "ratio to clipping",
    ]
    means = {}
    for cell in cells:
        times = [_iteration_time(r) for r in results[cell.name] if r["iterations"]]
        if times:
            means[cell.name] = times
    reference = next(
        (
            statistics.fmean(sum(t) for t in means[c.name])
            for c in cells
            if c.conditions.method == "clipping" and c.name in means
        ),
        None,
    )
    rows = []
    for cell in cells:
        times = means.get(cell.name)
        if not times:
            rows.append([cell.name, NOT_RUN, "", "", "", "0", ""])
            continue
        total = statistics.fmean(sum(t) for t in times)
        rows.append(
            [
                cell.name,
                f"{total:.4g}",
                f"{statistics.fmean(t[1] for t in times) / total:.1%}",
                _capped(results[cell.name]),
                " + ".join(str(r["iterations"]) for r in results[cell.name]),
                str(len(times)),
                f"{total / reference:.2f}" if reference else "",
            ]
        )
    return header, rows


def _capped(results: list[dict[str, Any]]) -> str:
    """How many singular values a step capped, on average; what the projection costs hangs on it."""
    points = [
        sum(layers)
        for result in results
        for layers in result["curves"]["iterations"]["capped"]
        if None not in layers
    ]
    return f"{statistics.fmean(points):.2g} a step" if points else ""


def _iteration_time(result: dict[str, Any]) -> tuple[float, float]:
    """Seconds an iteration without and of the projection."""
    seconds = result["seconds"]
    return (
        seconds["training"] / result["iterations"],
        seconds["projection"] / result["iterations"],
    )


def _score(result: dict[str, Any], key: str) -> float:
    loss = result["best"][key]
    if loss is None:
        return math.nan
    return perplexity(loss) if result["conditions"]["task"] == "language" else loss


def _mean_and_deviation(values: list[float]) -> str:
    mean = f"{statistics.fmean(values):.4g}"
    return f"{mean} ± {statistics.stdev(values):.2g}" if len(values) > 1 else mean


def _failures(results: list[dict[str, Any]]) -> str:
    """How each of these runs failed."""
    diverged = [str(r["iterations"]) for r in results if r["status"] == "diverged"]
    worse = [f"{_score(r, 'validation_loss'):.4g}" for r in results if r["status"] == "completed"]
    reasons = []
    if diverged:
        reasons.append(f"diverged at iteration {', '.join(diverged)}")
    if worse:
        reasons.append(f"no better than a unigram predictor ({', '.join(worse)})")
    return "; ".join(reasons)


def _partial(result: dict[str, Any]) -> tuple[str, str]:
    progress = f"epoch {result['epochs']:.3g} of {result['conditions']['epochs']} at most"
    if not result["best"]:
        return f"partial, {progress}", ""
    return (
        f"partial, {progress}: {_score(result, 'validation_loss'):.4g}",
        f"{_score(result, 'test_loss'):.4g}",
    )


def _notes(
    config: Config, cells: list[Cell], results: dict[str, list[dict[str, Any]]], timing: bool
) -> list[str]:
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
    if timing:
        notes.append(
            "Ours: mean over the iterations of each run, whole or partial; the runs did not "
            "alternate, so the ratio is a rough one."
        )
        machines = {_machine(r) for rs in results.values() for r in rs}
        notes += [f"Ours ran on: {machine}." for machine in sorted(machines)]
    else:
        notes.append(
            "Ours: lowest validation value over the epochs, and the test value at that epoch; mean "
            "± sample standard deviation over successful runs. n: all runs that ended by their "
            "own rule or diverged; success: the share of them that succeeded."
        )
        notes.append(RULE[0].upper() + RULE[1:] + ".")
        if any(r["status"] == "interrupted" for rs in results.values() for r in rs):
            notes.append("Partial: stopped before its own rule ended it; not compared.")
    overrides = _overrides(cells)
    if overrides:
        given = ", ".join(f"{key}={value}" for key, value in overrides.items())
        notes.insert(0, f"**Not the config's conditions: {given}.** No difference is given.")
    for source in sorted(set(cells[0].sources.values()) - {STATED, "command line"}):
        settings = cells[0].conditions.model_dump()
        keys = [key for key, origin in cells[0].sources.items() if origin == source]
        keys = [k for k in keys if all(c.sources.get(k) == source for c in cells)]
        keys = [k for k in keys if len({str(getattr(c.conditions, k)) for c in cells}) == 1]
        listed = ", ".join(f"{key} {_plain(settings[key])}" for key in keys)
        if listed:
            notes.append(f"Conditions that are {source}: {listed}.")
    dirty = sum(bool(r["environment"]["git"]["dirty"]) for rs in results.values() for r in rs)
    if dirty:
        notes.append(f"{dirty} of these results came from a tree with uncommitted changes.")
    notes.append(f"Repeat: `scripts/reproduce.sh {config.name}`{_set_flags(overrides)}.")
    return notes


def _plain(value: Any) -> str:
    """A setting as the configs write it."""
    return json.dumps(value).replace('"', "")


def _machine(result: dict[str, Any]) -> str:
    environment = result["environment"]
    if environment.get("device", "cpu") != "cpu":
        return environment["device"]
    threads = max((blas.get("num_threads") or 1 for blas in environment.get("blas", [])), default=1)
    return f"{environment.get('processor')}, {threads} BLAS threads"


def _overrides(cells: list[Cell]) -> dict[str, Any]:
    return {key: value for cell in cells for key, value in cell.overrides.items()}


def _set_flags(overrides: dict[str, Any]) -> str:
    if not overrides:
        return ""
    flags = (f"--set {shlex.quote(f'{key}={_plain(value)}')}" for key, value in overrides.items())
    return f" with `{' '.join(flags)}`"


def _suffix(overrides: dict[str, Any]) -> str:
    if not overrides:
        return ""
    text = json.dumps(overrides, sort_keys=True)
    return "-set-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(map(str.ljust, cells, widths)) + " |"

    return [line(header), line(["-" * width for width in widths]), *map(line, rows)]
