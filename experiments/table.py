"""``table``: ours beside the published numbers, as Markdown."""

import math
import statistics
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.config import Cell, Config, all_overrides
from experiments.config_form import ConfigError
from experiments.files import write_file
from experiments.markdown import markdown_table
from experiments.messages import perplexity
from experiments.paths import shown
from experiments.results import FINISHED, find_results, mean_of_gradient, override_suffix
from experiments.success import succeeded
from experiments.table_notes import make_notes, score_notes
from experiments.timing_report import timing_rows

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
    if not all_overrides(everything):  # the settings are the config's own where they fit
        everything = list(config.cells.values())
    path = out / config.name / f"table{override_suffix(all_overrides(everything))}.md"
    write_file(path, format_table(config, everything, out).encode())
    print(f"written: {shown(path)}")


def format_table(config: Config, cells: list[Cell], out: Path) -> str:
    """The table as Markdown, with what has to be known to read it."""
    if config.report == "seconds_per_iteration":
        header, rows, notes = timing_rows(config, cells, out)
        notes = make_notes(config, cells, notes)
    else:
        results = {cell.name: find_results(out, cell) for cell in cells}
        header, rows = _score_rows(cells, results)
        seeds = {result["seed"] for runs in results.values() for result in runs}
        notes = make_notes(config, cells, score_notes(results), seeds)
    lines = [f"## {config.title}", "", *markdown_table(header, rows), ""]
    lines += [*(f"- {note}" for note in notes), ""]
    return "\n".join(lines)


def _score_rows(
    cells: list[Cell], results: dict[str, list[dict[str, Any]]]
) -> tuple[list[str], list[list[str]]]:
    language = cells[0].conditions.task == "language"
    overridden = bool(all_overrides(cells))
    unit = "perplexity" if language else "loss (nats a step)"
    header = [
        "cell",
        f"ours, validation {unit}",
        "ours, test",
        "n",
        "success",
        "gradient norm",
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
            comparable = published and published.value is not None and not overridden
            if comparable:
                difference = f"{statistics.fmean(validation) / published.value - 1:+.1%}"
        elif finished:
            ours = "no success: " + _failures(finished)
        elif results[cell.name]:
            partial = [_partial(r) for r in results[cell.name]]
            ours, test = ("; ".join(texts) for texts in zip(*partial, strict=True))
        rate = f"{100 * len(good) / len(finished):.0f} %" if finished else ""
        norm = _gradient_norm(finished or results[cell.name])
        printed = ["", "", ""]
        if published:
            share = published.success_rate
            printed = [published.printed, published.test or "", f"{share:g} %" if share else ""]
        rows.append([cell.name, ours, test, str(len(finished)), rate, norm, *printed, difference])
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


def _score(result: dict[str, Any], key: str) -> float:
    loss = result["best"][key]
    if loss is None:
        return math.nan
    return perplexity(loss) if result["conditions"]["task"] == "language" else loss


def _mean_and_deviation(values: list[float]) -> str:
    mean = f"{statistics.fmean(values):.4g}"
    return f"{mean} ± {statistics.stdev(values):.2g}" if len(values) > 1 else mean


def _gradient_norm(results: list[dict[str, Any]]) -> str:
    norm = mean_of_gradient(results)
    if math.isnan(norm):
        return ""
    return f"{norm:.3g}" if math.isfinite(norm) else "not finite"


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
