"""Files that are no config at all: one sentence that names the file."""

import json

import pytest

from experiments.config.load import load_config
from experiments.system.paths import CONFIGS
from tests.experiments.checks import check_words


def _bomb(form):
    """Text of a few hundred characters whose aliases unfold to 9^9 items or keys."""
    lines = ["- &a {a: 1}"]
    for last, name in zip("abcdefgh", "bcdefghi"):
        lines.append(f"- &{name} " + form.format(", ".join([f"*{last}"] * 9)))
    return "runs:\n" + "\n".join(lines) + "\n"


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
        ("title: !!bool x\n", "not valid YAML"),
        ("title: !!timestamp 2020-99-99\n", "not valid YAML"),
        ("title: " + "[" * 500 + "]" * 500, "not valid YAML"),
        ("runs: " + "9" * 5000 + "\n", "not valid YAML"),
        ("runs: " + "9" * 4000 + "\n", "less than or equal to 10000"),
        ("runs: 0x" + "f" * 5000 + "\n", "got a number of thousands of digits"),
        ("runs: " + "x" * 10**5 + "\n", "got 'xxx"),
        ("x" * 1000 + ": 1\n", "unknown key 'xxx"),
        ("runs: 2020-01-01\n", "got datetime.date"),
        ("runs: 1:04\n", "got '1:04'"),
        ("runs: no\n", "got 'no'"),
        ("conditions: {assumption: {3: 4}}\n", "3 cannot stand there, expected the name of a"),
        ("title: a".encode("utf-16"), "expected text in UTF-8"),
        ("title: a".encode("utf-16-le"), "not valid YAML"),
        ("title: a\0", "not valid YAML"),
        ("%YAML 9.9\n---\ntitle: a\n", "not valid YAML"),
        ("runs: &a [*a]\n", "got [["),
        ("{" + "runs: {" * 3000 + "}" * 3001, "not valid YAML"),
        (_bomb("[{}]"), "key 'runs': input should be a valid integer, got ["),
        (_bomb("{{<<: [{}]}}"), "merge keys (<<) that unfold to more than 1000 keys"),
        ("runs: {" + ",".join(f"k{i}: 1" for i in range(1100)) + "}\n", "got {'k0': 1,"),
    ],
    ids=lambda text: str(text)[:25],
)
def test_a_file_that_is_no_config_is_one_sentence(write_config, refused, text, expected):
    sentence = refused("list", write_config(text))
    check_words(sentence)
    assert "tiny.yaml" in sentence
    assert expected in sentence


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"%YAML 1.1\n---\n" + text,
        lambda text: text.replace(b"units: 64", b"units: 0x40"),
        lambda text: text.replace(b"units: 64", b"units: 0o100"),
        lambda text: text.replace(b"units: 64", b"units: 6_4"),
        lambda text: text.replace(b"units: 64", b"<<: {units: 64}"),
        lambda text: text.replace(b"units: 64", b"units: &n 64"),
    ],
)
def test_another_way_to_write_the_same_is_the_same_config(write_config, changed, recwarn):
    text = (CONFIGS / "demo.yaml").read_bytes()
    other = load_config(write_config(changed(text)))
    digests = [
        [cell.conditions.digest() for cell in config.cells.values()]
        for config in (other, load_config("demo"))
    ]
    assert digests[0] == digests[1]
    assert changed(text) != text
    assert not recwarn


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


@pytest.mark.parametrize("name", ["demo.yaml", "timing.yaml", "bench.yaml", "..yaml"])
def test_a_config_whose_results_would_join_others_is_refused(refused, tmp_path, name):
    path = tmp_path / name
    path.write_bytes((CONFIGS / "demo.yaml").read_bytes())
    assert "expected another file name" in refused("list", path)
