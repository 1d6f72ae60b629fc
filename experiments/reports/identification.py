"""``identify``: which reading of the music conditions shows the signs of Table 3 and section B.

The rules below were committed before the first run that they judge.
``results/identify_music/README.md`` says what was changed after that.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from experiments.config.load import Config, load_config
from experiments.reports.evidence import Verdict
from experiments.reports.markdown import markdown_table
from experiments.results.measures import gradient_mean, largest_norm
from experiments.results.store import FINISHED, find_results
from experiments.results.success import EXPLOSION, exploded
from experiments.system.paths import PROGRAM

HOLDS, FAILS, OPEN = "holds", "fails", "open"
STUDY, PRESENT = "identify_music", "table3_music"
#: What the supplement prints is worse than this for the cells of signs (b) and (c), if its losses
#: are nats per step.
UNIGRAM = 10.0

RULES = f"""\
- (a) SGD with P_δ neither explodes (our reading) nor falls behind: it ends by its own rule, its
  gradient's norm is never above {EXPLOSION["music"]:g}, and its lowest validation loss is not
  above clipping's.
- (b) Adam at 1e-4 ends above {UNIGRAM:g}: the lowest validation losses of both methods are above it
  when the stopping rule ends them.
- (c) Adam and RMSprop at 1e-2 with clipping end above {UNIGRAM:g}, likewise.
- (d) RMSprop at 1e-4 is near the published value: with P_δ within 0.15 of 3.58.
- (e) The mean norm of SGD with clipping is near 30: between 20 and 45 over a whole run; after
  ten epochs already it must lie between 10 and 90.
- A sign fails as soon as a partial run shows it; it holds when its runs have ended.
- The choice: the reading under which most signs hold, if (a) is one of them and more hold than
  under Table 3's present conditions. Of two with equally many, the one whose lowest losses
  lie nearer to the print (mean of |ln(ours / published)| over the seven cells).
- One run per cell, seed 0. `<`: of a run that has not ended, so it may still fall.
- Repeat: `{PROGRAM} sweep {STUDY}`, then `{PROGRAM} identify`. That takes
  every run to its end; ours were stopped early, or left out.
"""


def format_identification(out: Path) -> str:
    """The table of readings and signs, as Markdown."""
    study = load_config(STUDY)
    rows = [["Table 3's present conditions", *_row(_runs(load_config(PRESENT), "", out))]]
    for reading in dict.fromkeys(name.split("/")[0] for name in study.cells):
        rows.append([reading, *_row(_runs(study, f"{reading}/", out))])
    header = ["reading", *(f"({letter})" for letter in SIGNS), "hold"]
    title = "## Which reading of the music conditions shows the signs of Table 3"
    return "\n".join([title, "", *markdown_table(header, rows), "", RULES])


def _runs(config: Config, prefix: str, out: Path) -> dict[str, dict[str, Any]]:
    """The run of seed 0 of each cell, finished or partial, by the cell's name in Table 3."""
    found = {}
    for name, cell in config.cells.items():
        if name.startswith(prefix):
            runs = [r for r in find_results(out, cell) if r["seed"] == 0]
            found.update({name.removeprefix(prefix): r for r in runs})
    return found


def _row(runs: dict[str, dict[str, Any]]) -> list[str]:
    seen = [sign(runs) for sign in SIGNS.values()]
    count = Counter(one.word for one in seen)
    most = f" to {count[HOLDS] + count[OPEN]}" if count[OPEN] else ""
    return [
        *(f"{one.word}: {one.numbers}" if one.numbers else one.word for one in seen),
        f"{count[HOLDS]}{most} of {len(SIGNS)}",
    ]


def _ended(run: dict[str, Any]) -> bool:
    return run["status"] in FINISHED


def _by_rule(run: dict[str, Any]) -> bool | None:
    """Whether its own rule, not divergence, ended a run; ``None`` where it has not ended."""
    return run["status"] == "completed" if _ended(run) else None


def _lowest(run: dict[str, Any]) -> float:
    return run["best"]["validation_loss"] if run["best"] else math.inf


def _all(seen: list[tuple[bool | None, str]]) -> Verdict:
    """All of several conditions: true, false, or ``None`` where not yet known."""
    words = [word for word, _ in seen]
    verdict = FAILS if False in words else OPEN if None in words else HOLDS
    return Verdict(verdict, ", ".join(numbers for _, numbers in seen if numbers))


def _sgd_is_stable(runs: dict[str, dict[str, Any]]) -> Verdict:
    ours, theirs = runs.get("sgd/projection_0.2"), runs.get("sgd/clipping_15")
    if ours is None:
        return Verdict(OPEN, "")
    calm = False if exploded(ours) else True if _ended(ours) else None
    seen = [(calm, f"norm {largest_norm(ours):.3g}")]
    if theirs and _ended(ours):  # clipping's lowest only falls, so a failure is early
        better = False if _lowest(ours) > _lowest(theirs) else True if _ended(theirs) else None
        seen.append((better, f"{_lowest(ours):.3f} against {_lowest(theirs):.3f}"))
    else:
        seen.append((None, _value(ours)))
    return _all(seen)


def _stays_high(*cells: str) -> Callable[[dict[str, dict[str, Any]]], Verdict]:
    def sign(runs: dict[str, dict[str, Any]]) -> Verdict:
        seen: list[tuple[bool | None, str]] = []
        for run in map(runs.get, cells):
            if run is None:
                seen.append((None, ""))
            elif _lowest(run) <= UNIGRAM:
                seen.append((False, _value(run)))
            else:
                seen.append((_by_rule(run), _value(run)))
        return _all(seen)

    return sign


def _rmsprop_is_near(runs: dict[str, dict[str, Any]]) -> Verdict:
    if (run := runs.get("rmsprop_1e-4/projection_0.2")) is None:
        return Verdict(OPEN, "")
    away = _lowest(run) - 3.58
    near = abs(away) <= 0.15 if _ended(run) or away < -0.15 else None
    return _all([(near, _value(run))])


def _norm_is_near_30(runs: dict[str, dict[str, Any]]) -> Verdict:
    if (run := runs.get("sgd/clipping_15")) is None:
        return Verdict(OPEN, "")
    for epoch, mean in _mean_norms(run):
        if round(epoch, 3) >= 10 and not 10 <= mean <= 90:  # a result rounds its epochs
            return Verdict(FAILS, f"{mean:.3g} after {epoch:.3g} epochs")
    norm = gradient_mean(run, "norm")
    near = 20 <= norm <= 45 and _by_rule(run) if _ended(run) else None
    return _all([(near, f"{norm:.3g}")])


def _mean_norms(run: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """The epoch at the end of each window of the curves, and the gradient's mean norm up to there.

    All of them, so that a verdict does not depend on when a run was last looked at.
    """
    curves = run["curves"]["iterations"]
    total, before = 0.0, 0
    for iteration, norm in zip(curves["iteration"], curves["gradient_norm"], strict=True):
        total += (math.inf if norm is None else norm) * (iteration - before)
        before = iteration
        yield run["epochs"] * iteration / run["iterations"], total / iteration
    yield run["epochs"], gradient_mean(run, "norm")


def _value(run: dict[str, Any]) -> str:
    """The lowest validation loss, with the epochs of a run that has not ended."""
    lowest = f"{_lowest(run):.4g}"
    return lowest if _ended(run) else f"< {lowest} after {run['epochs']:.3g} epochs"


SIGNS: dict[str, Callable[[dict[str, dict[str, Any]]], Verdict]] = {
    "a": _sgd_is_stable,
    "b": _stays_high("adam_1e-4/projection_0.2", "adam_1e-4/clipping_15"),
    "c": _stays_high("adam_1e-2/clipping_15", "rmsprop_1e-2/clipping_15"),
    "d": _rmsprop_is_near,
    "e": _norm_is_near_30,
}
