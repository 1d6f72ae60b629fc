"""Bad configs and overrides: one sentence that names file, key and what was expected."""

import copy
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from experiments.conditions import Conditions
from experiments.config import Config, ConfigError, load_config
from experiments.paths import CONFIGS
from grustab.errors import GrustabError

# What only a reader of the source could make sense of.
INTERNAL = ("_ConfigText", "_CellText", "instance of", "[key]", "pydantic", "NoneType", "dict[")


def _check_words(sentence):
    for word in INTERNAL:
        assert word not in sentence
    assert not sentence.endswith((".", " "))


@pytest.fixture
def refused_config(tiny_text, write_config, refused):
    """What ``list`` says about a tiny config that a function has spoilt."""

    def run(spoil):
        config = tiny_text()
        spoil(config)
        sentence = refused("list", write_config(config))
        _check_words(sentence)
        assert "tiny.yaml" in sentence
        return sentence

    return run


def _conditions(config):
    return config["conditions"]["assumption"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("units", "many", "integer"),
        ("units", 2.5, "integer"),
        ("units", True, "integer"),
        ("units", None, "integer"),
        ("units", 0, "greater than or equal to 1"),
        ("epochs", 0, "greater than or equal to 1"),
        ("epochs", -3, "greater than or equal to 1"),
        ("learning_rate", "fast", "number"),
        ("learning_rate", 0, "greater than 0"),
        ("learning_rate", -1.0, "greater than 0"),
        ("learning_rate", [1.0], "number"),
        ("dropout", 1, "less than 1"),
        ("dropout", -0.1, "greater than or equal to 0"),
        ("adam_beta2", 1.0, "less than 1"),
        ("output_bias", "yes", "boolean"),
        ("output_bias", 1, "boolean"),
        ("optimizer", "sdg", "'sgd', 'adam' or 'rmsprop'"),
        ("schedule", None, "'constant', 'exponential' or 'plateau'"),
        ("dropout_after", "gru", "list"),
        ("dropout_after", ["output"], "'input' or 'gru'"),
        ("decay_divisor", 1, "greater than 1"),
        ("monitor_interval", 0, "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(refused_config, key, value, expected):
    sentence = refused_config(lambda config: _conditions(config).update({key: value}))
    assert f"key '{key}" in sentence
    assert expected in sentence
    assert f"got {value!r}" in sentence or isinstance(value, list)


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"method": "projection", "delta": 2}, "delta", "less than 2"),
        ({"method": "projection", "delta": 0}, "delta", "greater than 0"),
        ({"method": "projection", "delta": "small"}, "delta", "number"),
        ({"method": "projection"}, "delta", "a number between 0 and 2"),
        ({"method": "clipping", "threshold": -1}, "threshold", "greater than 0"),
        ({"method": "clipping"}, "threshold", "a positive number"),
        ({"method": "elementwise_clipping"}, "threshold", "a positive number"),
        ({"method": "none", "delta": 0.2}, "delta", "'projection'"),
        ({"method": "clipping", "threshold": 5, "delta": 0.2}, "delta", "'projection'"),
        ({"method": "projection", "delta": 0.2, "threshold": 5}, "threshold", "clipping"),
        ({"method": "cliping", "threshold": 5}, "method", "'clipping'"),
        ({"schedule": "plateau"}, "schedule", "decay_divisor and decay_after"),
        ({"schedule": "exponential", "decay_after": 1}, "schedule", "decay_divisor"),
        ({"batching": "tunes"}, "batching", "'stream'"),
        ({"dataset": "nottingham"}, "dataset", "'language'"),
        ({"task": "music", "dataset": "ptb"}, "dataset", "'music'"),
    ],
)
def test_a_cell_with_impossible_settings_is_named(refused_config, changes, key, expected):
    def spoil(config):
        config["cells"] = {"bad/cell": {"set": {"method": "none"}, "published": None}}
        config["cells"]["bad/cell"]["set"].update(changes)

    sentence = refused_config(spoil)
    assert "bad/cell" in sentence
    assert key in sentence
    assert expected in sentence


@pytest.mark.parametrize("bad", ["unit", "learningrate", "Optimizer", "momentum"])
def test_an_unknown_setting_is_named(refused_config, bad):
    sentence = refused_config(lambda config: _conditions(config).update({bad: 1}))
    assert f"unknown key '{bad}'" in sentence
    assert ("did you mean" in sentence) == (bad != "momentum")


@pytest.mark.parametrize(
    ("bad", "meant"), [("titel", "title"), ("note", "notes"), ("cell", "cells")]
)
def test_an_unknown_key_of_the_file_gets_a_hint(refused_config, bad, meant):
    sentence = refused_config(lambda config: config.update({bad: "x"}))
    assert f"unknown key '{bad}', did you mean '{meant}'?" in sentence


@pytest.mark.parametrize("key", ["sorce", "publish"])
def test_an_unknown_key_of_a_cell_gets_a_hint_from_a_cells_keys(refused_config, key):
    sentence = refused_config(lambda config: config["cells"]["sgd/none"].update({key: None}))
    assert key in sentence
    assert "did you mean 'source'" in sentence or "did you mean 'published'" in sentence
    assert "title" not in sentence


@pytest.mark.parametrize("key", ["title", "runs", "conditions", "cells"])
def test_a_missing_key_of_the_file_is_named(refused_config, key):
    assert f"key '{key}' is missing" in refused_config(lambda config: config.pop(key))


@pytest.mark.parametrize("key", ["set", "published"])
def test_a_missing_key_of_a_cell_is_named(refused_config, key):
    sentence = refused_config(lambda config: config["cells"]["sgd/none"].pop(key))
    assert "sgd/none" in sentence
    assert f"{key}' is missing" in sentence


@pytest.mark.parametrize("key", ["task", "units", "learning_rate", "projection"])
def test_a_missing_setting_is_named(refused_config, key):
    assert f"key '{key}' is missing" in refused_config(lambda c: _conditions(c).pop(key))


def test_a_setting_under_two_sources_names_both(refused_config):
    sentence = refused_config(lambda config: config["conditions"].update(stated={"units": 8}))
    assert "key 'units' stands under both 'assumption' and 'stated'" in sentence


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("runs", 0, "greater than or equal to 1"),
        ("runs", "ten", "integer"),
        ("title", 3, "string"),
        ("notes", "one", "list"),
        ("report", "speed", "'validation' or 'seconds_per_iteration'"),
        ("cells", {}, "at least 1"),
        ("cells", [], "dictionary"),
        ("conditions", "all", "dictionary"),
        ("conditions", {"assumption": None}, "dictionary"),
        ("conditions", {"a guess": {}}, "stated, main paper (unverified), assumption"),
    ],
)
def test_a_wrong_key_of_the_file_is_named(refused_config, key, value, expected):
    sentence = refused_config(lambda config: config.update({key: value}))
    assert f"key '{key}" in sentence
    assert expected in sentence


@pytest.mark.parametrize("name", ["", "../up", "/root", "a//b", "a b", "sgd/", ".", "a/../b", "*"])
def test_cell_names_that_are_no_folders_are_refused(refused_config, name):
    def spoil(config):
        config["cells"][name] = config["cells"].pop("sgd/none")

    sentence = refused_config(spoil)
    assert "cells" in sentence


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("table", "one"),
        ("value", "116.7"),
        ("printed", 116.7),
        ("success_rate", "all"),
        ("page", 3),
    ],
)
def test_a_wrong_published_number_is_named(refused_config, key, value):
    published = {"table": 1, "column": "a", "row": "b", "printed": "1.0", "value": 1.0, key: value}
    sentence = refused_config(
        lambda config: config["cells"]["sgd/none"].update(published=published)
    )
    assert "sgd/none" in sentence
    assert f"published.{key}" in sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: [unclosed\n", "not valid YAML"),
        ("title: a\n  runs: 1\n", "line 2"),
        ("title: a\ntitle: b\n", "title"),
        ("\tx: 1\n", "not valid YAML"),
        ("title: !!python/object:os.system x\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("title: *nowhere\n", "not valid YAML"),
        ("{[1, 2]: 3}\n", ""),
        ("- a\n- b\n", ""),
        ("just words\n", ""),
        ("3\n", ""),
        ("", ""),
        ("# nothing but a comment\n", ""),
        ("null\n", ""),
        (b"\x00\x01\x02\xff\xfe", "not valid YAML"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not valid YAML"),
        (b"title: caf\xe9\n", "not valid YAML"),
        ("title: !!int x\n", "not valid YAML"),
        ("title: !!timestamp 2020-99-99\n", "not valid YAML"),
        ("title: " + "[" * 3000 + "]" * 3000, "not valid YAML"),
        ("runs: " + "9" * 5000 + "\n", "not valid YAML"),
    ],
    ids=lambda text: str(text)[:25],
)
def test_a_file_that_is_no_config_is_one_sentence(write_config, refused, text, expected):
    sentence = refused("list", write_config(text))
    _check_words(sentence)
    assert "tiny.yaml" in sentence
    assert expected in sentence


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "null\n"])
def test_what_is_no_mapping_is_told_what_was_expected(write_config, refused, text):
    sentence = refused("list", write_config(text))
    assert "mapping" in sentence or "keys" in sentence


def test_a_duplicate_setting_is_named(tiny_text, write_config, refused):
    text = json.dumps(tiny_text(), indent=1).replace('"units": 8', '"units": 8,\n"units": 16')
    sentence = refused("list", write_config(text))
    assert 'duplicate key "units"' in sentence
    assert "line" in sentence


def test_a_directory_is_no_config(tmp_path, refused):
    (tmp_path / "folder.yaml").mkdir()
    assert "folder.yaml" in refused("list", tmp_path / "folder.yaml")


@pytest.mark.parametrize(
    "words", [("list",), ("run", "--cell", "sgd/none"), ("table",)], ids=lambda w: w[0]
)
def test_every_command_refuses_a_bad_config(tiny_text, write_config, refused, words):
    config = tiny_text(units=-1)
    assert "key 'units'" in refused(words[0], write_config(config), *words[1:])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("table3", "table3_music"),
        ("table1_languge", "table1_language"),
        ("dmeo", "demo"),
        ("table2_language_lr0", "table2_language_lr0.1"),
    ],
)
def test_an_unknown_config_gets_a_hint(refused, name, hint):
    assert refused("list", name) == f"there is no config '{name}', did you mean '{hint}'?"


@pytest.mark.parametrize("name", ["zzz", "/nowhere/a.yaml", "x" * 300, "x" * 300 + ".yaml"])
def test_an_unknown_config_is_told_which_there_are(name, call):
    code, _, err = call("list", name)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert name in err


def test_an_unknown_cell_gets_a_hint(refused):
    sentence = refused("run", "table1_language", "--cell", "sgd_1.1/cliping_5")
    assert sentence == (
        "config table1_language has no cell 'sgd_1.1/cliping_5', did you mean 'sgd_1.1/clipping_5'?"
    )


@pytest.mark.parametrize("command", ["list", "table"])
def test_cells_that_match_nothing_are_told(refused, command):
    sentence = refused(command, "demo", "--cells", "zzz*")
    assert "config demo has no cell 'zzz*'" in sentence
    assert "sgd/clipping_20, sgd/clipping_5, sgd/projection_0.2" in sentence


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("epochs", "expected key=value"),
        ("=3", "expected key=value"),
        ("", "expected key=value"),
        ("epoch=3", "did you mean 'epochs'?"),
        ("cells=3", "unknown key"),
        ("epochs=many", "integer"),
        ("epochs=0", "greater than or equal to 1"),
        ("epochs=", "integer"),
        ("epochs=2.0", "integer"),
        ("epochs='2'", "integer"),
        ("dropout=1", "less than 1"),
        ("learning_rate=.nan", "finite"),
        ("learning_rate=.inf", "finite"),
        ("learning_rate=1e400", "finite"),
        ("dropout_after=gru", "list"),
        ("delta=0.2", "'clipping'"),
        ("threshold=null", "threshold"),
        ("method=none", "threshold"),
        ("task=music", "'music'"),
        ("decay_after=null", "decay_divisor and decay_after"),
        ("epochs=[1", "not valid YAML"),
        ("epochs={", "not valid YAML"),
        ("epochs=!!int x", "not valid YAML"),
        ("epochs=!!timestamp 2020-99-99", "not valid YAML"),
        ("epochs=@2", "not valid YAML"),
        ("epochs=\x00", "not valid YAML"),
        ("epochs=" + "9" * 5000, "not valid YAML"),
        ("epochs=2020-99-99", "not valid YAML"),
    ],
    ids=lambda text: text[:25],
)
@pytest.mark.parametrize("command", ["list", "run", "table"])
def test_a_bad_override_is_one_sentence(call, command, given, expected):
    words = ["--cell", "sgd_1.1/clipping_5"] if command == "run" else ["--cells", "*/clipping_5"]
    code, _, err = call(command, "main_language", *words, "--set", given)
    assert code == 2
    shown = given.replace("\0", r"\x00")  # nothing that moves a terminal's cursor
    assert err.startswith(f"error: --set {shown}: ")
    assert err.count("\n") == 1
    assert expected in err
    _check_words(err.rstrip("\n"))


def test_of_several_overrides_the_bad_one_is_named(refused):
    sentence = refused("list", "demo", "--set", "units=8", "epochs=0", "--set", "dropout=0.5")
    assert "key 'epochs'" in sentence


# Whatever stands in a file: a config or a ConfigError.

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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutated.yaml")
        path.write_text(json.dumps(data), encoding="utf-8")
        _check(path)


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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "damaged.yaml")
        path.write_bytes(text[:start] + middle + text[end:])
        _check(path)


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


def _check(path):
    try:
        config = load_config(str(path))
    except ConfigError as error:
        assert str(path.name) in str(error)
        assert "\n" not in str(error)
    else:
        assert isinstance(config, Config)
