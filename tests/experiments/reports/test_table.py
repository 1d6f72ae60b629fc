"""Tables made from result files."""

import math
import statistics

import pytest

from experiments.config.load import config_names, load_config

LANGUAGE = ("table2_language_lr0.1", "sgd_0.1/projection_0.2")
MUSIC = ("table3_music", "sgd/projection_0.2")


def test_nothing_run_is_said_so_beside_every_published_number(table):
    rows, _, _ = table(LANGUAGE[0])
    assert len(rows) == 9
    for row in rows.values():
        assert row["ours, validation perplexity"] == "not run"
        assert (row["ours, test"], row["n"], row["success"]) == ("", "0", "")
        assert row["difference"] == row["gradient norm"] == ""
    assert rows[LANGUAGE[1]]["published, validation"] == "138.1±0.8"
    assert rows["sgd_0.1/clipping_5"]["published, success"] == "50 %"
    tests = [row["published, test"] for row in table("table4_elementwise")[0].values()]
    assert tests == ["276.0±1.7", "331.3", "312.9", "334.8"]


def test_language_is_a_mean_of_perplexities_with_its_t_interval(store, table):
    losses = [4.9, 4.95, 5.05]
    for seed, loss in enumerate(losses):
        store(LANGUAGE, seed, validation=(7.0, loss, 6.0), test=loss + 0.2, unigram=6.5)
    row = table(LANGUAGE[0])[0][LANGUAGE[1]]
    values, tests = ([math.exp(x + more) for x in losses] for more in (0, 0.2))
    mean = statistics.fmean(values)
    half = 4.302653 * statistics.stdev(values) / math.sqrt(3)  # Student's t, 2 degrees of freedom
    assert (
        row["ours, validation perplexity"] == f"{mean:.4g} [{mean - half:.4g}, {mean + half:.4g}]"
    )
    assert row["ours, test"].startswith(f"{statistics.fmean(tests):.4g} [")
    assert (row["n"], row["success"]) == ("3", "100 %")
    assert row["difference"] == f"{mean / 138.1 - 1:+.1%}"


def ended(*validation, **changes):
    return {"validation": validation, "unigram": 9.0, **changes}


def partial(*validation, **changes):
    return ended(*validation, status="interrupted", **changes)


def norm(value, make=ended):
    return make(3.42, gradient_mean={"norm": value, "mean_abs": value and 0.1})


UNTESTED = {"epoch": 1.0, "iteration": 10, "validation_loss": 3.42, "test_loss": None}
OURS = {"language": "ours, validation perplexity", "music": "ours, validation loss (nats per step)"}
#: Runs of a cell, seed by seed, and entries of its row; "ours" is the first of them.
ROWS = [
    (
        "music",
        [ended(4.0, 3.5), ended(4.0, 3.6)],
        {"ours": "3.550 [2.915, 4.185]", "published, validation": "3.42", "difference": "+3.8%"},
    ),
    ("music", [ended(3.42)], {"ours": "3.420", "difference": "+0.0%"}),
    (
        "music",  # runs without success count, but not in the mean
        [ended(3.5), ended(3.0, None, status="diverged"), ended(9.5), partial(2.0)],
        {"ours": "3.500", "n": "3", "success": "33 %"},
    ),
    (
        "music",
        [ended(3.0, None, status="diverged"), ended(9.5)],
        {
            "ours": "no success: diverged at iteration 20; "
            "no better than a unigram predictor (9.5)",
            "n": "2",
            "success": "0 %",
            "difference": "",
        },
    ),
    (
        "language",
        [partial(6.0, 5.5, test=5.6, epochs=2.5)],
        {
            "ours": f"partial, epoch 2.5 of 60 at most: {math.exp(5.5):.4g}",
            "ours, test": f"{math.exp(5.6):.4g}",
            "n": "0",
            "success": "",
            "difference": "",
        },
    ),
    (
        "language",
        [partial(6.0, 5.5), partial(5.0)],
        {
            "ours": f"partial, epoch 2 of 60 at most: {math.exp(5.5):.4g}; "
            f"partial, epoch 1 of 60 at most: {math.exp(5.0):.4g}"
        },
    ),
    (
        "language",
        [partial(epochs=0.25)],
        {"ours": "partial, epoch 0.25 of 60 at most", "success": ""},
    ),
    ("language", [ended(1e5)], {"success": "0 %"}),
    ("music", [norm(10.0), norm(55.0)], {"gradient norm": "32.5"}),
    ("music", [norm(10.0), norm(99.0, partial)], {"gradient norm": "10"}),
    ("music", [norm(None)], {"gradient norm": "not finite"}),
    ("music", [ended(3.42, best=UNTESTED)], {"ours": "3.420", "ours, test": "not finite"}),
    ("music", [partial(3.42, best=UNTESTED)], {"ours, test": "not finite"}),
]


@pytest.mark.parametrize(("task", "runs", "expected"), ROWS, ids=range(len(ROWS)))
def test_the_row_of_a_cell(store, table, task, runs, expected):
    config, name = {"language": LANGUAGE, "music": MUSIC}[task]
    for seed, run in enumerate(runs):
        store((config, name), seed, **run)
    rows, _, notes = table(config)
    row = {**rows[name], "ours": rows[name][OURS[task]]}
    assert {key: row[key] for key in expected} == expected
    assert ("inf" in row["ours"]) == (runs == [ended(1e5)])
    assert not row["gradient norm"] or any("before clipping" in note for note in notes)


def test_pairs_are_compared_seed_by_seed_over_the_runs_that_have_ended(store, table):
    ours, theirs = "sgd/projection_0.2", "sgd/clipping_5"

    def line():
        lines = [line for line in table("demo")[1].splitlines() if line.startswith(f"| {ours}")]
        return [part.strip() for part in lines[-1].split("|")[3:-1]]

    assert line() == ["no seed with which both have ended", "0", "0", ""]
    for seed, (a, b) in enumerate([(3.0, 4.0), (3.0, 4.0), (None, 3.0), (3.0, None), (3.0, None)]):
        for cell, loss in ((ours, a), (theirs, b)):
            status = "completed" if loss else "diverged"
            store(("demo", cell), seed, validation=(loss,), status=status)
    store(("demo", ours), 5, validation=(2.0,), status="interrupted")
    store(("demo", theirs), 5, validation=(3.0,))
    # Two of five differences are numbers, so the median stands there, without a range.
    assert line() == ["-34.5 (n = 5, 3 failed, 4 lower)", "1", "2", "1"]
    for cell, loss in ((ours, 3.0), (theirs, 4.0)):
        store(("demo", cell), 2, validation=(loss,))
    assert line() == ["-34.5 [-34.5, -34.5] (n = 5, 2 failed, 5 lower)", "0", "2", "0.5"]


def test_runs_with_overrides_are_never_compared_nor_mixed_with_others(store, table, out):
    store(LANGUAGE, validation=(5.0,), unigram=6.5)
    store((*LANGUAGE, "epochs=2", "dropout_after=[gru]"), validation=(5.5,), unigram=6.5)
    rows, text, _ = table(LANGUAGE[0], "--set", "epochs=2", "dropout_after=[gru]")
    row = rows[LANGUAGE[1]]
    assert row["ours, validation perplexity"] == f"{math.exp(5.5):.4g}"
    assert row["difference"] == ""
    assert row["published, validation"] == "138.1±0.8"
    assert "Not the config's conditions: epochs=2" in text
    assert "--set epochs=2" in text
    assert table(LANGUAGE[0])[0][LANGUAGE[1]]["difference"] != ""
    assert len(list((out / LANGUAGE[0]).glob("table*.md"))) == 2
    assert (out / LANGUAGE[0] / "table.md").exists()


@pytest.mark.parametrize(("config", "cell"), [
    ("table1_language", "adam_1e-2/clipping_5"),
    ("table4_elementwise", "sgd_1.1/elementwise_0.0015"),
])  # fmt: skip
def test_no_difference_to_a_print_that_is_no_number(store, table, config, cell):
    store((config, cell), validation=(5.0,), unigram=6.5)
    rows, _, notes = table(config)
    published = load_config(config).cell(cell).published
    assert rows[cell]["published, validation"] == published.printed
    assert rows[cell]["difference"] == ""
    assert any(published.note in note for note in notes)


@pytest.mark.parametrize("cells", ["*", "sgd/clipping_15"])
def test_without_a_config_every_table_with_such_cells_is_written(call, out, cells):
    code, text, err = call("table", "--cells", cells, "--out", out)
    assert (code, err) == (0, "")
    written = {path.parent.name: path.read_text("utf-8") for path in out.rglob("table.md")}
    assert set(written) == set(
        config_names() if cells == "*" else ["beyond_music", "main_music", "table3_music"]
    )
    assert cells != "*" or all(table in text for table in written.values())


def test_a_table_of_some_cells_prints_them_and_writes_all(table, out):
    rows, text, _ = table("table1_language", "--cells", "sgd_1.1/*")
    assert list(rows) == ["sgd_1.1/projection_0.2", "sgd_1.1/clipping_5"]
    written = (out / "table1_language" / "table.md").read_text("utf-8")
    assert written.count("\n| ") == 20
    assert "written: " in text


def test_a_table_with_settings_repeats_only_the_cells_that_ran(table, out, store):
    words = ("--cells", "sgd/*", "--set", "units=9")
    for other, cells in ((None, "--cells 'sgd/*' "), ("adam_1e-3/clipping_15", "")):
        if other:
            store(("table3_music", other, "units=9"))
        table("table3_music", *words)
        (path,) = (out / "table3_music").glob("table-set-*.md")
        repeat = (
            f"Repeat: `scripts/reproduce.sh table3_music {cells}--out runs/repeat --set units=9`"
        )
        assert repeat in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("cells", "setting", "of_its_own"),
    [("sgd/*", "learning_rate=1", 1), ("*/projection*", "delta=0.2", 0)],
)
def test_settings_that_some_cells_have_anyway_leave_the_configs_own_table_alone(
    table, out, cells, setting, of_its_own
):
    table("table3_music")
    path = out / "table3_music" / "table.md"
    before = path.read_bytes()
    table("table3_music", "--cells", cells, "--set", setting)
    table("table3_music", "--cells", cells, "--set", f"{setting}.0" if of_its_own else setting)
    assert path.read_bytes() == before
    others = list(path.parent.glob("table-set-*.md"))
    assert len(others) == of_its_own
    assert all(
        f"Not the config's conditions: {setting}" in other.read_text("utf-8") for other in others
    )


def test_no_row_of_a_table_with_settings_has_a_difference(store, table):
    store(("table3_music", "sgd/clipping_15"))
    assert "difference" in table("table3_music")[1]
    _, text, _ = table("table3_music", "--set", "optimizer=sgd", "learning_rate=0.1")
    assert "No difference from published numbers is given" in text
    (row,) = (line for line in text.splitlines() if line.startswith("| sgd/clipping_15"))
    assert row.split("|")[4].strip() == ""


@pytest.mark.parametrize(("changes", "shares"), [
    ({"validation": (8.0, 4.0)}, ["100 %", "100 %", "100 %", "0 %"]),
    ({"validation": (4.0, 9.5)}, ["100 %", "100 %", "0 %", "0 %"]),
    ({"validation": (None, 4.0)}, ["100 %", "100 %", "100 %", "0 %"]),
    ({"validation": (9.5, 9.0)}, ["0 %", "100 %", "0 %", "0 %"]),  # no better than that
    ({"validation": (), "status": "diverged"}, ["0 %", "0 %", "0 %", "100 %"]),
    ({"validation": (4.0, None), "status": "diverged"}, ["0 %", "0 %", "0 %", "100 %"]),
    ({"validation": (8.0,), "status": "interrupted"}, ["", "", "", "0 % so far"]),
    ({"norm": 3001.0}, ["100 %", "100 %", "100 %", "100 %"]),
    ({"norm": 2999.0}, ["100 %", "100 %", "100 %", "0 %"]),
    ({"norm": 1001.0, "cell": LANGUAGE}, ["100 %", "100 %", "100 %", "100 %"]),
    ({"norm": 999.0, "cell": LANGUAGE}, ["100 %", "100 %", "100 %", "0 %"]),
    ({"norm": None}, ["100 %", "100 %", "100 %", "100 %"]),
], ids=str)  # fmt: skip
def test_success_by_three_rules_beside_explosion(table, store, changes, shares):
    changes = {"unigram": 9.0, "validation": (5.0, 4.0), **changes}
    norms = [changes.pop("norm", 1.0)] * len(changes["validation"])
    config, cell = changes.pop("cell", MUSIC)
    store((config, cell), windows={"gradient_norm_max": norms}, **changes)
    row = table(config)[0][cell]
    assert [row[key] for key in ("success", "finite", "ends well", "exploded")] == shares
