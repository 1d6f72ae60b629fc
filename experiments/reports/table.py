"""``table``: ours beside the published numbers, as Markdown."""

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from experiments.config.load import Cell, Config, all_overrides
from experiments.config.schema import ConfigError
from experiments.reports.markdown import markdown_table
from experiments.reports.notes import COMMON, make_notes, repeat_note, score_notes
from experiments.reports.pairs import HEADER, NOTE, pair_rows
from experiments.results.intervals import mean_and_interval
from experiments.results.measures import Result, gradient_mean, lowest_value, value
from experiments.results.store import FINISHED, find_results, override_suffix
from experiments.results.success import RULES, exploded, succeeded
from experiments.system.storage import write_text
from experiments.timing.report import timing_rows

NOT_RUN = "not run"


def write_table(config: Config, pattern: str, settings: Sequence[str], out: Path) -> None:
    """Print the table of the chosen cells, and write the table of all.

    With ``key=value`` settings, the table has a file of its own, of the cells that they fit.

    Raises:
        grustab.errors.GrustabError: If a setting or a result file is not valid, or the table
            cannot be written.
    """
    chosen = [cell.override(settings) for cell in config.select(pattern)]
    print(format_table(config, chosen, out, pattern))
    everything = []
    for cell in config.cells.values():
        with suppress(ConfigError):
            everything.append(cell.override(settings))
    overrides = all_overrides(everything)
    if not overrides:  # the settings are the config's own where they fit
        everything = list(config.cells.values())
    elif any(cell not in chosen and find_results(out, cell) for cell in everything):
        pattern = "*"
    path = out / config.name / f"table{override_suffix(overrides)}.md"
    text = format_table(config, everything, out, pattern if overrides else "*")
    write_text(path, text)


def format_table(
    config: Config, cells: list[Cell], out: Path, pattern: str = "*", how_to_read: str = ""
) -> str:
    """The table as Markdown, with what has to be known to read it.

    ``how_to_read`` links to the notes that hold for every table of scores, which then stand there.
    """
    compared = []
    if config.report == "seconds_per_iteration":
        header, rows, notes = timing_rows(config, cells, out)
        notes = make_notes(config, cells, notes)
    else:
        results = {cell.name: find_results(out, cell) for cell in cells}
        header, rows = score_rows(cells, results)
        runs = [run for found in results.values() for run in found]
        common = list(COMMON)
        if pairs := [pair for pair in config.compare if results.keys() >= set(pair)]:
            compared = [*markdown_table(HEADER, pair_rows(pairs, results)), ""]
            common.append(NOTE)
        if how_to_read:
            common = [f"[How to read this table]({how_to_read})."]
        notes = make_notes(config, cells, [*common, *score_notes(runs)])
        notes.append(repeat_note(config, cells, pattern, runs))
    lines = [f"## {config.title}", "", *markdown_table(header, rows), ""]
    lines += [*compared, *(f"- {note}" for note in notes), ""]
    return "\n".join(lines)


def score_rows(
    cells: list[Cell], results: dict[str, list[Result]]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table of scores: cell, ours, published (where any is), and more."""
    language = cells[0].conditions.task == "language"
    overridden = bool(all_overrides(cells))
    unit = "perplexity" if language else "loss (nats per step)"
    rows = []
    for cell in cells:
        finished = [r for r in results[cell.name] if r["status"] in FINISHED]
        good = [r for r in finished if succeeded(r)]
        published = cell.published
        ours, test, difference = NOT_RUN, "", ""
        if good:
            validation = [lowest_value(r) for r in good]
            ours = mean_and_interval(validation)
            test = mean_and_interval([value(r, r["best"]["test_loss"]) for r in good])
            if published and published.value is not None and not overridden:
                difference = f"{statistics.fmean(validation) / published.value - 1:+.1%}"
        elif finished:
            ours = "no success: " + _failures(finished)
        elif results[cell.name]:
            partial = [_partial(r) for r in results[cell.name]]
            ours, test = ("; ".join(texts) for texts in zip(*partial, strict=True))
        printed, share, printed_test = "", None, None
        if published:
            printed, share, printed_test = published.printed, published.success_rate, published.test
        seen = finished or results[cell.name]
        so_far = "" if finished or not seen else " so far"
        rows.append(
            {
                "cell": cell.name,
                f"ours, validation {unit}": ours,
                "published, validation": printed,
                "difference": difference,
                "n": str(len(finished)),
                **{title: _share(finished, rule) for title, rule in RULES.items()},
                "published, success": "" if share is None else f"{share:g} %",
                "exploded": _share(seen, exploded) + so_far,
                "gradient norm": _gradient_norm(seen),
                "ours, test": test,
                "published, test": printed_test or "",
            }
        )
    # Columns of published numbers are left out where the supplement has none.
    header = [t for t in rows[0] if not t.startswith("published") or any(r[t] for r in rows)]
    if "published, validation" not in header:
        header.remove("difference")
    return header, [[row[title] for title in header] for row in rows]


def _share(results: list[Result], rule: Callable[[Result], bool | None]) -> str:
    return f"{100 * statistics.fmean(map(bool, map(rule, results))):.0f} %" if results else ""


def _gradient_norm(results: list[Result]) -> str:
    norms = [gradient_mean(r, "norm") for r in results if r["iterations"]]
    if not norms:
        return ""
    return f"{statistics.fmean(norms):.3g}" if math.inf not in norms else "not finite"


def _failures(results: list[Result]) -> str:
    """How each of these runs failed."""
    diverged = [str(r["iterations"]) for r in results if r["status"] == "diverged"]
    worse = [f"{lowest_value(r):.4g}" for r in results if r["status"] == "completed"]
    reasons = []
    if diverged:
        reasons.append(f"diverged at iteration {', '.join(diverged)}")
    if worse:
        reasons.append(f"no better than a unigram predictor ({', '.join(worse)})")
    return "; ".join(reasons)


def _partial(result: Result) -> tuple[str, str]:
    progress = f"epoch {result['epochs']:.3g} of {result['conditions']['epochs']} at most"
    if not result["best"]:
        return f"partial, {progress}", ""
    return (
        f"partial, {progress}: {lowest_value(result):.4g}",
        mean_and_interval([value(result, result["best"]["test_loss"])]),
    )
