"""``claims``: the paper's claims with our verdicts, as Markdown."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from experiments.claim_evidence import (
    NOT_ENOUGH,
    NOT_REPRODUCED,
    REPRODUCED,
    SO_FAR_NO,
    SO_FAR_YES,
    UNDECIDED,
    Evidence,
    Verdict,
)
from experiments.claims import (
    CLAIMS,
    CLAIMS_APART,
    CLAIMS_AT_SMALL_SCALE,
    TABLE_1,
    UNVERIFIED_CLAIMS,
    Claim,
)
from experiments.config import load_config
from experiments.files import write_file
from experiments.markdown import markdown_table
from experiments.paths import shown
from experiments.sizes import n_parameters

NOTES = """\
- Comparisons are of lowest validation values (perplexity, or nats per step) over the seeds that \
both cells have: the mean of the differences, first cell minus second; in brackets its 95 % \
t-interval (mean ± t s/√n, n − 1 degrees of freedom); and n. Beyond doubt: the interval leaves out \
0, which takes two seeds. A run that failed is worse than any value and does not enter the mean; \
where fewer than two seeds remain, beyond doubt means that all seeds, two at least, say the same.
- *reproduced*, *not reproduced*: beyond doubt; one pair of cells that is the other way round is \
enough for the second. *undecided*: the runs are there, but an interval covers 0, or there is one \
seed only.
- *so far*: finished runs are missing, and those that are there, partial ones too, lean that way. \
A partial run is compared at its last evaluation with what the other run had by then. *not enough \
runs*: not even that.
- Finished runs that a claim needs: ten per cell of Tables 2 and 4, whose success rates fit ten; \
else one, as the supplement does not say how many it had.
- Claims on how many runs fail or diverge are counts, without an interval.
- Diverges (our assumption, the paper states no rule): a value that is not finite, or a last \
validation value worse than a uniform predictor's.
- The average of the gradient's elements is judged as their root mean square: the norm over the \
root of the number of weights ({weights:,}), mean over the iterations. So a norm of 10 is an \
element of 0.0025, and the two claims rest on one measurement. Beside it `mean_abs`, the mean \
absolute value.
- Section C compares with a clipping of the norm whose settings and success rate the supplement \
does not print; taken here: the main experiment's, `main_language`.
- Repeat: `python -m experiments claims`.
"""


def write_claims(out: Path) -> None:
    """Print the verdicts, and write them to ``claims.md``.

    Args:
        out: Folder of the results.

    Raises:
        grustab.errors.GrustabError: If a result file is not valid, or the file cannot be written.
    """
    text = format_claims(out)
    print(text)
    path = out / "claims.md"
    write_file(path, text.encode())
    print(f"written: {shown(path)}")


def headline(out: Path) -> str:
    """How the claims stand, in one sentence."""
    evidence = Evidence(out)
    count = Counter(claim.check(evidence).word for claim in CLAIMS)
    return (
        f"Of {len(CLAIMS)} claims of the supplement that runs can refute, {count[REPRODUCED]} "
        f"are reproduced, {count[NOT_REPRODUCED]} are not, and {count[UNDECIDED]} are undecided; "
        f"of {count[SO_FAR_YES] + count[SO_FAR_NO]} there are first runs ({count[SO_FAR_YES]} "
        f"so far as claimed, {count[SO_FAR_NO]} otherwise), and of {count[NOT_ENOUGH]} not enough."
    )


def format_claims(out: Path) -> str:
    """The claims with their verdicts, as Markdown."""
    evidence = Evidence(out)
    language = load_config(TABLE_1).cell("sgd_1.1/clipping_5").conditions.model_dump()
    lines = [
        "## The paper's claims",
        "",
        headline(out),
        "",
        *_rows(CLAIMS, evidence),
        "",
        "### Not counted",
        "",
        "The supplement states these two, but runs here could hardly refute them.",
        "",
        *_rows(CLAIMS_APART, evidence),
        "",
        "### Of the main paper, as remembered (unverified)",
        "",
        *_rows(UNVERIFIED_CLAIMS, evidence),
        "",
        "### Table 1's claims at a small scale",
        "",
        "64 units and 6 epochs, `table1_language_small`: ours, and no verdict on the paper.",
        "",
        *_rows(CLAIMS_AT_SMALL_SCALE, evidence),
        "",
        NOTES.format(weights=n_parameters(language)),
    ]
    return "\n".join(lines)


def _rows(claims: Sequence[Claim], evidence: Evidence) -> list[str]:
    verdicts: list[Verdict] = [claim.check(evidence) for claim in claims]
    rows = [[c.text, c.source, v.word, v.numbers] for c, v in zip(claims, verdicts, strict=True)]
    return markdown_table(["claim", "where", "verdict", "ours"], rows)
