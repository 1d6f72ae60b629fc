"""Conditions: what their digest tells apart, and what ``--set`` changes."""

import hashlib
import json

import pytest

from experiments.config.conditions import LATER, Conditions
from experiments.config.load import load_config
from experiments.config.schema import UNVERIFIED

BASE = load_config("main_music").cell("sgd/clipping_15").conditions.model_dump()
# A valid other value of each key that is no number to be doubled, with what has to go along.
OTHER = {
    "task": ("language", {"dataset": "synthetic", "batching": "stream"}),
    "dataset": ("synthetic", {}),
    "data_sha256": ("0" * 64, {"dataset": "tunes", "path": "a.mat"}),
    "batching": ("tunes", {}),
    "bptt_steps": (None, {"batching": "tunes"}),
    "padding": ("counted", {"batching": "tunes"}),
    "state": ("carried", {}),
    "validation": ("stream", {}),
    "input_std": (0.1, {}),
    "output_std": (0.1, {}),
    "loss_over_batch": ("sum", {}),
    "dropout": (0.25, {}),
    "dropout_after": (["gru"], {}),
    "initial_std": (0.1, {}),
    "output_bias": (False, {}),
    "loss": ("mean_over_steps", {}),
    "optimizer": ("adam", {}),
    "adam_beta1": (0.5, {}),
    "adam_beta2": (0.5, {}),
    "rmsprop_beta": (0.5, {}),
    "schedule": ("exponential", {}),
    "stop_patience": (50, {}),
    "method": ("elementwise_clipping", {}),
    "delta": (0.2, {"method": "projection", "threshold": None}),
    "projection": ("truncated", {}),
    "projected": ("all", {"method": "projection", "delta": 0.2, "threshold": None}),
    "spike_norm": (300.0, {"spike_divisor": 2.0}),
    "spike_divisor": (2.0, {"spike_norm": 300.0}),
}


@pytest.mark.parametrize("key", [k for k in Conditions.model_fields if k != "path"])
def test_any_changed_key_changes_the_digest(key):
    value, along = OTHER.get(key) or (BASE[key] * 2, {})
    changed = {**BASE, **along, key: value}
    assert changed[key] != BASE[key]
    assert Conditions(**changed).digest() != Conditions(**BASE).digest()


def test_where_data_lies_does_not_change_the_digest():
    paths = ({**BASE, "dataset": "tunes", "data_sha256": "0", "path": name} for name in "ab")
    assert len({Conditions(**settings).digest() for settings in paths}) == 1


def test_keys_that_came_later_leave_old_digests_alone():
    old = {key: value for key, value in BASE.items() if key not in LATER}
    text = json.dumps(old, sort_keys=True)
    assert Conditions(**old).digest() == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_keys_does_not_change_the_digest():
    turned = dict(reversed(BASE.items()))
    assert list(turned) != list(BASE)
    assert Conditions(**turned).digest() == Conditions(**BASE).digest()


def test_whole_numbers_and_floats_have_one_digest():
    assert Conditions(**{**BASE, "threshold": 15}).digest() == Conditions(**BASE).digest()


def test_a_default_given_in_full_does_not_change_the_digest():
    short = {key: value for key, value in BASE.items() if value is not None}
    assert len(short) < len(BASE)
    assert Conditions(**short).digest() == Conditions(**BASE).digest()


# Overrides


@pytest.mark.parametrize("cell", load_config("table3_music").cells.values())
def test_an_override_replaces_a_setting_and_says_so(cell):
    cell = cell.override(["epochs=2", "learning_rate=1e-3", "dropout_after=[gru]"])
    c = cell.conditions
    assert (c.epochs, c.learning_rate, c.dropout_after) == (2, 1e-3, ["gru"])
    assert cell.overrides == {"epochs": 2, "learning_rate": 1e-3, "dropout_after": ["gru"]}
    assert cell.sources["epochs"] == "command line"
    assert cell.sources["units"] == UNVERIFIED


def test_an_override_to_another_value_changes_the_digest():
    plain = load_config("demo").cell("sgd/clipping_20")
    assert plain.overrides == {}
    assert plain.override([]) == plain
    assert plain.override(["epochs=5"]).conditions.digest() == plain.conditions.digest()
    assert plain.override(["epochs=6"]).conditions.digest() != plain.conditions.digest()


def test_the_last_of_two_overrides_of_a_key_counts():
    cell = load_config("demo").cell("sgd/clipping_20").override(["epochs=6", "epochs=7"])
    assert cell.conditions.epochs == 7


def test_select_takes_shell_patterns():
    config = load_config("table1_language")
    assert [cell.name for cell in config.select("sgd_1.1/*")] == [
        "sgd_1.1/projection_0.2",
        "sgd_1.1/clipping_5",
    ]
    assert len(config.select("*")) == 18
