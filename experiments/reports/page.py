"""``report``: everything in ``results/`` on one page of HTML that needs no network."""

import base64
import html
import re
from pathlib import Path

import markdown

from experiments.config.load import Config, config_names, load_config
from experiments.reports.claims import TABLE_3
from experiments.reports.claims_text import format_claims
from experiments.reports.evidence import NOT_REPRODUCED, REPRODUCED, WORDS
from experiments.reports.summary import summary
from experiments.reports.table import format_table
from experiments.results.json_file import ResultError
from experiments.results.store import FINISHED, find_results
from experiments.system.paths import shown
from experiments.system.storage import write_file

#: Order of the page; configs that are not named here come last.
ORDER = (
    "table1_language",
    "table1_language_small",
    "table2_language_lr0.1",
    "table3_music",
    "table4_elementwise",
    "timing",
    "main_language",
    "main_music",
)
FIGURES = {
    "published": "Ours beside the published values",
    "learning_curves": "Validation value over the epochs",
    "dynamics": "Gradient norm, and spectral radius of the Jacobian at h = 0",
    "iteration": "Parts of an iteration",
    "scaling": "Cost of an iteration as sizes grow",
}
#: Figures of more pixels than this are not shrunk to the width of a phone but scroll.
WIDE = 1200
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: #1d2430; background: #fff;
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; overflow-wrap: break-word; }
h1, h2, h3, th, nav, figcaption, .verdict { font-family: system-ui, Helvetica, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid #d5dae2; }
nav { font-size: .9rem; } nav a { margin-right: 1rem; white-space: nowrap; }
a { color: #1b5c94; }
.scroll { overflow-x: auto; }
table { border-spacing: 0; font: 14px/1.4 system-ui, Helvetica, sans-serif;
  margin: .8rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; }
section:not(#claims, #faults) td:first-child { white-space: nowrap; }
@media screen { #timing table { font-size: 12px; } }
th { border-bottom: 2px solid #1d2430; } td { border-bottom: 1px solid #e5e8ee; }
code { font: .86em ui-monospace, Menlo, Consolas, monospace; background: #f2f4f7;
  padding: .1em .3em; }
ul { padding-left: 1.2rem; font-size: .92rem; color: #3d4757; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; }
figcaption { font-size: .85rem; color: #3d4757; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 0 1.2rem; } .pair figure { margin: .6rem 0; }
.verdict { font-weight: 600; } .verdict, .name { white-space: nowrap; }
.yes { color: #1d7a46; } .no { color: #b3321f; } .open { color: #6b7280; font-weight: 400; }
@media screen and (max-width: 40rem) { table { font-size: 12px; }
  section:not(#claims, #faults) :is(th, td):first-child { position: sticky; left: 0;
    background: #fff; } section:not(#claims) td:nth-child(2) { min-width: 6rem; }
  #faults td:last-child { min-width: 14rem; }
  .wide { overflow-x: auto; } .wide img { max-width: none; width: 46rem; }
  #claims table { font-size: 14px; } #claims thead { display: none; }
  #claims tr, #claims td { display: block; border: 0; padding: .1rem 0; }
  #claims tr { border-bottom: 1px solid #e5e8ee; padding: .5rem 0; }
  #claims td:first-child { font-weight: 600; } #claims td:nth-child(2) { color: #6b7280; } }
@media print { nav { display: none; } body { font-size: 10.5pt; max-width: none; padding: 0; }
  table { font-size: 8pt; } .scroll { overflow: visible; } figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; } }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>grustab: what was reproduced</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
TITLE = "# Preventing Gradient Explosions in Gated Recurrent Units: what was reproduced\n\n"
INTRODUCTION = """\
This page holds every table and figure that the committed results allow, beside the numbers that the
supplement of the paper (Kanai, Fujiwara, Iwamura; NIPS 2017) prints. Conditions that the paper
leaves open, or that nobody could check against its main text, are named below each table.
`scripts/figures.sh` rebuilds the page from the result files, without data and without network.
"""
#: How the words of a verdict look; those that are not named here are open.
VERDICTS = dict.fromkeys(WORDS, "open") | {REPRODUCED: "yes", NOT_REPRODUCED: "no"}


def write_report(out: Path) -> None:
    """Write ``report.html``.

    Args:
        out: Folder of the results, with the figures drawn.

    Raises:
        grustab.errors.GrustabError: If a result file is not valid, or the page cannot be written.
    """
    path = out / "report.html"
    write_file(path, make_report(out).encode())
    print(f"written: {shown(path)}")


def make_report(out: Path) -> str:
    """The page; equal results give an equal page."""
    names = [*ORDER, *(name for name in config_names() if name not in ORDER)]
    configs = [load_config(name) for name in names]
    sections = {"run": ("What was run", _runs(configs, out))}
    sections["claims"] = ("The paper's claims", _html(_without_title(format_claims(out))))
    for config in configs:
        sections[config.name] = (
            config.title,
            _table(config, out) + _figures(out, config.name, _partial(config, out)),
        )
    for name, title in (("bench", "Speed of this package"), ("faults", "Faults survived")):
        table = out / name / "table.md"
        if table.exists():
            text = _html(_without_title(_read(table)))
            sections[name] = (title, text + _figures(out, name))
    links = "".join(
        f'<a href="#{key}">{html.escape(title.partition(":")[0])}</a>'
        for key, (title, _) in sections.items()
    )
    parts = [_html(TITLE + summary(out))]
    first = out / "figures" / f"{TABLE_3}_published.png"
    parts += [_figure(first, f"{FIGURES['published']}.")] if first.exists() else []
    parts += [_html(INTRODUCTION), f"<nav>{links}</nav>"]
    for key, (title, text) in sections.items():
        parts.append(f'<section id="{key}"><h2>{html.escape(title)}</h2>{text}</section>')
    return PAGE.format(style=STYLE, body="\n".join(parts))


def _runs(configs: list[Config], out: Path) -> str:
    """How much of each config is there, and the command for the rest."""
    lines = ["| config | cells with a finished run | partial | not run | command |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for config in configs:
        if config.report == "seconds_per_iteration":
            continue
        statuses = [
            {result["status"] for result in find_results(out, cell)}
            for cell in config.cells.values()
        ]
        finished = sum(bool(status & set(FINISHED)) for status in statuses)
        none = sum(not status for status in statuses)
        lines.append(
            f"| [{config.name}](#{config.name}) | {finished} of {len(statuses)} "
            f"| {len(statuses) - finished - none} | {none} "
            f"| `scripts/reproduce.sh {config.name}` |"
        )
    return _html("\n".join(lines))


def _table(config: Config, out: Path) -> str:
    """The table of a config; a sentence where it would hold no number, neither ours nor theirs."""
    cells = list(config.cells.values())
    measured = config.report == "seconds_per_iteration"
    if measured or any(cell.published or find_results(out, cell) for cell in cells):
        return _html(_without_title(format_table(config, cells, out)))
    return _html(
        f"Nothing run yet, of {len(cells)} cells; the supplement prints no number to compare with. "
        f"Run: `scripts/reproduce.sh {config.name}`."
    )


def _partial(config: Config, out: Path) -> str:
    """How far the partial runs of a config are, in a sentence; empty where there is none."""
    far = [
        f"{cell.name} to epoch {run['epochs']:.3g} of {run['conditions']['epochs']}"
        for cell in config.cells.values()
        for run in find_results(out, cell)
        if run["status"] not in FINISHED
    ]
    return f" Partial runs: {', '.join(far)} at most." if far else ""


def _figures(out: Path, name: str, partial: str = "") -> str:
    """The figures of a config, inline; many of one kind side by side where there is room."""
    parts = []
    for kind, text in FIGURES.items():
        figures = []
        for path in sorted((out / "figures").glob(f"{name}_{kind}*.png")):
            group = path.stem.removeprefix(f"{name}_{kind}").strip("_")
            more = partial if kind == "learning_curves" else ""
            figures.append(_figure(path, f"{text}{f': {group}' if group else ''}.{more}"))
        if len(figures) > 1:
            figures = ['<div class="pair">', *figures, "</div>"]
        parts += figures
    return "\n".join(parts)


def _figure(path: Path, text: str) -> str:
    caption = html.escape(text)
    picture = path.read_bytes()
    width = int.from_bytes(picture[16:20], "big")  # of a PNG's header
    wide = ' class="wide"' if width > WIDE else ""
    data = base64.b64encode(picture).decode()
    return (
        f'<figure{wide}><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_unbroken(caption)}</figcaption></figure>"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"{shown(path)}: cannot be read: {error}") from None


def _without_title(text: str) -> str:
    """Markdown without its heading: the section has one."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith("#") else text


def _html(text: str) -> str:
    page = markdown.markdown(text, extensions=["tables", "sane_lists"])
    page = page.replace("<table>", '<div class="scroll"><table>').replace(
        "</table>", "</table></div>"
    )
    page = page.replace("P_δ", "P<sub>δ</sub>")
    page = _unbroken(page)
    for word, kind in VERDICTS.items():
        page = page.replace(
            f"<td>{word}</td>", f'<td><span class="verdict {kind}">{word}</span></td>'
        )
    return page


def _unbroken(text: str) -> str:
    """Without a break at the hyphen of names such as adam_1e-2, or within an interval."""
    unbroken = r"[\w.]+-\d[\w./]*|\[[^][<>]+, [^][<>]+\]"
    return re.sub(unbroken, r'<span class="name">\g<0></span>', text)
