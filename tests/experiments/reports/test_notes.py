"""What stands below a table."""

import pytest


def test_a_table_says_what_has_to_be_known_to_read_it(table, store, demo):
    store(demo, environment={"git": {"commit": None, "dirty": True}})
    rows, text, notes = table("demo")
    assert not {"difference", "published, validation", "published, test"} & set(
        rows["sgd/clipping_20"]
    )
    for words in (
        "The supplement prints no number to compare with.",
        "95 % t-interval",
        "our assumption",
        "unigram predictor",
        "Conditions that are assumption: ",
        "1 of these results came from a tree with uncommitted changes",
        "1 of these results came from code whose commit is not known",
        "Repeat: `scripts/reproduce.sh demo --out runs/repeat`.",
    ):
        assert words in text
    assert all(note.endswith((".", "**")) for note in notes)
    assert text.startswith("## Demo")


def test_how_to_repeat_further_seeds_is_said(table, store, demo):
    for seed in (0, 5, 3):
        store(demo, seed)
    note = "Repeat: `scripts/reproduce.sh demo --out runs/repeat`; further seeds with `--cells CELL"
    assert f"{note} --seeds 3,5`." in table("demo")[1]


@pytest.mark.parametrize(
    ("words", "stopped_by", "command"),
    [
        (["--cells", "sgd/*"], "its own rule", "demo --cells 'sgd/*' --out runs/repeat"),
        ([], "--max-iterations 7", "demo --out runs/repeat --max-iterations 7"),
    ],
)
def test_a_trials_table_repeats_the_trial(table, store, demo, words, stopped_by, command):
    store(demo, stopped_by=stopped_by)
    assert f"Repeat: `scripts/reproduce.sh {command}`." in table("demo", *words)[1]


def test_labels_come_from_the_config_and_not_from_a_result(table, store, demo):
    before = table("demo")[2]
    store(demo, sources=dict.fromkeys(demo.sources, "stated"))
    assert table("demo")[2] == before


def test_the_notes_name_unverified_and_assumed_conditions(table):
    _, text, _ = table("table3_music")
    assert "Conditions that are main paper (unverified): " in text
    assert "input_scale 0.01" in text
    assert "Conditions that are assumption: " in text
    assert "loss sum_over_steps" in text
