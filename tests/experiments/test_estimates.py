"""What finished runs tell of the same run to come."""

import pytest

from experiments.config.load import load_config
from experiments.estimates import epochs_taken, iterations_an_epoch
from grustab.datasets import synthetic_tunes


@pytest.fixture
def long(tiny):
    """A config whose runs may take a million epochs, and a cell of it."""
    path = tiny(epochs=10**6)
    return path, load_config(path).cell("sgd/none")


CUT = {"status": "interrupted", "validation": (5.0,) * 9}
DIVERGED = {"status": "diverged", "validation": (5.0, 4.0, None), "epochs": 2.5}


@pytest.mark.parametrize(
    ("epochs", "settings", "runs", "expected"),
    [
        (10**6, [], [], None),
        (10**6, [], [CUT], None),
        (10**6, [], [{}], 2),
        (10**6, [], [{}, DIVERGED, CUT], 3),  # the longest that ended
        (2, [], [{}], None),  # all its epochs: that tells nothing new
        (10**6, ["units=9"], [{}], None),  # under other conditions
    ],
)
def test_the_longest_finished_run_tells_the_epochs(tiny, store, epochs, settings, runs, expected):
    cell = load_config(tiny(epochs=epochs)).cell("sgd/none")
    for seed, run in enumerate(runs):
        store(cell.override(settings), seed, **run)
    assert epochs_taken(cell) == expected


def test_made_up_tunes_are_not_taken_for_made_up_words(tiny_music):
    cut = {"batching": "stream", "batch_size": 20, "bptt_steps": 35}
    cell = load_config(tiny_music(**cut)).cell("sgd/none")
    steps = sum(map(len, synthetic_tunes().train))
    assert iterations_an_epoch(cell.conditions) == steps // (20 * 35)


def test_a_damaged_result_is_left_to_whoever_needs_it(long, store):
    store(long[1]).write_text("{")
    assert epochs_taken(long[1]) is None


def test_the_estimates_say_it(long, store, call, run, small_data, tmp_path):
    path, cell = long
    store(cell)
    elsewhere = ("--out", tmp_path / "b")
    _, header, *lines, total = call("list", path, *elsewhere)[1].splitlines()[:-1]
    assert header.endswith("  as long as ours")
    assert {line.split()[0] for line in lines if line.endswith(", 2 epochs")} == {"sgd/none"}
    assert total.endswith(" if as long as ours")
    text = call("sweep", path, "--seeds", "5", "--dry-run", *elsewhere)[1]
    for line in text.splitlines():
        assert (" if as long as ours" in line) == ("sgd/none" in line or "to run" in line)
    _, said, _ = run(path, "sgd/none", "--seed", "1", "--max-iterations", "1")
    assert "at most 1000000 epochs (ours: 2), each of about" in said
