"""The verdicts on the paper's claims, over made results."""

import json

import pytest

from experiments.claim_evidence import NOT_ENOUGH, NOT_REPRODUCED, REPRODUCED, Evidence
from experiments.claims import (
    CLAIMS,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    UNVERIFIED_CLAIMS,
    format_claims,
)
from experiments.config import load_config
from experiments.paths import ROOT

ALL_CLAIMS = [*CLAIMS, *UNVERIFIED_CLAIMS]


@pytest.fixture
def cells(store):
    """Make finished results of cells: ``cells(table, {name: validation loss or None})``."""

    def make(table, values, seed=0):
        config = load_config(table)
        for name, loss in values.items():
            status = "diverged" if loss is None else "completed"
            losses = (None,) if loss is None else (loss + 1, loss)
            store(config.cell(name), seed, validation=losses, status=status, unigram=50.0)

    return make


@pytest.fixture
def evidence(out):
    return Evidence(out)


def verdicts(out):
    """Word by claim and place."""
    made = Evidence(out)
    return {(claim.source, claim.text): claim.check(made) for claim in ALL_CLAIMS}


def test_without_results_nothing_is_decided(out):
    found = verdicts(out)
    assert {verdict.word for verdict in found.values()} == {NOT_ENOUGH}
    assert len(found) == len(ALL_CLAIMS)  # no two alike
    assert f"0 are reproduced and 0 are not; for {len(CLAIMS)} there are" in format_claims(out)


def test_one_pair_otherwise_is_enough_to_refute(evidence, cells):
    cells(TABLE_3, {"sgd/projection_0.2": 4.0, "sgd/clipping_15": 3.5})
    pairs = [
        ("adam_1e-3/projection_0.2", "adam_1e-3/clipping_15"),
        ("sgd/projection_0.2", "sgd/clipping_15"),
    ]
    verdict = evidence.all_lower(TABLE_3, pairs)
    assert verdict.word == NOT_REPRODUCED
    assert "sgd/projection_0.2 4, sgd/clipping_15 3.5" in verdict.numbers
    assert evidence.all_lower(TABLE_3, pairs[:1]).word == NOT_ENOUGH


def test_runs_worse_than_a_unigram_predictor_are_compared_where_none_is_better(out, cells):
    pair = ("sgd/projection_0.2", "sgd/clipping_15")
    cells(TABLE_3, {pair[0]: 55.0, pair[1]: 60.0})
    assert Evidence(out).all_lower(TABLE_3, [pair]).word == REPRODUCED
    cells(TABLE_3, {pair[1]: 49.0}, seed=1)
    assert Evidence(out).value(TABLE_3, pair[1]) == 49.0
    assert Evidence(out).all_lower(TABLE_3, [pair]).word == NOT_REPRODUCED


def test_equal_values_are_not_lower(evidence, cells):
    cells(TABLE_3, {"sgd/projection_0.2": 4.0, "sgd/clipping_15": 4.0})
    pair = [("sgd/projection_0.2", "sgd/clipping_15")]
    assert evidence.all_lower(TABLE_3, pair).word == NOT_REPRODUCED


@pytest.mark.parametrize(
    ("ours", "theirs", "word"),
    [(4.0, None, REPRODUCED), (None, 4.0, NOT_REPRODUCED), (None, None, NOT_REPRODUCED)],
)
def test_a_failed_run_is_worse_than_any_value(evidence, cells, ours, theirs, word):
    cells(TABLE_3, {"sgd/projection_0.2": ours, "sgd/clipping_15": theirs})
    pair = [("sgd/projection_0.2", "sgd/clipping_15")]
    assert evidence.all_lower(TABLE_3, pair).word == word


def test_the_lowest_is_not_the_second_lowest(evidence, cells):
    values = {"sgd/clipping_15": 3.4, "adam_1e-3/clipping_15": 3.5}
    cells(TABLE_3, values)
    assert evidence.is_lowest(TABLE_3, "sgd/clipping_15", list(values), 2).word == NOT_REPRODUCED


def test_where_ten_runs_are_said_to_stand_behind_a_value_fewer_give_no_verdict(out, cells):
    pair = ("sgd_0.1/projection_0.2", "sgd_0.1/clipping_5")
    for seed in range(10):
        assert Evidence(out).all_lower(TABLE_2, [pair]).word == NOT_ENOUGH
        cells(TABLE_2, {pair[0]: 3.0 if seed else None, pair[1]: 4.0}, seed)
    assert Evidence(out).all_lower(TABLE_2, [pair]).word == REPRODUCED


@pytest.mark.parametrize(("place", "word"), [(1, NOT_REPRODUCED), (2, REPRODUCED)])
def test_a_place_counts_only_what_is_really_lower(evidence, cells, place, word):
    values = {"sgd/clipping_15": 3.4, "adam_1e-3/clipping_15": 3.3, "rmsprop_1e-3/clipping_15": 3.4}
    cells(TABLE_3, values)
    verdict = evidence.is_lowest(TABLE_3, "sgd/clipping_15", list(values), place)
    assert verdict.word == word
    assert verdict.numbers.startswith("adam_1e-3/clipping_15 3.3")


@pytest.mark.parametrize(("place", "word"), [(1, NOT_REPRODUCED), (2, NOT_ENOUGH)])
def test_a_lower_cell_refutes_a_place_whatever_is_missing(evidence, cells, place, word):
    cells(TABLE_3, {"sgd/clipping_15": 3.4, "adam_1e-3/clipping_15": 3.3})
    among = ["sgd/clipping_15", "adam_1e-3/clipping_15", "rmsprop_1e-3/clipping_15"]
    assert evidence.is_lowest(TABLE_3, "sgd/clipping_15", among, place).word == word
    assert evidence.is_lowest(TABLE_3, "rmsprop_1e-3/clipping_15", among).word == NOT_ENOUGH


def test_every_cell_that_is_lower_is_named(evidence, cells):
    values = {f"adam_1e-{i}/clipping_15": 3.0 + i for i in (2, 3, 4)}
    values |= {f"rmsprop_1e-{i}/clipping_15": 3.5 + i for i in (2, 3)} | {"sgd/clipping_15": 9.0}
    cells(TABLE_3, values)
    numbers = evidence.is_lowest(TABLE_3, "sgd/clipping_15", list(values), place=2).numbers
    assert all(name in numbers for name in values)


def test_one_failure_refutes_that_all_succeed_and_ten_runs_are_asked_for(out, evidence, cells):
    name = "sgd_0.1/projection_0.2"
    for seed in range(9):
        cells(TABLE_2, {name: 4.0}, seed)
    assert Evidence(out).all_succeed(TABLE_2, [name]).word == NOT_ENOUGH
    cells(TABLE_2, {name: None}, 9)
    assert evidence.all_succeed(TABLE_2, [name]).word == NOT_REPRODUCED
    assert evidence.some_fail(TABLE_2, [name]).word == REPRODUCED
    assert "90 %" in evidence.all_succeed(TABLE_2, [name]).numbers


def test_a_partial_run_never_counts(evidence, store):
    cell = load_config(TABLE_3).cell("sgd/projection_0.2")
    store(cell, status="interrupted")
    assert evidence.all_succeed(TABLE_3, [cell.name]).word == NOT_ENOUGH


def test_runs_under_other_conditions_never_count(evidence, store):
    cell = load_config(TABLE_3).cell("sgd/projection_0.2").override(["units=7"])
    store(cell)
    assert evidence.all_succeed(TABLE_3, [cell.name]).word == NOT_ENOUGH


def test_every_cell_that_a_claim_names_exists(out, cells):
    for table in (TABLE_1, TABLE_3):
        cells(table, dict.fromkeys(load_config(table).cells, 4.0))
    verdicts(out)  # an unknown name raises


def test_the_command_prints_and_writes_all_claims(call, out):
    code, text, err = call("claims", "--out", out)
    assert (code, err) == (0, "")
    written = (out / "claims.md").read_text()
    assert written == format_claims(out)
    assert all(claim.text in written and claim.text in text for claim in ALL_CLAIMS)


def test_a_damaged_result_is_one_sentence(refused, store, out):
    path = store(load_config(TABLE_3).cell("sgd/projection_0.2"))
    path.write_text("{")
    assert "not valid JSON" in refused("claims", "--out", out)


@pytest.mark.parametrize(
    ("norm", "word"),
    [
        (16.0, REPRODUCED),
        (58.0, REPRODUCED),
        (14.0, NOT_REPRODUCED),
        (5e6, NOT_REPRODUCED),
        (None, NOT_REPRODUCED),
    ],
)
@pytest.mark.parametrize("quantity", ["norm", "mean_abs"])
def test_an_average_is_near_within_a_factor_of_two(evidence, store, norm, word, quantity):
    cell = load_config(TABLE_3).cell("sgd/clipping_15")
    store(cell, gradient_mean={"norm": 0.0, "mean_abs": 0.0, quantity: norm})
    assert evidence.gradient_near(TABLE_3, cell.name, quantity, 30).word == word


#: A uniform predictor has 88 ln 2 = 61.0.
SLOW, WORSE, WORST, BACK = (60.0, 55.0), (40.0, 62.0), (90.0, 80.0), (40.0, 90.0, 45.0)


@pytest.mark.parametrize(
    ("losses", "status", "share"),
    [
        (SLOW, "completed", 0),  # worse than a unigram predictor's 50, but on its way
        (WORSE, "completed", 100),  # though its best is good
        (WORST, "completed", 100),  # though it is on its way down
        (BACK, "completed", 0),
        (BACK, "diverged", 100),
        ((None,), "diverged", 100),
    ],
)
def test_a_run_diverges_that_ends_worse_than_chance(evidence, store, losses, status, share):
    cell = load_config(TABLE_3).cell("sgd/clipping_15")
    store(cell, validation=losses, status=status, unigram=50.0)
    every, none = (REPRODUCED, NOT_REPRODUCED) if share else (NOT_REPRODUCED, REPRODUCED)
    verdict = evidence.all_diverge(TABLE_3, [cell.name])
    assert verdict == (every, f"diverged: {cell.name} {share} %")
    assert evidence.none_diverges(TABLE_3, [cell.name]).word == none
    two = [cell.name, "sgd/projection_0.2"]
    assert evidence.all_diverge(TABLE_3, two).word == (NOT_ENOUGH if share else NOT_REPRODUCED)
    assert evidence.none_diverges(TABLE_3, two).word == (NOT_REPRODUCED if share else NOT_ENOUGH)


@pytest.fixture
def with_curve(store):
    """Make a finished run of Table 3 with some values of one of its curves."""

    def make(name, key, values):
        path = store(load_config(TABLE_3).cell(name))
        result = json.loads(path.read_text())
        curve = result["curves"]["iterations"][key]
        curve[: len(values)] = values
        path.write_text(json.dumps(result))

    return make


PAIR = ("sgd/projection_0.2", "sgd/clipping_15")


@pytest.mark.parametrize(
    ("ours", "theirs", "word"),
    [(40.0, 90.0, REPRODUCED), (90.0, 90.0, NOT_REPRODUCED), (None, 90.0, NOT_REPRODUCED)],
)
def test_the_largest_norm_is_compared(evidence, with_curve, ours, theirs, word):
    for name, norm in zip(PAIR, (ours, theirs), strict=True):
        with_curve(name, "gradient_norm_max", [norm])
    assert evidence.largest_norm_lower(TABLE_3, [PAIR]).word == word


def test_a_gradient_that_ended_a_run_is_the_largest(evidence, store):
    ended = {"status": "diverged", "divergence": {"quantity": "gradient"}}
    for name, changes in zip(PAIR, (ended, {}), strict=True):
        store(load_config(TABLE_3).cell(name), **changes)
    assert evidence.largest_norm_lower(TABLE_3, [PAIR]).word == NOT_REPRODUCED


def test_pairs_that_lack_a_run_leave_the_largest_norm_undecided(evidence, with_curve):
    with_curve(PAIR[0], "gradient_norm_max", [1e9])
    assert evidence.largest_norm_lower(TABLE_3, [PAIR]).word == NOT_ENOUGH


@pytest.mark.parametrize(
    ("radius", "word"), [(0.95, REPRODUCED), (1.0, NOT_REPRODUCED), (None, NOT_REPRODUCED)]
)
def test_every_radius_of_every_layer_counts(evidence, with_curve, radius, word):
    with_curve(PAIR[0], "spectral_radius", [[0.9, radius]])
    assert evidence.radius_below(TABLE_3, [PAIR[0]], 1).word == word


def test_a_radius_of_one_cell_is_no_verdict_on_two(evidence, with_curve):
    with_curve(PAIR[0], "spectral_radius", [[0.9, 0.9]])
    assert (
        evidence.radius_below(TABLE_3, [PAIR[0], "adam_1e-3/projection_0.2"], 1).word == NOT_ENOUGH
    )


def test_time_measured_under_other_conditions_is_no_verdict(evidence, out):
    committed = json.loads((ROOT / "results" / "timing" / "timing.json").read_text())
    names = "sgd_1.1/projection_truncated", "sgd_1.1/clipping_5"

    def verdict(**changes):
        (out / "timing").mkdir(parents=True, exist_ok=True)
        (out / "timing" / "timing.json").write_text(json.dumps({**committed, **changes}))
        return evidence.no_slower("timing", *names).word

    assert verdict() != NOT_ENOUGH
    assert verdict(conditions_sha256=dict.fromkeys(names, "0" * 64)) == NOT_ENOUGH
    points = [{**p, "cells": {k: p["cells"][k] for k in names[:1]}} for p in committed["points"]]
    assert verdict(points=points) == NOT_ENOUGH
