"""The configs against the supplement: every number typed here anew from its text."""

import pytest

from experiments.conditions import Conditions
from experiments.config import ASSUMPTION, STATED, UNVERIFIED, config_names, load_config

CELLS = {
    "table1_language": 18,
    "table2_language_lr0.1": 9,
    "table3_music": 14,
    "table4_elementwise": 4,
    "main_language": 9,
    "main_music": 9,
    "demo": 3,
    "open_music": 33,
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

# What section B.1 says of every run.
ALWAYS_STATED = {
    "adam_beta1": {0.9},
    "adam_beta2": {0.999},
    "rmsprop_beta": {0.99},
    "epsilon": {1e-8},
    "method": {"projection", "clipping"},
}
# What each config may call stated, and the values that the supplement states there.
MAY_BE_STATED = {
    "table1_language": {
        "task": {"language"},
        "epochs": {60},
        "optimizer": {"adam", "rmsprop", "sgd"},
        "learning_rate": {1e-2, 1e-3, 1e-4, 1.0},
        "decay_after": {10},
        "decay_divisor": {1.2, 1.1, 1.05},
        "schedule": {"exponential"},
        "delta": {0.2},
        "threshold": {5},
    },
    "table2_language_lr0.1": {
        "task": {"language"},
        "epochs": {60},
        "optimizer": {"sgd"},
        "learning_rate": {0.1},
        "schedule": {"constant"},
        "delta": {0.2, 0.5, 0.8, 1.1, 1.4},
        "threshold": {5, 10, 15, 20},
    },
    "table3_music": {
        "task": {"music"},
        "optimizer": {"adam", "rmsprop", "sgd"},
        "learning_rate": {1e-2, 1e-3, 1e-4, 0.1},
        "stop_patience": {50},
        "decay_after": {10},
        "decay_divisor": {1.25},
        "schedule": {"plateau"},
        "delta": {0.2},
        "threshold": {15},
    },
    "table4_elementwise": {
        "task": {"language"},
        "optimizer": {"sgd"},
        "learning_rate": {1.0},
        "schedule": {"exponential"},
        "decay_after": {10},
        "decay_divisor": {1.1},
        "method": {"elementwise_clipping"},
        "threshold": {0.0015, 0.003, 0.0045, 0.006},
    },
    "timing": {
        "task": {"language"},
        "optimizer": {"sgd"},
        "learning_rate": {1.0},
        "schedule": {"exponential"},
        "decay_after": {10},
        "decay_divisor": {1.1},
        "delta": {0.2},
        "threshold": {5},
        "projection": {"naive", "truncated"},
    },
    "main_language": {
        "task": {"language"},
        "optimizer": {"sgd"},
        "learning_rate": {1.0},
        "schedule": {"exponential"},
        "decay_after": {10},
        "decay_divisor": {1.1},
    },
    "main_music": {
        "task": {"music"},
        "optimizer": {"sgd"},
        "learning_rate": {0.1},
        "schedule": {"plateau"},
        "decay_after": {10},
        "decay_divisor": {1.25},
    },
    "demo": {},
    "open_music": {"task": {"music"}},
    "table1_language_small": {"task": {"language"}},
}
# What is remembered of the main paper, by task; see shared/paper/README.md.
REMEMBERED = {
    "language": {
        "dataset": ["ptb"],
        "units": [650],
        "layers": [1],
        "epochs": [75],
        "threshold": [5, 10, 15, 20],
    },
    "music": {
        "dataset": ["nottingham"],
        "units": [200],
        "layers": [2],
        "min_learning_rate": [1e-4],
        "threshold": [15, 30, 45, 60],
    },
}
REMEMBERED_OF_BOTH = {
    "batch_size": [20],
    "bptt_steps": [35],
    "input_scale": [0.01],
    "initial_std": [None],
    "dropout": [0.5],
    "dropout_after": [["input", "gru"]],
    "method": ["projection", "clipping"],
    "delta": [0.2, 0.5, 0.8, 1.1, 1.4],
}


def _cells(config):
    return list(load_config(config).cells.values())


def _every_cell():
    return [
        pytest.param(cell, id=f"{cell.config}:{cell.name}")
        for name in config_names()
        for cell in _cells(name)
    ]


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


@pytest.mark.parametrize("cell", _every_cell())
def test_every_setting_in_force_has_a_source(cell):
    in_force = {key for key, value in cell.conditions.model_dump().items() if value is not None}
    in_force.add("initial_std")  # null, too, means something: 1 / sqrt(units)
    assert in_force - set(cell.sources) == set()
    assert set(cell.sources.values()) <= {STATED, UNVERIFIED, ASSUMPTION}


@pytest.mark.parametrize("cell", _every_cell())
def test_nothing_is_called_stated_that_the_supplement_does_not_state(cell):
    stated = {**ALWAYS_STATED, **MAY_BE_STATED[cell.config]}
    wrong = {
        key: getattr(cell.conditions, key)
        for key, source in cell.sources.items()
        if source == STATED and getattr(cell.conditions, key) not in stated.get(key, ())
    }
    assert wrong == {}


@pytest.mark.parametrize("cell", _every_cell())
def test_nothing_is_ascribed_to_the_main_paper_that_is_not_remembered_of_it(cell):
    remembered = {**REMEMBERED_OF_BOTH, **REMEMBERED[cell.conditions.task]}
    wrong = {
        key: getattr(cell.conditions, key)
        for key, source in cell.sources.items()
        if source == UNVERIFIED and getattr(cell.conditions, key) not in remembered.get(key, ())
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "cell", [p for p in _every_cell() if not p.values[0].config.startswith("demo")]
)
def test_constants_of_adam_and_rmsprop_are_those_of_section_b1(cell):
    c = cell.conditions
    assert (c.adam_beta1, c.adam_beta2, c.rmsprop_beta, c.epsilon) == (0.9, 0.999, 0.99, 1e-8)


@pytest.mark.parametrize(
    "cell",
    [p for p in _every_cell() if p.values[0].config.endswith("_music") and "open" not in p.id],
)
def test_music_ends_by_the_stated_rule_of_its_optimizer(cell):
    c = cell.conditions
    if c.optimizer == "sgd":
        assert c.stop_patience is None
        assert c.min_learning_rate == 1e-4
        assert cell.sources["min_learning_rate"] == UNVERIFIED
    else:
        assert c.stop_patience == 50
        assert cell.sources["stop_patience"] == STATED
        assert (c.min_learning_rate or 0) <= c.learning_rate


@pytest.mark.parametrize("name", sorted(MAY_BE_STATED))
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


# The conditions' digest

BASE = load_config("main_music").cell("sgd/clipping_15").conditions.model_dump()
# A valid other value of each key that is no number to be doubled, with what has to go along.
OTHER = {
    "task": ("language", {"dataset": "synthetic", "batching": "stream"}),
    "dataset": ("synthetic", {}),
    "batching": ("tunes", {}),
    "dropout": (0.25, {}),
    "dropout_after": (["gru"], {}),
    "initial_std": (0.1, {}),
    "output_bias": (False, {}),
    "loss": ("mean_over_steps", {}),
    "optimizer": ("adam", {}),
    "adam_beta1": (0.5, {}),
    "adam_beta2": (0.5, {}),
    "rmsprop_beta": (0.5, {}),
    "schedule": ("exponential", {}),
    "stop_patience": (50, {}),
    "method": ("elementwise_clipping", {}),
    "delta": (0.2, {"method": "projection", "threshold": None}),
    "projection": ("truncated", {}),
}


@pytest.mark.parametrize("key", list(Conditions.model_fields))
def test_any_changed_key_changes_the_digest(key):
    value, along = OTHER.get(key) or (BASE[key] * 2, {})
    changed = {**BASE, **along, key: value}
    assert changed[key] != BASE[key]
    assert Conditions(**changed).digest() != Conditions(**BASE).digest()


def test_the_order_of_keys_does_not_change_the_digest():
    turned = dict(reversed(BASE.items()))
    assert list(turned) != list(BASE)
    assert Conditions(**turned).digest() == Conditions(**BASE).digest()


def test_whole_numbers_and_floats_have_one_digest():
    assert Conditions(**{**BASE, "threshold": 15}).digest() == Conditions(**BASE).digest()


def test_a_default_given_in_full_does_not_change_the_digest():
    short = {key: value for key, value in BASE.items() if value is not None}
    assert len(short) < len(BASE)
    assert Conditions(**short).digest() == Conditions(**BASE).digest()


# Overrides


@pytest.mark.parametrize("cell", _cells("table3_music"))
def test_an_override_replaces_a_setting_and_says_so(cell):
    cell = cell.override(["epochs=2", "learning_rate=1e-3", "dropout_after=[gru]"])
    c = cell.conditions
    assert (c.epochs, c.learning_rate, c.dropout_after) == (2, 1e-3, ["gru"])
    assert cell.overrides == {"epochs": 2, "learning_rate": 1e-3, "dropout_after": ["gru"]}
    assert cell.sources["epochs"] == "command line"
    assert cell.sources["units"] == UNVERIFIED


def test_an_override_to_another_value_changes_the_digest():
    plain = load_config("demo").cell("sgd/clipping_20")
    assert plain.overrides == {}
    assert plain.override([]) == plain
    assert plain.override(["epochs=5"]).conditions.digest() == plain.conditions.digest()
    assert plain.override(["epochs=6"]).conditions.digest() != plain.conditions.digest()


def test_the_last_of_two_overrides_of_a_key_counts():
    cell = load_config("demo").cell("sgd/clipping_20").override(["epochs=6", "epochs=7"])
    assert cell.conditions.epochs == 7


def test_select_takes_shell_patterns():
    config = load_config("table1_language")
    assert [cell.name for cell in config.select("sgd_1.1/*")] == [
        "sgd_1.1/projection_0.2",
        "sgd_1.1/clipping_5",
    ]
    assert len(config.select("*")) == 18
