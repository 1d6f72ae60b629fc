"""Result files, written and read."""

import json
import math
import os

import pytest

from experiments.results.json_file import write_json
from experiments.results.run_spec import RunSpec
from experiments.results.schema import ResultFile
from experiments.results.store import find_results, finite, read_result
from experiments.results.success import succeeded
from experiments.system import storage as files
from experiments.system.storage import StorageError, write_file
from tests.experiments.reports.made_result import make_result

# Writing


def test_a_written_result_reads_back_as_it_was(out, demo):
    result = make_result(demo, notes="ärger ± 中")
    path = RunSpec(demo, 0, out).result_file
    write_json(path, result)
    assert read_result(path) == json.loads(json.dumps(result))
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]
    assert path.read_text("utf-8").endswith("}\n")


def test_a_curve_stands_on_one_line(out, demo):
    path = RunSpec(demo, 0, out).result_file
    write_json(path, make_result(demo, validation=(5.0, 4.0, 3.0)))
    assert '"validation_loss": [5.0, 4.0, 3.0]' in path.read_text()


@pytest.mark.parametrize(
    ("step", "error", "raised"),
    [
        ("fsync", OSError(28, "No space left on device"), StorageError),
        ("replace", OSError(28, "No space left on device"), StorageError),
        ("fsync", KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=str,
)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    out, demo, monkeypatch, step, error, raised
):
    path = RunSpec(demo, 0, out).result_file
    write_json(path, make_result(demo))
    before = path.read_bytes()

    def fail(*_):
        raise error

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(raised) as caught:
        write_json(path, make_result(demo, iterations=99))
    if raised is StorageError:
        assert "result.json: cannot be written: No space left" in str(caught.value)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_never_gets_into_a_file(out, demo, value):
    path = RunSpec(demo, 0, out).result_file
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, make_result(demo, epochs=value))
    assert not path.exists()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 / 3, 0.3333333),
        (123456789.0, 123456800.0),
        (0, 0.0),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (1e-300, 1e-300),
    ],
)
def test_numbers_have_seven_digits_and_others_become_null(value, expected):
    assert finite(value) == expected


def test_a_text_can_be_read_by_all(out):
    write_file(out / "a" / "b.md", b"x")
    assert (out / "a" / "b.md").stat().st_mode & 0o777 == 0o644


def test_a_file_in_the_place_of_a_folder_is_one_sentence(out, refused):
    out.write_text("")
    assert "cannot be written" in refused("table", "demo", "--out", out, code=3)


# Reading


DAMAGE = {
    "empty": "",
    "truncated": None,
    "list": "[1, 2]",
    "number": "1",
    "null": "null",
    "binary": b"\x00\xff\xfe",
    "no schema": {"schema": ...},
    "wrong schema": {"schema": 2},
    "schema as text": {"schema": "1"},
    "completed without a best epoch": {"best": None},
    "no mean gradient": {"gradient_mean": ...},
}


def _damage(path, damage):
    if damage is None:
        path.write_text(path.read_text()[:-300])
    elif isinstance(damage, dict):
        result = {**json.loads(path.read_text()), **damage}
        path.write_text(json.dumps({k: v for k, v in result.items() if v is not ...}))
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        path.write_text(damage)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("command", [("list", "demo"), ("table", "demo"), ("figures",)])
def test_a_damaged_result_is_one_sentence_that_names_it(store, demo, refused, out, damage, command):
    path = store(demo)
    _damage(path, damage)
    sentence = refused(*command, "--out", out)
    assert str(path) in sentence
    assert path.exists()


REQUIRED = [f.alias or name for name, f in ResultFile.model_fields.items() if f.is_required()]


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(store, demo, refused, out, key):
    _damage(path := store(demo), {key: ...})
    sentence = refused("table", "demo", "--out", out)
    assert str(path) in sentence
    assert key in sentence


EDITED = {
    "best": [5, {}, [], {"epoch": 1.0}, "none"],
    "curves": [{}, [], {"epochs": {}}, None, {"epochs": {"validation_loss": 3}}],
    "status": ["finished", 3, None],
    "seed": ["one", None],
    "iterations": ["many", None, -1],
    "epochs": ["all", None],
    "seconds": [{}, None, 3],
    "conditions": [{}, None, []],
    "unigram_validation_loss": [None, "low"],
    "environment": [..., {}, None],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in EDITED.items() for value in values]
)
@pytest.mark.parametrize("command", ["table", "list", "figures"])
def test_an_edited_result_is_read_or_refused_in_one_sentence(
    store, demo, call, out, command, key, value
):
    stores = [store(demo, seed) for seed in (0, 1)]
    _damage(stores[0], {key: value})
    words = [command] if command == "figures" else [command, "demo"]
    code, _, err = call(*words, "--out", out)
    if code == 2:
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert str(stores[0]) in err
    else:
        assert code == 0


def test_a_folder_in_the_place_of_a_result_is_one_sentence(demo, refused, out):
    RunSpec(demo, 0, out).result_file.mkdir(parents=True)
    assert "cannot be read" in refused("table", "demo", "--out", out)


def test_results_are_found_by_conditions_and_sorted_by_seed(store, demo, out):
    for seed in (10, 2, 0):
        store(demo, seed)
    store(demo.override(["epochs=7"]), 1)
    assert [result["seed"] for result in find_results(out, demo)] == [0, 2, 10]
    assert [r["seed"] for r in find_results(out, demo.override(["epochs=7"]))] == [1]


def test_a_result_whose_digest_only_begins_alike_is_not_found(store, demo, out):
    path = store(demo)
    digest = demo.conditions.digest()
    _damage(path, {"conditions_sha256": digest[:8] + "0" * 56})
    assert find_results(out, demo) == []


# Success


@pytest.mark.parametrize(
    ("status", "validation", "expected"),
    [
        ("completed", (7.0, 5.0), True),
        ("completed", (5.0, 7.0), True),
        ("completed", (7.0, 6.5), False),
        ("completed", (6.0,), False),
        ("completed", (5.99,), True),
        ("completed", (None, 5.0), True),
        ("diverged", (5.0, None), False),
        ("diverged", (5.0,), False),
        ("diverged", (), False),
        ("interrupted", (5.0,), None),
        ("interrupted", (), None),
    ],
)
def test_success_is_finite_to_the_end_and_below_a_unigram_predictor(
    demo, status, validation, expected
):
    assert succeeded(make_result(demo, validation=validation, status=status)) is expected


# list


def test_list_counts_finished_and_partial_runs(store, demo, call, out):
    for seed, status in enumerate(("completed", "diverged", "interrupted")):
        store(demo, seed, status=status)
    code, text, _ = call("list", "demo", "--out", out)
    assert code == 0
    assert "2 of 3, 1 partial" in text
    assert "0 of 3" in text
    store(demo, 7)
    store(demo, 8, status="interrupted")
    assert "2 of 3, 1 partial, 1 of other seeds" in call("list", "demo", "--out", out)[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_result_that_may_not_be_read_is_one_sentence(store, demo, refused, out):
    store(demo).chmod(0)
    assert "cannot be read" in refused("table", "demo", "--out", out)
