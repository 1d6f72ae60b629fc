"""``claims``: the paper's claims with our verdicts, as Markdown."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from experiments.config.load import load_config, load_configs
from experiments.config.model_size import n_parameters
from experiments.reports.claims import (
    CLAIMS,
    CLAIMS_APART,
    CLAIMS_AT_SMALL_SCALE,
    JUDGED,
    TABLE_1,
    UNVERIFIED_CLAIMS,
    Claim,
    published_values,
)
from experiments.reports.evidence import NOT_REPRODUCED, REPRODUCED, WORDS, Evidence
from experiments.reports.markdown import WIDTH
from experiments.system.paths import PROGRAM, RESULTS, shown

#: Claims that are not counted: title, what to know, claims.
APART = [
    (
        "Not counted: runs could hardly refute them",
        "The supplement states them.",
        CLAIMS_APART,
    ),
    ("Not counted: of the main paper, unverified", "", UNVERIFIED_CLAIMS),
    (
        "Not counted: Table 1's claims at a small scale",
        "64 units and 6 epochs, `table1_language_small`: ours. The verdicts are on these runs, not "
        "on the paper.",
        CLAIMS_AT_SMALL_SCALE,
    ),
]
NOTES = """\
- B, B.2 and C are sections of the supplement. A cell such as `adam_1e-2/projection_0.2` is one \
setting: Adam at 1e-2, P_δ with δ = 0.2.
- Comparisons are of lowest validation values (perplexity, or nats per step) over the seeds that \
both cells have: the mean of the differences, first cell minus second; in brackets its 95 % \
t-interval (mean ± t s/√n, n − 1 degrees of freedom); n; and with how many seeds the first is \
lower.
- Clear: the interval leaves out 0, so there are two seeds at least.
- A run that failed counts as worse than any value, and is left out of the mean. If all runs of a \
cell with these seeds failed, those that stayed finite stay in. If half or more are left out, the \
median takes the mean's place, and clear means that all seeds, two at least, agree.
- *reproduced*: all pairs of cells are clearly as claimed. *not reproduced*: one pair (for "second \
lowest": two) is clearly the other way round. *undecided*: neither; an interval covers 0, or there \
is one seed only.
- *so far*: finished runs are missing, but every cell has a run, and these runs lean that way. \
*not enough runs*: a cell has no run, or the runs lean neither way.
- A partial run enters comparisons only, and only with five evaluations or more. It is compared at \
its last one, with what the other run had by then.
- Each pair is judged by itself, without a correction for the number of pairs. So chance refutes a \
claim of many pairs more easily than a claim of one, and reproduces it less easily: one pair that \
is not clear leaves it undecided.
- Finished runs per cell before a claim is judged: ten in Tables 2 and 4, whose success rates are \
tenths, and in `main_language`; three at the small scale; else one, as the supplement does not say \
how many it had.
- Claims on how many runs fail or diverge are counts, without an interval.
- Diverges (our assumption; the supplement says "diverged in the learning process"): a value that \
is not finite, or a last validation value worse than a uniform predictor's.
- The average of the gradient's elements is judged as their root mean square: the norm over the \
root of the number of weights ({weights:,}), mean over the iterations. So a norm of 10 is an \
element of 0.0025, and the two claims rest on one measurement. Beside it `mean_abs`, the mean \
absolute value.
- Section C compares with a clipping of the norm whose threshold and success rate the supplement \
does not print; taken here: the main experiment's at 5, `main_language`.
"""
OWN = (
    "Not counted: no table of the paper. *reproduced*: the whole 95 % interval of the mean is "
    "within that bound; *not reproduced*: all of it is outside."
)
NO_VALUES = "Its cells have no published value."


def headline(evidence: Evidence) -> str:
    """How the claims stand, in a few words."""
    count = Counter(claim.check(evidence).word for claim in CLAIMS)
    always = (REPRODUCED, NOT_REPRODUCED)
    counts = [f"{count[word]} {word}" for word in WORDS if count[word] or word in always]
    tables = sum(claim.source.startswith("Table") for claim in CLAIMS)
    return (
        f"Of {len(CLAIMS)} testable claims of the supplement ({tables} read from its tables alone)"
        f": {', '.join(counts)}."
    )


def has_results_of_ours(out: Path, own: Sequence[str]) -> bool:
    """Whether the paper's claims are to be judged: not where only one's own configs have run."""
    return not own or any((out / name).is_dir() for name in JUDGED)


def format_claims(out: Path, own: Sequence[str] = ()) -> str:
    """The claims with their verdicts, as Markdown; of own configs the published values."""
    evidence = Evidence(out)
    lines, papers, notes = ["## Published values"], [], ""
    if has_results_of_ours(out, own):
        lines = ["## The paper's claims", "", headline(evidence), "", *_items(CLAIMS, evidence)]
        language = load_config(TABLE_1).cell("sgd_1.1/clipping_5").conditions.model_dump()
        papers, notes = APART, NOTES.format(weights=n_parameters(language))
    apart, configs = [], load_configs(own)
    for config in configs:
        claims = published_values(config)
        apart.append((f"Published: {config.title}", OWN if claims else NO_VALUES, claims))
    for title, text, claims in (*apart, *papers):
        lines += ["", f"### {title}", "", *([text, ""] if text else []), *_items(claims, evidence)]
    more = "".join(f" {config.word}" for config in configs)
    more += "" if out.resolve() == RESULTS.resolve() else f" --out {shlex.quote(shown(out))}"
    notes += f"- Repeat: `{PROGRAM} claims{more}`.\n"
    return "\n".join([*lines, "", "### How it is judged", "", notes])


def _items(claims: Sequence[Claim], evidence: Evidence) -> list[str]:
    lines = []
    for claim in claims:
        word, numbers = claim.check(evidence)
        text = f"- **{word}** ({claim.source}): {claim.text}" + (
            f" *Ours*: {numbers}." * bool(numbers)
        )
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines
