"""Keep what README.md says of the results equal to them."""

import re
import textwrap
from pathlib import Path

from experiments.config.load import load_config
from experiments.reports.claims import CLIPPING, TABLE_1, TABLE_3
from experiments.reports.evidence import Evidence
from experiments.reports.markdown import WIDTH, markdown_table
from experiments.reports.pairs import compare, lowest_values
from experiments.reports.summary import summary
from experiments.reports.table import score_rows
from experiments.results.measurement import median_and_range
from experiments.results.store import find_results
from experiments.system.paths import RESULTS, ROOT
from experiments.system.storage import write_text
from experiments.timing.store import ratios, read_timing, timing_file

README = ROOT / "README.md"
#: What stands between the two comments is replaced.
BLOCK = re.compile(r"(<!-- results -->\n).*(<!-- end of results -->)", re.DOTALL)
#: The rows of the table: what they are called, and the cells of both methods.
ROWS = {
    f"music, {name} at {rate}": (TABLE_3, f"{name.lower()}_{rate}")
    for name in ("Adam", "RMSprop")
    for rate in ("1e-2", "1e-3", "1e-4")
} | {"music, SGD at 0.1": (TABLE_3, "sgd"), "language, SGD divided by 1.1": (TABLE_1, "sgd_1.1")}
#: The same of the times: P_delta's ways, each divided by clipping's.
WAYS = {
    "`auto` (ours)": "sgd_1.1/projection_auto",
    "`naive` (exact SVD)": "sgd_1.1/projection_naive",
    "`truncated` (fbpca)": "sgd_1.1/projection_truncated",
}
CLIPPED = "sgd_1.1/clipping_5"


def write_readme() -> None:
    """Write the results into README.md.

    Raises:
        grustab.errors.GrustabError: If a result file is not valid, or the file cannot be written.
    """
    text = README.read_text(encoding="utf-8")
    new = fill_in(text, RESULTS)
    if new != text:
        write_text(README, new)


def fill_in(text: str, out: Path) -> str:
    """The text with the results of a folder between its two comments."""
    return BLOCK.sub(lambda found: found[1] + _results(out) + found[2], text)


def _results(out: Path) -> str:
    """A few sentences, a table of the central pairs, and one of what P_delta costs."""
    evidence = Evidence(out)
    rows = []
    for name, (table, method) in ROWS.items():
        config = load_config(table)
        cells = [config.cell(f"{method}/{kind}") for kind in ("projection_0.2", CLIPPING[table])]
        _, scores = score_rows(cells, {cell.name: find_results(out, cell) for cell in cells})
        values = [text for _, ours, published, *_ in scores for text in (ours, published)]
        difference = compare(*(evidence.runs((table, c.name)) for c in cells), lowest_values)
        rows.append([name, *values, str(difference or "")])
    header = ["lowest validation value", "P_δ", "published", "clipping", "published", "difference"]
    lines = [textwrap.fill(summary(out, bounds=[1]), WIDTH), "", *markdown_table(header, rows), ""]
    return "\n".join([*lines, *_times(out), ""])


def _times(out: Path) -> list[str]:
    config = load_config("timing")
    measured = read_timing(timing_file(out, config, {}))
    if not measured or not all(measured.holds(config.cell(c)) for c in (CLIPPED, *WAYS.values())):
        return ["Times: not measured."]
    rows = [
        [
            way,
            *(
                median_and_range(ratios(p.cells[c], p.cells[CLIPPED]), ".2f")
                for p in measured.points
            ),
        ]
        for way, c in WAYS.items()
    ]
    per_epoch = measured.iterations_an_epoch
    points = [f"{p.name} (epoch {1 + p.iteration // per_epoch})" for p in measured.points]
    return markdown_table([f"time ÷ clipping's, on {measured.environment.device}", *points], rows)
