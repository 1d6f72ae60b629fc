"""Conditions: their digest, ``--set``, what your own may leave out, and whatever may be said."""

import copy
import hashlib
import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from experiments.config.conditions import FIRST, Conditions
from experiments.config.load import Config, load_config
from experiments.config.schema import UNVERIFIED, ConfigError
from experiments.figures.style import method_label
from experiments.system.paths import CONFIGS, shown
from grustab.errors import GrustabError

CELL = load_config("main_music").cell("sgd/clipping_15")
BASE = CELL.conditions.model_dump()
VALID = {
    name: YAML(typ="safe", pure=True).load((CONFIGS / f"{name}.yaml").read_text("utf-8"))
    for name in ("demo", "timing", "table4_elementwise")
}
DEMO = load_config("demo").cell("sgd/clipping_20")
KEYS = st.text(max_size=5) | st.sampled_from(sorted(Conditions.model_fields))
WORDS = st.sampled_from(["naive", "ptb", "stated", "music", "tunes", "1e-3", "sgd"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
MANY = settings(max_examples=150)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_every_key_tells_in_the_digest_but_where_data_lies():
    digests = {key: Conditions.model_construct(**{**BASE, key: "x"}).digest() for key in BASE}
    assert digests.pop("path") == CELL.conditions.digest()
    assert len({*digests.values(), CELL.conditions.digest()}) == len(BASE)


def test_keys_that_came_later_leave_old_digests_alone():
    fields = Conditions.model_fields.items()
    later = {key for key, field in fields if not field.is_required()} - {*FIRST}
    assert "path" in later and "delta" not in later
    old = {key: value for key, value in BASE.items() if key not in later}
    text = json.dumps(old, sort_keys=True)
    short = {key: value for key, value in old.items() if value is not None} | {"threshold": 15}
    assert Conditions(**short).digest() == hashlib.sha256(text.encode()).hexdigest()


def test_an_override_replaces_a_setting_and_says_so():
    words = ["epochs=2", "epochs=3", "learning_rate=1e-3", "dropout_after=[gru]"]
    expected = {"epochs": 3, "learning_rate": 1e-3, "dropout_after": ["gru"]}
    cell = CELL.override(words)
    assert {key: getattr(cell.conditions, key) for key in expected} == cell.overrides == expected
    assert {cell.sources[key] for key in expected} == {"command line"}
    assert cell.sources["units"] == UNVERIFIED


@pytest.mark.parametrize("words", [[], [f"epochs={CELL.conditions.epochs}"]], ids=str)
def test_an_override_by_what_stands_there_is_none(words):
    assert CELL.override(words) == CELL


def test_an_override_of_the_optimizer_needs_a_rate():
    with pytest.raises(ConfigError, match="key 'learning_rate' is missing"):
        CELL.override(["optimizer=adam"])


@pytest.fixture
def own(write_config):
    """Path of a config that says nothing but these settings."""

    def make(published=None, names=("mine",), **said):
        conditions = {"method": "clipping", **said}
        cell = {"set": conditions, "source": "assumption", "published": published}
        cells = dict.fromkeys(names, cell)
        config = {"title": "Mine", "runs": 2, "conditions": {}, "cells": cells}
        return write_config(config, "mine.yaml")

    return make


@pytest.mark.parametrize("name", ["language", "music"])
def test_what_is_left_out_is_as_in_the_main_experiment(own, name):
    theirs, *_ = load_config(f"main_{name}").select("*/clipping*")
    c = theirs.conditions
    cell = load_config(own(task=c.task, threshold=c.threshold)).cell("mine")
    assert cell.conditions.digest() == theirs.conditions.digest()
    assert cell.sources["units"] == theirs.sources["units"] != cell.sources["task"] == "assumption"


@pytest.mark.parametrize(("said", "expected"), [
    ({"optimizer": "adam"}, "key 'learning_rate' is missing"),  # SGD's would not do
    ({"schedule": "plateau"}, "needs decay_divisor and decay_after"),
    ({"task": "poetry"}, "key 'task'"),
], ids=str)  # fmt: skip
def test_settings_that_go_together_are_not_taken_apart(own, refused, said, expected):
    path = own(**{"task": "language", "threshold": 5, **said})
    assert expected in refused("list", path)


def test_a_constant_rate_takes_no_key_of_another_schedule(own):
    path = own(task="music", threshold=15, schedule="constant")
    c = load_config(path).cell("mine").conditions
    assert (c.decay_divisor, c.decay_after, c.min_learning_rate) == (None, None, None)


P_DELTA = ["method=projection", "delta=0.2"]


@pytest.mark.parametrize("threshold", [None, 5.0])
def test_clipping_goes_with_a_projection_only_where_both_are_said(threshold):
    with pytest.raises(ConfigError, match="threshold 15 would clip"):
        CELL.override(P_DELTA)
    cell = CELL.override([*P_DELTA, f"threshold={threshold or 'null'}"])
    assert cell.override(["epochs=2"]).conditions.threshold == threshold
    if threshold is None:
        with pytest.raises(ConfigError, match="threshold 5 would clip"):
            cell.override(["threshold=5"])
    label = method_label(load_config("main_music")._replace(cells={"a": cell}), "a")
    assert ("clipping at 5" in label) == (threshold is not None)


def test_a_threshold_for_all_cells_is_none_for_a_projection(tiny_text, write_config, refused):
    text = tiny_text(threshold=15)
    text["cells"] = {"a": {**text["cells"]["sgd/projection_0.2"]}}
    assert "cell 'a': threshold 15 would clip" in refused("list", write_config(text))


#: Of a published value of 4: a cell's verdict, and the losses of its two runs.
VERDICTS = [
    ("undecided", [3.9, 4.0]),
    ("reproduced", [3.9, 3.9]),
    ("not reproduced", [1.9, 1.9]),
    ("so far as claimed", [3.9]),
    ("so far otherwise", [1.9]),
    ("not reproduced", [9.0, 9.0]),  # no success
    ("not enough runs", []),
]


def test_report_and_claims_show_it_when_asked(own, call, out, store):
    published = {"table": 7, "column": "c", "row": "r", "printed": "54.6", "value": math.exp(4)}
    names = [f"mine{number}" for number in range(len(VERDICTS))]
    path = own(published, names, task="language", dataset="synthetic", threshold=5)
    for name, (_, losses) in zip(names, VERDICTS, strict=True):
        for seed, loss in enumerate(losses):
            store((path, name), seed, validation=(loss, loss))
    for command, page, heading in (
        ("report", "README.md", "## Mine"),
        ("claims", "claims.md", "### Published: Mine"),
    ):
        assert call(command, "--out", out)[0] == 0
        assert "Mine" not in (out / page).read_text(encoding="utf-8")
        words = ("demo", path, path)
        assert call(command, *words, "--out", out)[0] == 0
        lines = (out / page).read_text(encoding="utf-8").splitlines()
        assert [lines.count(line) for line in (heading, '<a id="demo"></a>')] in ([1, 1], [1, 0])
        text = " ".join(" ".join(lines).split())
        for name, (verdict, _) in zip(names, VERDICTS, strict=True):
            assert f"- **{verdict}** (Table 7, c, r): `{name}` comes within 10 % of 54.6. " in text
        assert any(line.endswith(f"{path} --out {shown(out)}`.") for line in lines)  # to repeat it


def _places(node):
    """Every dict or list in a tree with each of its keys."""
    for key, child in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(child, (dict, list)):
            yield from _places(child)


@st.composite
def mutated_configs(draw):
    """A config of the package with one to three places replaced, removed or added to."""
    tree = [copy.deepcopy(VALID[draw(st.sampled_from(sorted(VALID)))])]
    for _ in range(draw(st.integers(1, 3))):
        parent, key = draw(st.sampled_from(list(_places(tree))))
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace" or parent is tree:
            parent[key] = draw(VALUES)
        elif action == "remove":
            del parent[key]
        elif isinstance(parent, dict):
            parent[draw(KEYS)] = draw(VALUES)
    return tree[0]


@MANY
@given(mutated_configs())
def test_a_mutated_config_is_valid_or_refused(data):
    _check(json.dumps(data).encode())


@settings(max_examples=60)  # ruamel's pure reader is slow
@given(st.data())
def test_a_damaged_text_is_valid_or_refused(data):
    text = (CONFIGS / "demo.yaml").read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    signs = st.text("!&*?|>%@`{}[],:#-'\"\t\n 0<", max_size=5).map(str.encode)
    _check(text[:start] + data.draw(st.binary(max_size=5) | signs) + text[end:])


@MANY
@given(st.sampled_from(sorted(Conditions.model_fields)), st.text(max_size=12) | VALUES)
def test_any_override_is_valid_or_refused(key, value):
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        assert isinstance(DEMO.override([f"{key}={text}"]).conditions, Conditions)
    except GrustabError as error:
        assert isinstance(error, ConfigError)
        assert "\n" not in str(error) or "\n" in text


def _check(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoilt.yaml")
        path.write_bytes(content)
        try:
            assert isinstance(load_config(str(path)), Config)
        except ConfigError as error:
            assert path.name in str(error)
            assert "\n" not in str(error)
