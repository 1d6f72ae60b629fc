"""What the paper claims, and how each claim is checked."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from experiments.config.load import Config
from experiments.reports.evidence import NEAR, Evidence, Pairs, Place, Verdict
from experiments.reports.pairs import log_norms
from experiments.results.measures import Result, largest_radius
from experiments.results.success import diverged, exploded, succeeded

TABLE_1, TABLE_2, TABLE_3 = "table1_language", "table2_language_lr0.1", "table3_music"
TABLE_4 = "table4_elementwise"
MAIN = "main_language"  # whose settings Table 4 has, but for the clipping
SMALL = "table1_language_small"
#: Configs that the claims read.
JUDGED = (TABLE_1, TABLE_2, TABLE_3, TABLE_4, MAIN, SMALL)
CLIPPING = {TABLE_1: "clipping_5", SMALL: "clipping_5", TABLE_3: "clipping_15"}
ADAPTIVE = [f"{name}_{rate}" for name in ("adam", "rmsprop") for rate in ("1e-2", "1e-3", "1e-4")]
SGD = ["sgd_1.2", "sgd_1.1", "sgd_1.05"]
METHODS = {TABLE_1: [*ADAPTIVE, *SGD], SMALL: [*ADAPTIVE, *SGD], TABLE_3: [*ADAPTIVE, "sgd"]}
DELTAS = [(TABLE_2, f"sgd_0.1/projection_{d}") for d in ("0.2", "0.5", "0.8", "1.1", "1.4")]
THRESHOLDS = [(TABLE_2, f"sgd_0.1/clipping_{t}") for t in ("5", "10", "15", "20")]
ELEMENTWISE = [
    (TABLE_4, f"sgd_1.1/elementwise_{t}") for t in ("0.0015", "0.003", "0.0045", "0.006")
]
NORM = (MAIN, "sgd_1.1/clipping_5")


class Claim(NamedTuple):
    """A claim: where it stands in the paper, its text, and its verdict over the results."""

    source: str
    text: str
    check: Callable[[Evidence], Verdict]


def _ours(table: str, method: str) -> Place:
    return table, f"{method}/projection_0.2"


def _theirs(table: str, method: str) -> Place:
    return table, f"{method}/{CLIPPING[table]}"


def _all(table: str, side: Callable[[str, str], Place]) -> list[Place]:
    return [side(table, method) for method in METHODS[table]]


def _pairs(table: str, methods: Sequence[str]) -> Pairs:
    return {method: (_ours(table, method), _theirs(table, method)) for method in methods}


def _against(first: Sequence[Place], second: Sequence[Place]) -> Pairs:
    """Every one of the first against every one of the second."""
    both = [(a, b) for a in first for b in second]
    return {f"{a[1].partition('/')[2]} against {b[1].partition('/')[2]}": (a, b) for a, b in both}


def _calm_or_unstable(run: Result) -> bool | None:
    """Whether no gradient exploded, or a radius above 1 was seen; ``None`` without a look."""
    radius = largest_radius(run)
    return not exploded(run) or (radius > 1 if math.isfinite(radius) else None)


#: Each optimizer of Table 3, P_δ and clipping.
PAIRS_OF_TABLE_3 = _pairs(TABLE_3, METHODS[TABLE_3])


def _of_table_1(table: str, where: str) -> list[Claim]:
    """What Table 1 shows, for its own cells or for those at a small scale."""
    return [
        Claim(
            where,
            "Clipping diverges (N/A) with Adam and RMSprop at 1e-2.",
            lambda e: e.every(
                [_theirs(table, "adam_1e-2"), _theirs(table, "rmsprop_1e-2")], diverged, "diverged"
            ),
        ),
        Claim(
            where,
            "P_δ with δ = 0.2 diverges nowhere.",
            lambda e: e.every(_all(table, _ours), lambda r: not diverged(r), "not diverged"),
        ),
        Claim(
            f"B.2, {where}",
            "SGD divided by 1.1 has the lowest perplexity of P_δ.",
            lambda e: e.is_lowest(_ours(table, "sgd_1.1"), _all(table, _ours)),
        ),
        Claim(
            f"B.2, {where}",
            "SGD divided by 1.1 has the lowest perplexity of clipping.",
            lambda e: e.is_lowest(_theirs(table, "sgd_1.1"), _all(table, _theirs)),
        ),
        Claim(
            where,
            "With each schedule of SGD, P_δ has a lower perplexity than clipping.",
            lambda e: e.lower(_pairs(table, SGD)),
        ),
        Claim(
            where,
            "P_δ has a lower perplexity than clipping with Adam at 1e-3 and with Adam and RMSprop "
            "at 1e-4; clipping has a lower one with RMSprop at 1e-3.",
            lambda e: e.lower(
                _pairs(table, ["adam_1e-3", "adam_1e-4", "rmsprop_1e-4"])
                | {
                    "rmsprop_1e-3, clipping": (
                        _theirs(table, "rmsprop_1e-3"),
                        _ours(table, "rmsprop_1e-3"),
                    )
                }
            ),
        ),
    ]


#: Claims that runs can refute; the headline counts them.
CLAIMS = [
    *_of_table_1(TABLE_1, "Table 1"),
    Claim(
        "B.2, Tables 1 and 2",
        "SGD divided by 1.1 has a lower perplexity than SGD at 0.1, with P_δ and with clipping.",
        lambda e: e.lower(
            _against([_ours(TABLE_1, "sgd_1.1")], DELTAS)
            | _against([_theirs(TABLE_1, "sgd_1.1")], THRESHOLDS)
        ),
    ),
    Claim(
        "B, Table 2",
        "At SGD's rate of 0.1 a small threshold degrades performance: 5 is worse than 10, and 10 "
        "than 15.",
        lambda e: e.lower(
            _against(THRESHOLDS[1:2], THRESHOLDS[:1]) | _against(THRESHOLDS[2:3], THRESHOLDS[1:2])
        ),
    ),
    Claim(
        "Table 2",
        "Every run of P_δ succeeds, whatever δ is.",
        lambda e: e.every(DELTAS, succeeded, "success"),
    ),
    Claim(
        "Table 2",
        "Some runs of clipping at 5 and at 20 fail.",
        lambda e: e.some_fail([THRESHOLDS[0], THRESHOLDS[-1]]),
    ),
    Claim(
        "Table 2",
        "Every run of clipping at 10 and at 15 succeeds.",
        lambda e: e.every(THRESHOLDS[1:3], succeeded, "success"),
    ),
    Claim(
        "Table 2",
        "P_δ has a lower perplexity with δ = 1.4 than with δ = 0.2.",
        lambda e: e.lower(_against(DELTAS[-1:], DELTAS[:1])),
    ),
    Claim(
        "Table 2",
        "P_δ has a lower perplexity with every δ than clipping with any threshold.",
        lambda e: e.lower(_against(DELTAS, THRESHOLDS)),
    ),
    Claim(
        "B.2, Table 3",
        "Adam at 1e-3 has the lowest loss of P_δ.",
        lambda e: e.is_lowest(_ours(TABLE_3, "adam_1e-3"), _all(TABLE_3, _ours)),
    ),
    Claim(
        "B.2, Table 3",
        "SGD has the second lowest loss of P_δ (RMSprop at 1e-3 is printed as equal).",
        lambda e: e.is_lowest(_ours(TABLE_3, "sgd"), _all(TABLE_3, _ours), rank=2),
    ),
    Claim(
        "B.2, Table 3",
        "SGD has the lowest loss of clipping.",
        lambda e: e.is_lowest(_theirs(TABLE_3, "sgd"), _all(TABLE_3, _theirs)),
    ),
    Claim(
        "Table 3",
        "With each optimizer, P_δ has a lower loss than clipping.",
        lambda e: e.lower(PAIRS_OF_TABLE_3),
    ),
    Claim(
        "C, Table 4",
        "Fewer runs succeed with elementwise clipping than with clipping of the norm (here: at 5).",
        lambda e: e.fewer_succeed(ELEMENTWISE, NORM),
    ),
    Claim(
        "C, Table 4",
        "Elementwise clipping has a higher perplexity than clipping of the norm "
        "(here: at 5; so Tables 1 and 4; section C's text says lower).",
        lambda e: e.lower(_against([NORM], ELEMENTWISE)),
    ),
    Claim(
        "Table 4",
        "Of the elementwise thresholds, 0.0015 has the most successful runs.",
        lambda e: e.fewer_succeed(ELEMENTWISE[1:], ELEMENTWISE[0]),
    ),
    Claim(
        "B",
        "The average norm of the gradient is 10 in language modelling "
        "(here: SGD with clipping, within a factor of 2).",
        lambda e: e.gradient_near(_theirs(TABLE_1, "sgd_1.1"), "norm", 10),
    ),
    Claim(
        "C",
        "The average value of the gradient's elements is about 0.003 in language modelling (here: "
        "their root mean square, SGD with clipping, within a factor of 2).",
        lambda e: e.gradient_near(_theirs(TABLE_1, "sgd_1.1"), "rms", 0.003, also="mean_abs"),
    ),
]
#: Claims of the supplement that runs here could hardly refute.
CLAIMS_APART = [
    Claim(
        "B; batches and the loss's normalisation were chosen by it (configs/README.md)",
        "The average norm of the gradient is 30 in music modelling "
        "(here: SGD with clipping, within a factor of 2).",
        lambda e: e.gradient_near(_theirs(TABLE_3, "sgd"), "norm", 30),
    ),
    Claim(
        "Lemmas 3 and 4; follows from σ₁(W_hh) ≤ 2 − δ, so it checks the code",
        "With P_δ the fixed point at 0 stays stable: the Jacobian's spectral radius is below 1 in "
        "all runs of Table 3.",
        lambda e: e.every(
            _all(TABLE_3, _ours), lambda r: largest_radius(r) < 1, "radius below 1 in all samples"
        ),
    ),
]
#: What the main paper may claim, and the abstract at its strictest: nobody could check it.
UNVERIFIED_CLAIMS = [
    Claim(
        "main paper (unverified: its figures show norms of SGD's runs)",
        "With SGD, the gradient's largest norm is lower with P_δ than with clipping "
        "(here: in the runs of Tables 1 and 3).",
        lambda e: e.lower(
            _pairs(TABLE_1, ["sgd_1.1"]) | _pairs(TABLE_3, ["sgd"]),
            log_norms,
            what="log10 of the norm ",
        ),
    ),
    Claim(
        'ours: the strictest reading of the abstract, which says that "an abrupt change in the '
        'dynamics" causes explosions',
        "The gradient explodes only where the fixed point at 0 has lost its stability (here: in "
        "runs of Table 3 with a spectral radius seen above 1).",
        lambda e: e.every(
            [place for pair in PAIRS_OF_TABLE_3.values() for place in pair],
            _calm_or_unstable,
            "no explosion, or a radius above 1",
        ),
    ),
]
#: No claims of the paper: whether Table 1's ordering shows at a scale that is ours.
CLAIMS_AT_SMALL_SCALE = _of_table_1(SMALL, "as Table 1")


def published_values(config: Config) -> list[Claim]:
    """That each published value of a config comes out."""
    return [
        Claim(
            f"Table {cell.published.table}, {cell.published.column}, {cell.published.row}",
            f"`{name}` comes within {100 * NEAR:g} % of {cell.published.printed}.",
            partial(Evidence.value_near, place=(config.file, name), stated=cell.published.value),
        )
        for name, cell in config.cells.items()
        if cell.published and cell.published.value is not None
    ]
