"""Result files, written and read."""

import errno
import json
import math
import os
import shutil
from unittest.mock import Mock

import pytest

from experiments.results.json_file import write_json
from experiments.results.run_spec import RunSpec
from experiments.results.schema import ResultFile
from experiments.results.store import find_results, finite, read_result
from experiments.system import storage as files
from experiments.system.storage import StorageError, write_file
from tests.experiments.reports.made_result import make_result


def test_a_file_system_that_offers_little_takes_a_file(tmp_path, monkeypatch):
    refuse = Mock(side_effect=OSError(errno.EINVAL, "Invalid argument"))
    for step in ("fsync", "chmod", "fchmod", "utime", "link", "symlink"):
        monkeypatch.setattr(files.os, step, refuse)
    write_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_who_may_read_a_file_is_what_the_umask_says(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_file(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


# Writing


def test_a_written_result_reads_back_as_it_was(out, demo):
    result = make_result(demo, validation=(5.0, 4.0, 3.0), notes="ärger ± 中")
    path = RunSpec(demo, 0, out).result_file
    write_json(path, result)
    assert read_result(path) == json.loads(json.dumps(result))
    assert '"validation_loss": [5.0, 4.0, 3.0]' in path.read_text()  # a curve is one line
    assert path.read_text("utf-8").endswith("}\n")


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("step", "error"), [("fsync", FULL), ("replace", FULL), ("fsync", KeyboardInterrupt())], ids=str
)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(store, demo, monkeypatch, step, error):
    path = store(demo)
    before = path.read_bytes()
    monkeypatch.setattr(files.os, step, Mock(side_effect=error))
    with pytest.raises((StorageError, KeyboardInterrupt)) as caught:
        write_json(path, make_result(demo, iterations=99))
    if error is FULL:
        assert "result.json: cannot be written: No space left" in str(caught.value)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_never_gets_into_a_file(out, demo, value):
    with pytest.raises(ValueError, match="JSON"):
        write_json(out / "result.json", make_result(demo, epochs=value))
    assert not any(out.iterdir())
    assert finite(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1 / 3, 0.3333333), (123456789.0, 123456800.0), (1e-300, 1e-300), (None, None)],
)
def test_numbers_have_seven_digits(value, expected):
    assert finite(value) == expected


# Reading

GONE = "<this key is missing>"
BEST = {"epoch": 2.0, "iteration": 20, "validation_loss": 4.0, "test_loss": 4.1}
REQUIRED = [f.alias or name for name, f in ResultFile.model_fields.items() if f.is_required()]
WRONG = {
    "schema": [2, "1"],
    "best": [
        *(None, 5, {}, {"epoch": 1.0}),
        *(BEST | {"iteration": 11}, BEST | {"validation_loss": 3.0}),
    ],
    "curves": [{}, None, {"epochs": {}}, {"epochs": {"validation_loss": 3}}],
    "status": ["finished", 3, None],
    "seed": ["one", None, 7],
    "iterations": ["many", None],
    "seconds": [{}, None, 3],
    "conditions": [{}, None, [], {"task": "language", "epochs": 3}],
    "environment": [{}, None],
}
EDITED = [(key, GONE) for key in REQUIRED]
EDITED += [(key, value) for key, values in WRONG.items() for value in values]


@pytest.fixture
def spoilt(store, demo, refused, out):
    """That commands refuse a result with such contents, and name the file and the words."""

    def check(spoil, commands, *words):
        path = store(demo)
        path.write_bytes(spoil(path.read_bytes()))
        before = path.read_bytes()
        for command in commands:
            sentence = refused(*command.split(), "--out", out)
            assert str(path) in sentence
            rest = sentence.replace(str(path), "")  # which holds the word seed
            assert all(word in rest for word in words), sentence
        assert path.read_bytes() == before

    return check


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"\x00\xff\xfe", None], ids=str)
def test_what_is_no_result_is_one_sentence_that_names_the_file(spoilt, content):
    commands = "list demo", "table demo", "figures"  # which have one reader
    spoilt(lambda whole: whole[:-300] if content is None else content, commands)


@pytest.mark.parametrize(("key", "value"), EDITED)
def test_a_key_that_is_missing_or_wrong_is_named(spoilt, key, value):
    def spoil(whole):
        result = {**json.loads(whole), key: value}
        return json.dumps({k: v for k, v in result.items() if v != GONE}).encode()

    spoilt(spoil, ["list demo"], key)


def test_a_folder_in_the_place_of_a_result_is_one_sentence(demo, refused, out):
    RunSpec(demo, 0, out).result_file.mkdir(parents=True)
    assert "cannot be read" in refused("table", "demo", "--out", out)


def test_a_copy_beside_a_result_is_not_another_run(store, demo, refused, out):
    folder = store(demo).parent
    shutil.copytree(folder, folder.with_name(folder.name.replace("seed0-", "seed0-gpu-")))
    assert f"seed 0 belongs into {folder.name}/" in refused("table", "demo", "--out", out)


def test_results_are_found_by_conditions_and_sorted_by_seed(store, demo, out):
    other = demo.override(["epochs=7"])
    for seed in (10, 2, 0):
        store(demo, seed)
    store(other, 2)
    # Of this one the digest only begins alike.
    store(demo, 5, conditions_sha256=demo.conditions.digest()[:8] + "0" * 56)
    assert [result["seed"] for result in find_results(out, demo)] == [0, 2, 10]
    assert [result["seed"] for result in find_results(out, other)] == [2]


def test_list_counts_finished_and_partial_runs(store, demo, call, out):
    for seed, status in enumerate(("completed", "diverged", "interrupted")):
        store(demo, seed, status=status)
    code, text, _ = call("list", "demo", "--out", out)
    assert code == 0
    assert "2 of 3, 1 partial" in text
    assert "0 of 3" in text
    store(demo, 7)
    assert "2 of 3, 1 partial, 1 of other seeds" in call("list", "demo", "--out", out)[1]
