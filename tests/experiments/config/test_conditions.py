"""Conditions: what their digest tells apart, and what ``--set`` changes."""

import hashlib
import json

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
