"""Two cells compared, over made results: lowest values, norms, and places among several cells."""

import math

import pytest

from experiments.reports.claims import TABLE_3
from experiments.reports.evidence import EARLY, Evidence
from experiments.reports.pairs import log_norms
from experiments.results.measures import largest_norm
from tests.experiments.reports.made_result import OTHER, OURS, THEIRS

PAIR = {"sgd": (OURS, THEIRS)}


@pytest.mark.parametrize(("ours", "theirs", "word", "said"), [
    ([4.0, 4.5, 5.0], [4.2, 4.7, 5.3], "reproduced", ""),  # paired: the seeds' spread is none
    ([4.0, 4.5, 5.0], [4.1, 4.4, 5.1], "undecided", ""),
    ([4.2, 4.7, 5.3], [4.0, 4.5, 5.0], "not reproduced", ""),
    ([4.0], [9.0], "undecided", ""),  # one seed
    ([4.0, 4.0], [4.0, 4.0], "not reproduced", ""),  # equal is not lower
    ([4.0, 4.5], [None, None], "reproduced", ""),  # a failed run is worse than any value
    ([None, None], [4.0, 4.5], "not reproduced", ""),
    ([None, None], [None, None], "not reproduced", "0: both failed (n = 2, 0 lower)"),
    ([4.0, 4.0], [5.0, None], "reproduced", ""),
    ([4.0, None], [5.0, 5.0], "undecided", ""),
    ([4.0, 4.1, None], [5.0, 5.2, 6.0], "reproduced", ""),  # the successful ones, as in the table
    (  # half of them failed
        [4.0, 4.1, None, None],
        [5.0, 5.2, 6.0, 6.1],
        "undecided",
        "0: first failed (n = 4, 2 failed, 2 lower)",
    ),
    ([None], [4.0], "undecided", ""),
    ([55.0, 56.0], [60.0, 61.1], "reproduced", ""),  # none better than a unigram predictor
    ([55.0, 56.0], [60.0, 49.0], "undecided", ""),  # one of theirs is better than that
    (
        [4.0, 4.5, None],
        [4.1, 4.7, 5.0],
        "undecided",
        "1: -0.150 [-0.785, +0.485] (n = 3, 1 failed, 2 lower)",
    ),
    ([None, None, 4.0], [4.0, 4.5, None], "undecided", "0: first failed (n = 3, 1 lower)"),
    ([4.0, None], [None, 4.0], "undecided", "0: both failed (n = 2, 1 lower)"),
], ids=str)  # fmt: skip
def test_a_pair_is_judged_by_the_interval_of_its_difference(
    evidence, put, ours, theirs, word, said
):
    put(OURS, ours)
    put(THEIRS, theirs)
    verdict = evidence.lower(PAIR)
    assert verdict.word == word
    assert not said or verdict.numbers == f"lower in {said.replace(':', ' of 1 pairs: sgd')}"


def test_one_pair_otherwise_is_enough_to_refute(evidence, put):
    put(OURS, [4.0, 4.1])
    put(THEIRS, [3.5, 3.6])
    pairs = PAIR | {"adam_1e-3": ((TABLE_3, "adam_1e-3/projection_0.2"), OTHER)}
    assert evidence.lower(pairs).word == "not reproduced"
    del pairs["sgd"]
    assert evidence.lower(pairs).word == "not enough runs"


@pytest.mark.parametrize(
    ("theirs", "word", "difference"),
    [(4.5, "so far as claimed", "-0.500"), (3.5, "so far otherwise", "+0.500")],
)
def test_a_partial_run_is_compared_at_its_last_epoch(
    evidence, store, put, theirs, word, difference
):
    put(OURS, [4.0], validation=(5.0, 4.9, 4.8, 4.7, 4.0, 1.0))
    store(THEIRS, validation=(5.0, 4.9, 4.8, 4.7, theirs), status="interrupted")
    verdict = evidence.lower(PAIR)
    assert verdict.word == word
    assert f"sgd {difference} (n = 1, epoch 5)" in verdict.numbers
    assert "sgd/clipping_15 has 0 of 1" in verdict.numbers


def test_a_partial_run_says_nothing_at_first(evidence, store, put):
    put(OURS, [4.0])
    store(THEIRS, validation=(9.0,) * (EARLY - 1), status="interrupted")
    assert evidence.lower(PAIR).word == "not enough runs"


def test_a_partial_run_beside_finished_ones_does_not_count(evidence, store, put):
    for place, losses in ((OURS, [3.0, 3.1]), (THEIRS, [4.0, 4.2])):
        put(place, losses)
        store(place, 2, validation=(9.0 - losses[0], 1.0), status="interrupted")
    assert "(n = 2, 2 lower)" in evidence.lower(PAIR).numbers


def test_norms_are_compared_as_far_as_both_runs_went(evidence, store, put):
    put(OURS, [4.0], validation=6 * (5.0,), windows={"gradient_norm_max": 5 * [40.0] + [1e6]})
    norms = {"gradient_norm_max": 5 * [90.0]}
    store(THEIRS, validation=5 * (4.5,), status="interrupted", windows=norms)
    assert evidence.lower(PAIR, log_norms).word == "so far as claimed"


@pytest.mark.parametrize(("values", "rank", "word"), [
    ((3.4, 3.5, 3.6), 1, "reproduced"),
    ((3.4, 3.5, 3.6), 2, "not reproduced"),
    ((3.4, 3.3, 3.4), 1, "not reproduced"),
    ((3.4, 3.3, 3.4), 2, "reproduced"),  # equal is not lower
    ((3.4, 3.3, 3.2), 2, "not reproduced"),
    ((3.4, 3.3), 1, "not reproduced"),  # whatever is missing
    ((3.4, 3.3), 2, "not enough runs"),
    ((3.4,), 1, "not enough runs"),
], ids=str)  # fmt: skip
def test_a_place_counts_what_is_lower(evidence, put, values, rank, word):
    among = [THEIRS, OTHER, (TABLE_3, "rmsprop_1e-3/clipping_15")]
    for place, value in zip(among, values, strict=False):
        put(place, [value, value])
    assert evidence.is_lowest(THEIRS, among, rank).word == word


def test_runs_without_a_common_seed_are_not_compared(evidence, store):
    store(OURS, 0)
    store(THEIRS, 1)
    assert evidence.lower(PAIR) == ("undecided", "no seed in common")


@pytest.mark.parametrize(("norm", "changes", "word"), [
    (40.0, {}, "reproduced"),
    (90.0, {}, "not reproduced"),
    (None, {}, "not reproduced"),
    # A gradient or a loss that ended a run is the largest.
    (40.0, {"status": "diverged", "divergence": {"quantity": "gradient"}}, "not reproduced"),
    (40.0, {"status": "diverged", "divergence": {"quantity": "loss"}}, "not reproduced"),
])  # fmt: skip
def test_the_largest_norm_is_compared(evidence, put, norm, changes, word):
    put(OURS, [4.0, 4.0], windows={"gradient_norm_max": [norm, 3.0]}, **changes)
    assert evidence.lower(PAIR, log_norms).word == "not enough runs"
    put(THEIRS, [4.0, 4.0], windows={"gradient_norm_max": [90.0, 3.0]})
    assert Evidence(evidence.out).lower(PAIR, log_norms).word == word


def test_the_largest_norm_is_infinite_from_divergence_on():
    curves = {"iteration": [100, 200], "gradient_norm_max": [3.0, 4.0]}
    ended = {"iterations": 250, "divergence": {"quantity": "gradient"}}
    run = {**ended, "curves": {"iterations": curves}}
    assert [largest_norm(run, i) for i in (150, 249, 250)] == [3, 4, math.inf]
