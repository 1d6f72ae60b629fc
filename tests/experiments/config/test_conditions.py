"""Conditions: what tells in their digest, what ``--set`` changes, what your own may leave out."""

import hashlib
import json
import math

import pytest

from experiments.config.conditions import LATER, Conditions
from experiments.config.load import load_config
from experiments.config.schema import UNVERIFIED

CELL = load_config("main_music").cell("sgd/clipping_15")
BASE = CELL.conditions.model_dump()


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_every_key_tells_in_the_digest_but_where_data_lies():
    digests = {key: Conditions.model_construct(**{**BASE, key: "x"}).digest() for key in BASE}
    assert digests.pop("path") == CELL.conditions.digest()
    assert len({*digests.values(), CELL.conditions.digest()}) == len(BASE)


def test_keys_that_came_later_leave_old_digests_alone():
    old = {key: value for key, value in BASE.items() if key not in LATER}
    text = json.dumps(old, sort_keys=True)
    short = {key: value for key, value in old.items() if value is not None} | {"threshold": 15}
    assert Conditions(**short).digest() == hashlib.sha256(text.encode()).hexdigest()


def test_an_override_replaces_a_setting_and_says_so():
    words = ["epochs=2", "epochs=3", "learning_rate=1e-3", "dropout_after=[gru]"]
    given = {"epochs": 3, "learning_rate": 1e-3, "dropout_after": ["gru"]}
    cell = CELL.override(words)
    assert {key: getattr(cell.conditions, key) for key in given} == cell.overrides == given
    assert {cell.sources[key] for key in given} == {"command line"}
    assert cell.sources["units"] == UNVERIFIED


@pytest.mark.parametrize("words", [[], [f"epochs={CELL.conditions.epochs}"]], ids=str)
def test_an_override_by_what_stands_there_is_none(words):
    assert CELL.override(words) == CELL


def test_select_takes_shell_patterns():
    config = load_config("table1_language")
    names = [cell.name for cell in config.select("sgd_1.1/*")]
    assert names == ["sgd_1.1/projection_0.2", "sgd_1.1/clipping_5"]
    assert len(config.select("*")) == 18


@pytest.fixture
def own(write_config):
    """Path of a config that says nothing but these settings."""

    def make(published=None, **settings):
        conditions = {"method": "clipping", **settings}
        cell = {"set": conditions, "source": "assumption", "published": published}
        config = {"title": "Mine", "runs": 2, "conditions": {}, "cells": {"mine": cell}}
        return write_config(config, "mine.yaml")

    return make


@pytest.mark.parametrize("name", ["language", "music"])
def test_what_is_left_out_is_as_in_the_main_experiment(own, name):
    theirs, *_ = load_config(f"main_{name}").select("*/clipping*")
    c = theirs.conditions
    cell = load_config(own(task=c.task, threshold=c.threshold)).cell("mine")
    assert cell.conditions.digest() == theirs.conditions.digest()
    assert cell.sources["units"] == theirs.sources["units"] != cell.sources["task"] == "assumption"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"optimizer": "adam"}, "key 'learning_rate' is missing"),  # SGD's would not do
        ({"schedule": "plateau"}, "needs decay_divisor and decay_after"),
        ({"task": "poetry"}, "key 'task'"),
    ],
    ids=str,
)
def test_settings_that_go_together_are_not_taken_apart(own, refused, settings, expected):
    path = own(**{"task": "language", "threshold": 5, **settings})
    assert expected in refused("list", path)


def test_a_constant_rate_takes_no_key_of_another_schedule(own):
    path = own(task="music", threshold=15, schedule="constant")
    c = load_config(path).cell("mine").conditions
    assert (c.decay_divisor, c.decay_after, c.min_learning_rate) == (None, None, None)


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ([3.9, 4.0], "undecided"),
        ([3.9, 3.9], "reproduced"),
        ([1.9, 1.9], "not reproduced"),
        ([3.9], "so far as claimed"),
        ([9.0, 9.0], "not reproduced"),  # no success
        ([], "not enough runs"),
    ],
    ids=str,
)
def test_report_and_claims_show_it_when_asked(own, call, out, store, losses, verdict):
    published = {"table": 7, "column": "c", "row": "r", "printed": "54.6", "value": math.exp(4)}
    path = own(published, task="language", dataset="synthetic", threshold=5)
    for seed, loss in enumerate(losses):
        store((path, "mine"), seed, validation=(loss, loss))
    for command, page, heading in (
        ("report", "README.md", "## Mine"),
        ("claims", "claims.md", "### Published: Mine"),
    ):
        assert call(command, "--out", out)[0] == 0
        assert "Mine" not in (out / page).read_text(encoding="utf-8")
        assert call(command, "--config", path, "--out", out)[0] == 0
        lines = (out / page).read_text(encoding="utf-8").splitlines()
        assert heading in lines
        (row,) = (line for line in lines if line.startswith("| `mine` comes within 10 % of 54.6."))
        assert [cell.strip() for cell in row.split("|")[2:4]] == ["Table 7, c, r", verdict]
        assert any(line.endswith(f"{path}`.") for line in lines)  # how to repeat it, from here
