"""Whatever stands in a config or an override: it is valid, or a ConfigError of one line."""

import copy
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from experiments.config.conditions import Conditions
from experiments.config.load import Config, load_config
from experiments.config.schema import ConfigError
from experiments.system.paths import CONFIGS
from grustab.errors import GrustabError

VALID = {
    name: YAML(typ="safe", pure=True).load((CONFIGS / f"{name}.yaml").read_text("utf-8"))
    for name in ("demo", "timing", "table4_elementwise")
}
CELL = load_config("demo").cell("sgd/clipping_20")
KEYS = st.text(max_size=5) | st.sampled_from(sorted(Conditions.model_fields))
WORDS = st.sampled_from(["naive", "ptb", "stated", "music", "tunes", "1e-3", "sgd"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


@SLOW
@given(mutated_configs())
def test_a_mutated_config_is_valid_or_refused(data):
    _check(json.dumps(data).encode())


@settings(SLOW, max_examples=60)  # ruamel's pure reader is slow
@given(st.data())
def test_a_damaged_text_is_valid_or_refused(data):
    text = (CONFIGS / "demo.yaml").read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    signs = st.text("!&*?|>%@`{}[],:#-'\"\t\n 0<", max_size=5).map(str.encode)
    _check(text[:start] + data.draw(st.binary(max_size=5) | signs) + text[end:])


@SLOW
@given(st.sampled_from(sorted(Conditions.model_fields)), st.text(max_size=12) | VALUES)
def test_any_override_is_valid_or_refused(key, value):
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        assert isinstance(CELL.override([f"{key}={text}"]).conditions, Conditions)
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
