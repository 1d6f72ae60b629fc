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
KEYS = st.one_of(st.text(max_size=5), st.sampled_from(sorted(Conditions.model_fields)))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["naive", "ptb", "stated", "music", "tunes", "1e-3", "sgd"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=5,
)


def _places(node, path=()):
    """Every place in a tree of dicts and lists."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        if isinstance(child, (dict, list)):
            yield from _places(child, (*path, key))
        else:
            yield (*path, key)


@st.composite
def mutated_configs(draw):
    """A config of the package with one to three places replaced, removed or added to."""
    tree = {"root": copy.deepcopy(VALID[draw(st.sampled_from(sorted(VALID)))])}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([p for p in _places(tree) if p]))
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace" or path == ("root",):
            parent[path[-1]] = draw(VALUES)
        elif action == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[draw(KEYS)] = draw(VALUES)
        if not isinstance(tree["root"], (dict, list)):
            break
    return tree["root"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated_configs())
def test_a_mutated_config_is_valid_or_refused(data):
    _check(json.dumps(data).encode())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_text_is_valid_or_refused(data):
    # The head of a file: ruamel's pure reader is slow.
    text = (CONFIGS / "demo.yaml").read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    middle = data.draw(
        st.one_of(st.binary(max_size=5), st.text("!&*?|>%@`{}[],:#-'\"\t\n 0<", max_size=5))
    )
    middle = middle.encode() if isinstance(middle, str) else middle
    _check(text[:start] + middle + text[end:])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(Conditions.model_fields)), st.one_of(st.text(max_size=12), VALUES))
def test_any_override_is_valid_or_refused(key, value):
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        changed = CELL.override([f"{key}={text}"])
    except GrustabError as error:
        assert isinstance(error, ConfigError)
        assert "\n" not in str(error) or "\n" in text
    else:
        assert isinstance(changed.conditions, Conditions)


def _check(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoilt.yaml")
        path.write_bytes(content)
        try:
            assert isinstance(load_config(str(path)), Config)
        except ConfigError as error:
            assert path.name in str(error)
            assert "\n" not in str(error)
