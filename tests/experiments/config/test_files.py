"""What stands in a config: it is read, or refused with one sentence that names file and key."""

import shutil
from pathlib import Path

import pytest

from experiments.config.load import load_config, load_configs
from experiments.config.schema import ConfigError
from experiments.system.paths import CONFIGS
from tests.experiments.checks import check_words
from tests.experiments.conftest import MUSIC

GONE = "<this key is missing>"


def top(**changes):
    return (), changes


def setting(**changes):
    return ("conditions", "assumption"), changes


def bad_cell(**changes):
    settings = {"method": "none", **changes}
    return ("cells",), {"bad/cell": {"set": settings, "source": "assumption", "published": None}}


def cell(**changes):
    return ("cells", "sgd/none"), changes


def published(**changes):
    given = {"table": 1, "column": "a", "row": "b", "printed": "1.0", "value": 1.0, **changes}
    return cell(published={key: value for key, value in given.items() if value != GONE})


def wrong(where, key, value, expected):
    got = [] if isinstance(value, (list, dict)) else [f"got {value!r}"]
    return where(**{key: value}), f"key '{key}", expected, *got


#: What is changed in a valid config, and the words of the sentence.
MISTAKES = [
    *(wrong(setting, *case) for case in [
        ("units", "many", "integer"),
        ("units", True, "integer"),
        ("units", None, "integer"),
        ("units", 0, "greater than or equal to 1"),
        ("layers", 1001, "less than or equal to 1000"),
        ("learning_rate", 0, "greater than 0"),
        ("learning_rate", [1.0], "number"),
        ("dropout", 1, "less than 1"),
        ("dropout", -0.1, "greater than or equal to 0"),
        ("output_bias", "yes", "boolean"),
        ("optimizer", "sdg", "'sgd', 'adam' or 'rmsprop'"),
        ("dropout_after", "gru", "list"),
        ("dropout_after", ["output"], "'input' or 'gru'"),
        ("decay_divisor", 1, "greater than 1"),
    ]),
    *(wrong(top, *case) for case in [
        ("runs", 0, "greater than or equal to 1"),
        ("title", 3, "string"),
        ("report", "speed", "'validation' or 'seconds_per_iteration'"),
        ("cells", {}, "at least 1"),
        ("cells", [], "dictionary"),
        ("conditions", {"assumption": None}, "dictionary"),
        ("compare", "sgd/none", "list"),
        ("conditions", {"a guess": {}}, "stated, main paper (unverified), assumption"),
    ]),
    *((bad_cell(**changes), "bad/cell", key, expected) for changes, key, expected in [
        ({"method": "projection", "delta": 2}, "delta", "less than 2"),
        ({"method": "projection", "delta": 0}, "delta", "greater than 0"),
        ({"method": "projection"}, "delta", "a number between 0 and 2"),
        ({"method": "clipping", "threshold": -1}, "threshold", "greater than 0"),
        ({"method": "elementwise_clipping"}, "threshold", "a positive number"),
        ({"method": "none", "delta": 0.2}, "delta", "'projection'"),
        ({"method": "none", "threshold": 5}, "threshold", "'none'"),
        ({"schedule": "plateau"}, "schedule", "decay_divisor and decay_after"),
        ({"schedule": "exponential", "decay_after": 1}, "schedule", "decay_divisor"),
        ({"schedule": "constant", "decay_divisor": 2.0}, "decay_divisor", "do not belong"),
        ({"min_learning_rate": 0.6}, "min_learning_rate", "end before it begins"),
        ({"batching": "tunes"}, "batching", "'stream'"),
        ({"bptt_steps": None}, "bptt_steps", "'tunes'"),
        ({"spike_norm": 300}, "spike_divisor", "belong together"),
        ({"projected": "all"}, "projected", "'projection'"),
        ({"padding": "counted"}, "padding", "'tunes'"),
        ({"validation": "stream"}, "validation", "'music'"),
        ({"dataset": "nottingham"}, "dataset", "'language'"),
        ({"task": "music", "dataset": "ptb"}, "dataset", "'music'"),
    ]),
    *((published(**{key: value}), "sgd/none", f"published.{key}") for key, value in [
        ("table", 10**30), ("success_rate", 100.1), ("value", 0), ("printed", 116.7), ("page", 3),
    ]),
    *((top(**{key: GONE}), f"key '{key}' is missing") for key in ("title", "runs", "cells")),
    *((setting(**{key: GONE}), f"key '{key}' is missing") for key in ("task", "learning_rate")),
    *((cell(**{key: GONE}), "sgd/none", f"{key}' is missing") for key in ("set", "published")),
    (cell(published=None, source=GONE), "sgd/none", "published null needs source"),
    *(((("cells",), {name: {}}), "cells") for name in (
        "", "../up", "/root", "a//b", "a b", "sgd/", ".", "a/../b", "*"
    )),
    (top(titel="x"), "unknown key 'titel', did you mean 'title'?"),
    (top(compare=[["sgd/none"]]), "key 'compare.0'", "at least 2"),
    (top(compare=[["sgd/none", "sgd/non"]]), "key 'compare'", "'sgd/non', did you mean 'sgd/none'"),
    (top(compare=[["sgd/none"] * 2]), "key 'compare'", "two cells, got 'sgd/none' twice"),
    (top(compare=[["sgd/none", "sgd/clipping_5"]], report="seconds_per_iteration"),
     "'compare' needs report: validation"),
    # A key in a place that is another's.
    (top(units=32), "unknown key 'units', it belongs under 'conditions' or in a cell's 'set'"),
    (setting(runs=3), "unknown key 'runs', it belongs at the top of the file"),
    (cell(set={"method": "none", "published": None}), "'published', it belongs in a cell"),
    (top(set={}), "unknown key 'set', it belongs in a cell"),
    (cell(printed="1"), "printed', it belongs in a cell's 'published'"),
    (setting(Optimizer=1), "unknown key 'Optimizer', did you mean 'optimizer'"),
    (setting(momentum=1), "conditions: unknown key 'momentum'"),
    (cell(publish=None), "publish", "did you mean 'published'"),  # one of a cell's keys
    ((("conditions",), {"stated": {"units": 8}}),
     "key 'units' stands under both 'assumption' and 'stated'"),
    (cell(set={"method": "none", **MUSIC}), "expected the same task for all cells"),
    # Of several an unknown key comes first, as it may explain what is missing.
    (setting(units=GONE, unitz=8), "'unitz', did you mean 'units'"),
    (cell(set={"metod": "none"}), "cell 'sgd/none': unknown key 'metod', did you mean 'method'"),
    (published(printed=GONE, print="1"), "published.print', did you mean 'printed'"),
    (top(runs=0, title=GONE, titel="x"), "unknown key 'titel'"),
    # Then a wrong value, then what is missing; in the file's order.
    (top(title=GONE, runs=0), "key 'runs'"),
    (setting(learning_rate=-1, units=0), "key 'units'"),
    (setting(units=0, task=GONE, method="language"), "'units'"),
]  # fmt: skip


@pytest.fixture
def refused_config(tiny_text, write_config, refused):
    """What ``list`` says about a tiny config with a change."""

    def run(where, changes):
        place = config = tiny_text()
        for key in where:
            place = place[key]
        new = {key: value for key, value in {**place, **changes}.items() if value != GONE}
        place.clear()
        place.update(new)
        sentence = refused("list", write_config(config))
        check_words(sentence)
        assert "tiny.yaml" in sentence
        return sentence

    return run


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: str(mistake[0][1])[:50])
def test_a_mistake_is_named_with_what_was_expected(refused_config, mistake):
    change, *words = mistake
    sentence = refused_config(*change)
    for word in words:
        assert word in sentence


@pytest.mark.parametrize("bad", ["\x1b[2J", "\0", "\ud800", "\u202e", "\r"])
def test_control_characters_are_neither_taken_nor_printed(refused_config, bad):
    for change in (top(title=bad), top(notes=[bad]), published(note=bad), setting(units=bad)):
        sentence = refused_config(*change)
        assert sentence.isprintable()
        assert next(iter(change[1])) in sentence
    assert refused_config(*setting(**{f"units{bad}": 1})).isprintable()


def _bomb(form):
    """Text of a few hundred characters whose aliases unfold to 9^9 items or keys."""
    lines = ["- &a {a: 1}"]
    for last, name in zip("abcdefgh", "bcdefghi"):
        lines.append(f"- &{name} " + form.format(", ".join([f"*{last}"] * 9)))
    return "runs:\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(("text", "expected"), [
    ("title: a\n  runs: 1\n", "line 2: not valid YAML"),
    ("a: {b: 1\nc: 2\n", "line 2: not valid YAML: expected ',' or '}'"),
    ("a: {b: 1\nc: 2\n", ", in what begins in line 1"),
    ("title: a\ntitle: b\n", 'duplicate key "title"'),
    ("title: !!python/object:os.system x\n", "not valid YAML"),
    ("a: 1\n---\nb: 2\n", "not valid YAML"),
    ("{[1, 2]: 3}\n", ""),
    *((text, "expected a mapping with the keys title") for text in ("- a\n", "3\n", "")),
    (b"\x00\x01\x02\xff\xfe", "not valid YAML"),
    (b"title: caf\xe9\n", "byte 10 is no UTF-8"),
    ("title: !!int x\n", "not valid YAML"),
    ("title: !!bool x\n", "not valid YAML"),
    ("title: " + "[" * 500 + "]" * 500, "not valid YAML"),
    ("runs: " + "9" * 5000 + "\n", "not valid YAML"),
    ("runs: " + "9" * 4000 + "\n", "less than or equal to 10000"),
    ("runs: 0x" + "f" * 5000 + "\n", "got a number of thousands of digits"),
    ("runs: " + "x" * 10**5 + "\n", "got 'xxx"),
    ("x" * 1000 + ": 1\n", "unknown key 'xxx"),
    ("runs: 2020-01-01\n", "got datetime.date"),
    ("runs: no\n", "got 'no'"),
    ("conditions: {assumption: {3: 4}}\n", "3 cannot stand there, expected the name of a"),
    ("title: a".encode("utf-16-le"), "not valid YAML"),
    ("title: a\0", "not valid YAML"),
    ("%YAML 9.9\n---\ntitle: a\n", "not valid YAML"),
    ("runs: &a [*a]\n", "got [["),
    (_bomb("[{}]"), "key 'runs': input should be a valid integer, got ["),
    (_bomb("{{<<: [{}]}}"), "merge keys (<<) that unfold to more than 1000 keys"),
    ("runs: {" + ",".join(f"k{i}: 1" for i in range(1100)) + "}\n", "got {'k0': 1,"),
], ids=lambda text: str(text)[:25])  # fmt: skip
def test_a_file_that_is_no_config_is_one_sentence(write_config, refused, text, expected):
    sentence = refused("list", write_config(text))
    check_words(sentence)
    assert "tiny.yaml" in sentence
    assert expected in sentence


@pytest.mark.parametrize(("old", "new"), [
    (b"title:", b"\xef\xbb\xbftitle:"),
    (b"\n", b"\r\n"),
    (b"title:", b"%YAML 1.1\n---\ntitle:"),
    *((b"units: 64", new) for new in (b"units: 0x40", b"units: 0o100", b"units: 6_4")),
    *((b"units: 64", new) for new in (b"<<: {units: 64}", b"units: &n 64")),
])  # fmt: skip
def test_another_way_to_write_the_same_is_the_same_config(write_config, old, new, recwarn):
    text = (CONFIGS / "demo.yaml").read_bytes()
    assert old in text
    other, demo = load_config(write_config(text.replace(old, new))), load_config("demo")
    for cell in demo.cells.values():
        assert other.cell(cell.name).conditions == cell.conditions
    assert not recwarn


def test_a_directory_is_no_config(tmp_path, refused):
    (tmp_path / "folder.yaml").mkdir()
    assert "folder.yaml', expected one of" in refused("list", tmp_path / "folder.yaml")


def test_two_configs_of_one_name_are_refused_and_one_is_one_by_any_path(write_config, tiny_text):
    path = Path(write_config(tiny_text()))
    again, other = path.parent / "." / ".." / path.parent.name / path.name, path.parent / "a"
    other.mkdir()
    names = [config.name for config in load_configs(map(str, (path, "demo", again)))]
    assert names == ["tiny", "demo"]
    shutil.copy(path, other)
    with pytest.raises(ConfigError, match=r"have one name, .* expected another file name"):
        load_configs(map(str, (path, other / path.name)))


@pytest.mark.parametrize(
    "name", ["demo.yaml", "timing.yaml", "bench.yaml", "README.md.yaml", "..yaml"]
)
def test_a_config_whose_results_would_join_others_is_refused(refused, tmp_path, name):
    path = tmp_path / name
    path.write_bytes((CONFIGS / "demo.yaml").read_bytes())
    assert "expected another file name" in refused("list", path)
