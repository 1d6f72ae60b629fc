"""The configs against the supplement: every number typed here anew from its text."""

import pytest

from experiments.config.load import config_names, load_config

CELLS = {
    "table1_language": 18,
    "table2_language_lr0.1": 9,
    "table3_music": 14,
    "table4_elementwise": 4,
    "main_language": 9,
    "main_music": 9,
    "demo": 3,
    "open_music": 33,
    "identify_music": 52,
    "table1_language_small": 18,
}

# Tables 1 and 3: method with hyper-parameter; entry of our method; entry of gradient clipping.
TABLE_1 = """
Adam (α = 10−2)        | 116.7 | N/A
Adam (α = 10−3)        | 121.0 | 121.1
Adam (α = 10−4)        | 164.2 | 167.2
RMSprop (η = 10−2)     | 129.0 | N/A
RMSprop (η = 10−3)     | 116.0 | 115.5
RMSprop (η = 10−4)     | 166.5 | 167.0
SGD (η divided by 1.2) | 105.5 | 109.5
SGD (η divided by 1.1) | 103.5 | 109.2
SGD (η divided by 1.05)| 105.2 | 109.9
"""
TABLE_3 = """
Adam (α = 10−2)    | 4.37 | 13.7
Adam (α = 10−3)    | 3.38 | 3.73
Adam (α = 10−4)    | 10.8 | 12.9
RMSprop (η = 10−2) | 4.80 | 13.9
RMSprop (η = 10−3) | 3.42 | 3.56
RMSprop (η = 10−4) | 3.58 | 3.63
SGD                | 3.42 | 3.55
"""
# Table 2: delta or threshold; success rate in percent; entry.
TABLE_2_DELTA = {
    0.2: (100, "138.1±0.8"),
    0.5: (100, "137.9±0.7"),
    0.8: (100, "137.4±0.6"),
    1.1: (100, "137.0±0.6"),
    1.4: (100, "136.8±0.4"),
}
TABLE_2_THRESHOLD = {
    5: (50, "178.8±0.8"),
    10: (100, "154.7±0.8"),
    15: (100, "145.1±0.8"),
    20: (80, "219.3±1"),
}
# Table 4: threshold; success rate; the two rows named Validation.
TABLE_4 = {
    0.0015: (70, "268.7.8±0.9", "276.0±1.7"),
    0.003: (10, "326.5", "331.3"),
    0.0045: (10, "310.3", "312.9"),
    0.006: (10, "330.6", "334.8"),
}

# Row of Tables 1 and 3: the conditions that section B.1 gives for it.
ADAM_AND_RMSPROP = {
    f"{name} ({letter} = 10−{exponent})": {
        "optimizer": name.lower(),
        "learning_rate": 10**-exponent,
        "schedule": "constant",
    }
    for name, letter in (("Adam", "α"), ("RMSprop", "η"))
    for exponent in (2, 3, 4)
}
SGD_LANGUAGE = {
    f"SGD (η divided by {divisor})": {
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "schedule": "exponential",
        "decay_after": 10,
        "decay_divisor": divisor,
    }
    for divisor in (1.2, 1.1, 1.05)
}
SGD_MUSIC = {
    "SGD": {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "schedule": "plateau",
        "decay_after": 10,
        "decay_divisor": 1.25,
    }
}


def _cells(config):
    return list(load_config(config).cells.values())


def _two_columns(config, number, table, rows, threshold):
    """(cell, published as typed here, conditions of its row and column)"""
    expected = []
    for line in table.strip().splitlines():
        row, ours, clipping = (part.strip() for part in line.split("|"))
        columns = [
            ("Our method δ = 0.2", ours, {"method": "projection", "delta": 0.2}),
            (
                f"Gradient clipping threshold = {threshold}",
                clipping,
                {"method": "clipping", "threshold": threshold},
            ),
        ]
        for column, printed, method in columns:
            expected.append(
                (number, f"{column}, Validation", row, printed, {**rows[row], **method})
            )
    cells = _cells(config)
    assert len(cells) == len(expected)
    return [
        pytest.param(cell, *entry, id=f"table {number}, {cell.name}")
        for cell, entry in zip(cells, expected)
    ]


def test_there_are_just_these_configs():
    assert set(config_names()) == {*CELLS, "timing"}


@pytest.mark.parametrize(("config", "number"), CELLS.items())
def test_number_of_cells(config, number):
    assert len(_cells(config)) == number


def test_timing_has_all_projections_clipping_and_a_baseline():
    cells = _cells("timing")
    assert len(cells) >= 5
    kinds = {(c.conditions.method, c.conditions.projection) for c in cells}
    assert {("projection", way) for way in ("naive", "truncated", "auto")} <= kinds
    # What it costs to leave more room is asked for up to the paper's largest margin.
    assert {c.conditions.delta for c in cells} >= {0.2, 0.5, 0.8, 1.1, 1.4}
    assert {"clipping", "none"} <= {method for method, _ in kinds}
    assert load_config("timing").report == "seconds_per_iteration"


@pytest.mark.parametrize(
    ("cell", "number", "column", "row", "printed", "conditions"),
    [
        *_two_columns(
            "table1_language", 1, TABLE_1, {**ADAM_AND_RMSPROP, **SGD_LANGUAGE}, threshold=5
        ),
        *_two_columns("table3_music", 3, TABLE_3, {**ADAM_AND_RMSPROP, **SGD_MUSIC}, threshold=15),
    ],
)
def test_tables_1_and_3_are_as_printed(cell, number, column, row, printed, conditions):
    published = cell.published
    assert (published.table, published.column, published.row) == (number, column, row)
    assert published.printed == printed
    assert published.value == (None if printed == "N/A" else float(printed))
    assert published.success_rate is None
    assert published.test is None
    assert {key: getattr(cell.conditions, key) for key in conditions} == conditions


@pytest.mark.parametrize(
    ("method", "key", "value", "rate", "printed"),
    [("projection", "delta", delta, *entry) for delta, entry in TABLE_2_DELTA.items()]
    + [("clipping", "threshold", t, *entry) for t, entry in TABLE_2_THRESHOLD.items()],
)
def test_table_2_is_as_printed(method, key, value, rate, printed):
    (cell,) = [
        cell
        for cell in _cells("table2_language_lr0.1")
        if cell.conditions.method == method and getattr(cell.conditions, key) == value
    ]
    published = cell.published
    side = "Our method, Delta" if key == "delta" else "Gradient clipping, Threshold"
    assert (published.table, published.column) == (2, f"{side} {value:g}")
    assert published.row == "Validation"
    assert published.printed == printed
    assert published.value == float(printed.partition("±")[0])
    assert published.success_rate == rate
    assert published.test is None
    c = cell.conditions
    assert (c.optimizer, c.learning_rate, c.schedule, c.epochs) == ("sgd", 0.1, "constant", 60)
    assert c.decay_after is None
    assert c.decay_divisor is None


@pytest.mark.parametrize(
    ("threshold", "rate", "printed", "test"), [(t, *entry) for t, entry in TABLE_4.items()]
)
def test_table_4_is_as_printed(threshold, rate, printed, test):
    (cell,) = [
        cell for cell in _cells("table4_elementwise") if cell.conditions.threshold == threshold
    ]
    published = cell.published
    assert (published.table, published.column) == (
        4,
        f"Gradient clipping, Threshold {threshold:g}",
    )
    assert published.row.startswith("Validation")
    assert (published.printed, published.test) == (printed, test)
    assert published.success_rate == rate
    assert published.value == (None if printed == "268.7.8±0.9" else float(printed))
    c = cell.conditions
    assert c.method == "elementwise_clipping"
    assert (c.optimizer, c.learning_rate, c.schedule) == ("sgd", 1.0, "exponential")
    assert (c.decay_after, c.decay_divisor) == (10, 1.1)


def test_the_misprint_is_kept_and_explained():
    published = load_config("table4_elementwise").cell("sgd_1.1/elementwise_0.0015").published
    assert published.printed == "268.7.8±0.9"
    assert published.value is None
    assert "printed so" in published.note
    assert any("268.7.8" in note for note in load_config("table4_elementwise").notes)


def test_not_available_is_no_number_and_says_why():
    cells = [cell for cell in _cells("table1_language") if cell.published.printed == "N/A"]
    assert [cell.name for cell in cells] == ["adam_1e-2/clipping_5", "rmsprop_1e-2/clipping_5"]
    for cell in cells:
        assert cell.published.value is None
        assert cell.published.note == "the validation perplexity diverged in the learning process"


def test_the_other_slip_of_the_supplement_is_noted():
    (note,) = [note for note in load_config("table2_language_lr0.1").notes if "Slip" in note]
    assert "0.6, 0.9, 1.2, 1.5, 1.8" in note


@pytest.mark.parametrize("config", ["main_language", "main_music", "timing", "demo"])
def test_only_the_supplements_tables_have_published_numbers(config):
    assert all(cell.published is None for cell in _cells(config))


@pytest.mark.parametrize(
    ("config", "thresholds"), [("main_language", (5, 10, 15, 20)), ("main_music", (15, 30, 45, 60))]
)
def test_main_experiments_have_the_main_papers_deltas_and_thresholds(config, thresholds):
    cells = [cell.conditions for cell in _cells(config)]
    assert [c.delta for c in cells if c.method == "projection"] == [0.2, 0.5, 0.8, 1.1, 1.4]
    assert tuple(c.threshold for c in cells if c.method == "clipping") == thresholds


@pytest.mark.parametrize("name", config_names())
def test_cells_are_named_after_what_they_set(name):
    for cell in _cells(name):
        c = cell.conditions
        tail = cell.name.partition("/")[2].rpartition("_")[2]
        if c.method in ("clipping", "elementwise_clipping"):
            assert float(tail) == c.threshold
        elif c.method == "projection" and name != "timing":
            assert float(tail) == c.delta


def test_equal_conditions_stand_nowhere_twice_in_a_config():
    for name in config_names():
        digests = [cell.conditions.digest() for cell in _cells(name)]
        assert len(set(digests)) == len(digests)
