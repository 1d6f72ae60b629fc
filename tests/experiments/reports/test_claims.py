"""The verdicts on the paper's claims, over made results."""

import math

import pytest

from experiments.config.load import load_config
from experiments.config.model_size import n_parameters
from experiments.reports.claims import (
    CLAIMS,
    CLAIMS_APART,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    UNVERIFIED_CLAIMS,
)
from experiments.reports.claims_text import format_claims
from experiments.reports.evidence import EARLY, Evidence
from experiments.results.measures import largest_radius
from experiments.results.success import diverged, succeeded
from tests.experiments.reports.made_result import OTHER, OURS, THEIRS

ALL_CLAIMS = [*CLAIMS, *CLAIMS_APART, *UNVERIFIED_CLAIMS]
LANGUAGE = (TABLE_1, "sgd_1.1/clipping_5")


def test_without_results_nothing_is_decided(call, out, evidence):
    found = {(claim.source, claim.text): claim.check(evidence) for claim in ALL_CLAIMS}
    assert {verdict.word for verdict in found.values()} == {"not enough runs"}
    assert len(found) == len(ALL_CLAIMS)  # no two alike
    code, text, err = call("claims", "--out", out)
    assert (code, err) == (0, "")
    written = (out / "claims.md").read_text(encoding="utf-8")
    assert written == format_claims(out)
    written, text = (" ".join(page.split()) for page in (written, text))
    for source, claim in found:
        item = f"- **not enough runs** ({source}): {claim} "
        assert item in written and item in text
    assert f"0 not reproduced, {len(CLAIMS)} not enough runs." in written


@pytest.mark.parametrize(("loss", "word"), [(None, "reproduced"), (4.1, "not reproduced")])
def test_the_success_of_every_cell_has_to_be_rarer(evidence, put, loss, word):
    for place, losses in ((OURS, [4.0, None]), (OTHER, [4.0, loss]), (THEIRS, [4.0, 4.1])):
        put(place, losses)
    assert evidence.fewer_succeed([OURS, OTHER], THEIRS).word == word


def test_one_failure_refutes_that_all_succeed_and_ten_runs_are_asked_for(out, put):
    place = (TABLE_2, "sgd_0.1/projection_0.2")
    put(place, [4.0] * 9)
    assert Evidence(out).every([place], succeeded, "success").word == "so far as claimed"
    assert Evidence(out).some_fail([place]).word == "so far otherwise"
    put(place, [4.0] * 9 + [None])
    assert Evidence(out).every([place], succeeded, "success") == (
        "not reproduced",
        f"success: {place[1]} 90 %",
    )
    assert Evidence(out).some_fail([place]).word == "reproduced"


def test_a_partial_run_says_how_far_it_is_and_decides_nothing(evidence, store, put):
    last = 90.0
    store(THEIRS, validation=EARLY * (last,), status="interrupted")
    seen = f"partial: {THEIRS[1]} (validation {last:g} at epoch {EARLY})"
    for places in ([THEIRS], [THEIRS, OTHER]):  # the other has a run later
        for rule in (diverged, succeeded):
            verdict = evidence.every(places, rule, "seen")
            assert verdict.word == "not enough runs"
            assert verdict.numbers.startswith(seen)
    put(OTHER, [4.0])
    evidence = Evidence(evidence.out)
    for verdict in (
        evidence.every([THEIRS, OTHER], succeeded, "success"),
        evidence.some_fail([THEIRS, OTHER]),
        evidence.fewer_succeed([THEIRS], OTHER),
    ):
        assert verdict.word == "not enough runs"
        assert verdict.numbers.startswith(f"success: {OTHER[1]} 100 %; {seen}")
    assert evidence.gradient_near(THEIRS, "norm", 30).word == "not enough runs"
    assert evidence.value_near(THEIRS, last).word == "not enough runs"


@pytest.mark.parametrize(("norm", "radius", "word"), [
    (4e3, 1.1, "reproduced"),
    (4e3, 0.9, "not reproduced"),
    (2e3, 0.9, "reproduced"),
    (4e3, None, "undecided"),  # never looked at
])  # fmt: skip
def test_an_explosion_without_a_lost_fixed_point_refutes_that_it_takes_one(
    evidence, put, norm, radius, word
):
    (claim,) = [claim for claim in UNVERIFIED_CLAIMS if "explodes only where" in claim.text]
    for name in load_config(TABLE_3).cells:
        put((TABLE_3, name), [4.0])
    looks = {"spectral_radius": [[radius, None], [None, None]], "gradient_norm_max": [norm, 3.0]}
    put(OURS, [4.0, 4.0], windows=looks)
    put(OURS, [4.0])  # the first of the two is a calm one
    assert claim.check(evidence).word == word


#: A uniform predictor has 88 ln 2 = 61.0.
SLOW, WORSE, WORST, BACK = (60.0, 55.0), (40.0, 62.0), (90.0, 80.0), (40.0, 90.0, 45.0)


@pytest.mark.parametrize(("place", "losses", "status", "share"), [
    (THEIRS, SLOW, "completed", 0),  # worse than a unigram predictor's 50, but on its way
    (THEIRS, WORSE, "completed", 100),  # though its best is good
    (THEIRS, WORST, "completed", 100),  # though it is on its way down
    (THEIRS, BACK, "completed", 0),
    (THEIRS, BACK, "diverged", 100),
    (THEIRS, (None,), "diverged", 100),
    (LANGUAGE, (9.3, 9.2), "completed", 0),  # of 10,000 words: ln 10,000 = 9.21
    (LANGUAGE, (5.0, 9.3), "completed", 100),
])  # fmt: skip
def test_a_run_diverges_that_ends_worse_than_chance(evidence, put, place, losses, status, share):
    put(place, [1.0], validation=losses, status=status)
    word = "reproduced" if share else "not reproduced"
    verdict = evidence.every([place], diverged, "diverged")
    assert verdict == (word, f"diverged: {place[1]} {share} %")
    word = evidence.every([place, OURS], diverged, "diverged").word
    assert word == ("not enough runs" if share else "not reproduced")


@pytest.mark.parametrize(("means", "word"), [
    ([16.0, 16.1], "reproduced"),
    ([58.0, 58.1], "reproduced"),
    ([14.0, 14.1], "not reproduced"),
    ([62.0, 62.1], "not reproduced"),
    ([14.0, 17.0], "undecided"),
    ([30.0], "undecided"),
    ([30.0, None], "not reproduced"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("quantity", ["norm", "mean_abs", "rms"])
def test_an_average_is_near_within_a_factor_of_two(evidence, store, means, word, quantity):
    cell = load_config(TABLE_3).cell(THEIRS[1])
    root = math.sqrt(n_parameters(cell.conditions.model_dump()))
    for seed, mean in enumerate(means):
        found = {"norm": 0.0, "mean_abs": 0.0, quantity: mean}
        if quantity == "rms":
            found = {"norm": mean and mean * root, "mean_abs": 0.0}
        store(THEIRS, seed, gradient_mean=found)
    assert evidence.gradient_near(THEIRS, quantity, 30).word == word


@pytest.mark.parametrize("radius", [0.95, 1.0, None])  # None: not known
def test_every_radius_that_was_seen_counts(evidence, put, radius):
    put(OURS, [4.0, 4.0], windows={"spectral_radius": [[radius, None], [radius and 0.8, None]]})
    verdict = evidence.every([OURS], lambda r: largest_radius(r) < 1, "")
    assert verdict.word == ("reproduced" if radius == 0.95 else "not reproduced")
