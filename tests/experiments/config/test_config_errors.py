"""Bad settings in a config: one sentence that names file, key and what was expected."""

import pytest

from tests.experiments.checks import check_words


@pytest.fixture
def refused_config(tiny_text, write_config, refused):
    """What ``list`` says about a tiny config that a function has spoilt."""

    def run(spoil):
        config = tiny_text()
        spoil(config)
        sentence = refused("list", write_config(config))
        check_words(sentence)
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
        ("layers", 1001, "less than or equal to 1000"),
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
        ({"bptt_steps": None}, "bptt_steps", "'tunes'"),
        ({"padding": "counted"}, "padding", "'tunes'"),
        ({"validation": "stream"}, "validation", "'music'"),
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


def _published(**changes):
    given = {"table": 1, "column": "a", "row": "b", "printed": "1.0", "value": 1.0} | changes
    return {key: value for key, value in given.items() if value != ...}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        # An unknown key comes first, as it may explain what is missing.
        (lambda c: _rename(_conditions(c), "units", "unitz"), "'unitz', did you mean 'units'"),
        (lambda c: _rename(c, "title", "titel"), "'titel', did you mean 'title'"),
        (
            lambda c: _rename(c["cells"]["sgd/none"], "set", "sets"),
            "'cells.sgd/none.sets', did you mean 'set'",
        ),
        (
            lambda c: c["cells"]["sgd/none"].update(set={"metod": "none"}),
            "cell 'sgd/none': unknown key 'metod', did you mean 'method'",
        ),
        (
            lambda c: c["cells"]["sgd/none"].update(published=_published(printed=..., print="1")),
            "published.print', did you mean 'printed'",
        ),
        (lambda c: c.update(runs=0, titel=c.pop("title")), "unknown key 'titel'"),
        (lambda c: _rename(c["conditions"], "assumption", "asumption"), "'asumption' cannot"),
        # Then a wrong value, then what is missing; in the file's order.
        (lambda c: (c.pop("title"), c.update(runs=0)), "key 'runs'"),
        (lambda c: _conditions(c).update({"learning_rate": -1, "units": 0}), "key 'units'"),
        (lambda c: _conditions(c).update(units=0, method=_conditions(c).pop("task")), "'units'"),
    ],
)
def test_of_several_mistakes_the_most_helpful_is_named(refused_config, spoil, said):
    assert said in refused_config(spoil)


def _rename(mapping, old, new):
    mapping[new] = mapping.pop(old)


@pytest.mark.parametrize("bad", ["\x1b[2J", "\0", "\x9b", "\ud800", "\u202e", "\r"])
@pytest.mark.parametrize("where", ["title", "notes", "published", "units", "unitz"])
def test_control_characters_are_neither_taken_nor_printed(refused_config, bad, where):
    def spoil(config):
        if where == "published":
            config["cells"]["sgd/none"]["published"] = _published(note=bad)
        elif where.startswith("unit"):
            key = "units" if where == "units" else f"units{bad}"
            _conditions(config)[key] = bad
        else:
            config[where] = [bad] if where == "notes" else bad

    sentence = refused_config(spoil)
    assert sentence.isprintable()
    assert where in sentence or where == "unitz"


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
        ("table", 0),
        ("table", 10**30),
        ("success_rate", 100.1),
        ("value", "116.7"),
        ("printed", 116.7),
        ("success_rate", "all"),
        ("page", 3),
    ],
)
def test_a_wrong_published_number_is_named(refused_config, key, value):
    published = _published(**{key: value})
    sentence = refused_config(
        lambda config: config["cells"]["sgd/none"].update(published=published)
    )
    assert "sgd/none" in sentence
    assert f"published.{key}" in sentence
