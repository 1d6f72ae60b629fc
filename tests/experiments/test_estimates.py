"""What finished runs tell of the same run to come."""

import pytest

from experiments.config.load import load_config
from experiments.estimates import epochs_taken


@pytest.fixture
def long(tiny):
    """A config whose runs may take a million epochs."""
    return tiny(epochs=10**6)


@pytest.fixture
def cell(long):
    return load_config(long).cell("sgd/none")


def test_without_a_finished_run_nothing_is_known(cell, store):
    assert epochs_taken(cell) is None
    store(cell, 0, status="interrupted")
    assert epochs_taken(cell) is None


def test_the_longest_finished_run_counts(cell, store):
    store(cell, 0)
    assert epochs_taken(cell) == 2
    store(cell, 1, validation=(5.0, 4.0, None), status="diverged", epochs=2.5)
    store(cell, 2, validation=(5.0,) * 9, status="interrupted")
    assert epochs_taken(cell) == 3


def test_a_run_that_took_all_its_epochs_tells_nothing_new(tiny, store):
    cell = load_config(tiny(epochs=2)).cell("sgd/none")
    store(cell, 0)
    assert epochs_taken(cell) is None


def test_runs_under_other_conditions_do_not_count(cell, store):
    store(cell.override(["units=9"]), 0)
    assert epochs_taken(cell) is None


def test_a_damaged_result_is_left_to_whoever_needs_it(cell, store):
    store(cell, 0).write_text("{")
    assert epochs_taken(cell) is None


def test_the_estimates_say_it(long, cell, store, call, tmp_path):
    store(cell, 0)
    elsewhere = ("--out", tmp_path / "b")
    _, text, _ = call("list", long, *elsewhere)
    _, header, *lines, total = text.splitlines()[:-1]
    assert header.endswith("  as long as ours")
    assert [line.endswith(", 2 epochs") for line in lines] == [
        line.split()[0] == "sgd/none" for line in lines
    ]
    assert total.endswith(" if as long as ours")
    _, text, _ = call("sweep", long, "--seeds", "5", "--dry-run", *elsewhere)
    assert [" if as long as ours" in line for line in text.splitlines()] == [
        "sgd/none" in line or "to run" in line for line in text.splitlines()
    ]


def test_a_run_says_how_long_ours_took(long, cell, store, run, small_data, tmp_path):
    store(cell, 0)
    _, out, _ = run(long, "sgd/none", "--seed", "1", "--max-iterations", "1")
    assert "at most 1000000 epochs (ours: 2), each of about" in out
