"""Files that are no config at all: one sentence that names the file."""

import json

import pytest

from experiments.paths import CONFIGS
from tests.experiments.checks import check_words


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
    ],
    ids=lambda text: str(text)[:25],
)
def test_a_file_that_is_no_config_is_one_sentence(write_config, refused, text, expected):
    sentence = refused("list", write_config(text))
    check_words(sentence)
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


@pytest.mark.parametrize("name", ["demo.yaml", "timing.yaml", "bench.yaml", "..yaml"])
def test_a_config_whose_results_would_join_others_is_refused(refused, tmp_path, name):
    path = tmp_path / name
    path.write_bytes((CONFIGS / "demo.yaml").read_bytes())
    assert "expected another file name" in refused("list", path)
