"""A config of your own: what it may leave out, and the report that shows it."""

import pytest

from experiments.config.load import load_config

LANGUAGE = load_config("main_language").cell("sgd_1.1/clipping_5")
MUSIC = load_config("main_music").cell("sgd/clipping_15")


@pytest.fixture
def own(write_config):
    """Path of a config that says nothing but these settings."""

    def make(**settings):
        cell = {"set": {"method": "clipping", **settings}, "source": "assumption"}
        config = {"title": "Mine", "runs": 1, "conditions": {}}
        return write_config({**config, "cells": {"mine": {**cell, "published": None}}}, "mine.yaml")

    return make


@pytest.mark.parametrize("theirs", [LANGUAGE, MUSIC], ids=lambda cell: cell.config)
def test_what_is_left_out_is_as_in_the_main_experiment(own, theirs):
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


def test_the_report_shows_it_when_asked(own, call, out, store):
    path = own(task="language", dataset="synthetic", threshold=5)
    store(load_config(path).cell("mine"))
    assert call("report", "--out", out)[0] == 0
    assert "## Mine" not in (out / "README.md").read_text(encoding="utf-8")
    assert call("report", "--config", path, "--out", out)[0] == 0
    page = (out / "README.md").read_text(encoding="utf-8")
    assert "## Mine" in page and "`scripts/reproduce.sh mine.yaml`" in page
