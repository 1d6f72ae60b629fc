"""The configs against the supplement, and what each setting of theirs is ascribed to."""

import pytest

from experiments.config.load import config_names, load_config
from experiments.config.schema import ASSUMPTION, STATED, UNVERIFIED
from tests.experiments.config import supplement as paper

CONFIGS = {name: load_config(name) for name in config_names()}


def every_cell(*names):
    cells = [cell for name in names or CONFIGS for cell in CONFIGS[name].cells.values()]
    ids = [f"{cell.config}:{cell.name}" for cell in cells]
    return pytest.mark.parametrize("cell", cells, ids=ids)


SIDES = {
    "delta": ("Our method", "δ", "projection"),
    "threshold": ("Gradient clipping", "threshold", "clipping"),
}


def _printed():
    """Config; table, column, row, entry, success rate and test; conditions of the entry."""
    for config, number, table, rows, threshold in (
        ("table1_language", 1, paper.TABLE_1, {**paper.ADAM_AND_RMSPROP, **paper.SGD_LANGUAGE}, 5),
        ("table3_music", 3, paper.TABLE_3, {**paper.ADAM_AND_RMSPROP, **paper.SGD_MUSIC}, 15),
    ):
        for line in table.strip().splitlines():
            row, *entries = (part.strip() for part in line.split("|"))
            for key, value, entry in zip(SIDES, (0.2, threshold), entries):
                side, letter, method = SIDES[key]
                column = f"{side} {letter} = {value}, Validation"
                conditions = {**rows[row], "method": method, key: value}
                yield config, (number, column, row, entry, None, None), conditions
    sgd = {"optimizer": "sgd", "learning_rate": 0.1, "schedule": "constant", "epochs": 60}
    sgd |= {"decay_after": None, "decay_divisor": None}
    for key, entries in (("delta", paper.TABLE_2_DELTA), ("threshold", paper.TABLE_2_THRESHOLD)):
        side, _, method = SIDES[key]
        for value, (rate, entry) in entries.items():
            printed = 2, f"{side}, {key.title()} {value:g}", "Validation", entry, rate, None
            yield "table2_language_lr0.1", printed, {**sgd, "method": method, key: value}
    sgd = {**paper.SGD_LANGUAGE["SGD (η divided by 1.1)"], "method": "elementwise_clipping"}
    for value, (rate, entry, test) in paper.TABLE_4.items():
        row = "Validation (first row of that name)"
        printed = 4, f"Gradient clipping, Threshold {value:g}", row, entry, rate, test
        yield "table4_elementwise", printed, {**sgd, "threshold": value}


PRINTED = list(_printed())


def test_there_are_just_these_configs():
    assert set(CONFIGS) == set(paper.MAY_BE_STATED)


@pytest.mark.parametrize(
    ("config", "printed", "conditions"),
    PRINTED,
    ids=[f"{p[0]}, {p[1]}, {p[2]}" for _, p, _ in PRINTED],
)
def test_tables_1_to_4_are_as_printed(config, printed, conditions):
    place, cells = printed[1:3], CONFIGS[config].cells.values()
    assert len(cells) == sum(name == config for name, _, _ in PRINTED)
    (cell,) = [c for c in cells if (c.published.column, c.published.row) == place]
    keys = ("table", "column", "row", "printed", "success_rate", "test")
    assert tuple(getattr(cell.published, key) for key in keys) == printed
    entry = cell.published.printed
    unreadable = entry in ("N/A", "268.7.8±0.9")
    assert cell.published.value == (None if unreadable else float(entry.partition("±")[0]))
    assert {key: getattr(cell.conditions, key) for key in conditions} == conditions


def test_timing_has_all_projections_clipping_and_a_baseline():
    cells = [cell.conditions for cell in CONFIGS["timing"].cells.values()]
    assert {"clipping", "none", "projection"} == {c.method for c in cells}
    assert {c.projection for c in cells if c.delta} == {"naive", "truncated", "auto"}
    # What it costs to leave more room is asked for up to the paper's largest margin.
    assert {c.delta for c in cells} >= {0.2, 0.5, 0.8, 1.1, 1.4}


def test_slips_and_gaps_of_the_supplement_are_explained():
    cells = [cell for config in CONFIGS.values() for cell in config.cells.values()]
    odd = {"268.7.8±0.9": "printed so", "N/A": "diverged in the learning process"}
    explained = [cell for cell in cells if cell.published and cell.published.printed in odd]
    assert len(explained) == 3
    for cell in explained:
        assert odd[cell.published.printed] in cell.published.note
    assert any("0.6, 0.9, 1.2, 1.5, 1.8" in n for n in CONFIGS["table2_language_lr0.1"].notes)


@every_cell(*sorted(CONFIGS.keys() - {config for config, *_ in PRINTED}))
def test_only_the_supplements_tables_have_published_numbers(cell):
    assert cell.published is None


@pytest.mark.parametrize(
    ("config", "thresholds"), [("main_language", (5, 10, 15, 20)), ("main_music", (15, 30, 45, 60))]
)
def test_main_experiments_have_the_main_papers_deltas_and_thresholds(config, thresholds):
    cells = [cell.conditions for cell in CONFIGS[config].cells.values()]
    assert len(cells) == 9
    assert [c.delta for c in cells if c.method == "projection"] == [0.2, 0.5, 0.8, 1.1, 1.4]
    assert tuple(c.threshold for c in cells if c.method == "clipping") == thresholds


@every_cell()
def test_a_cell_is_named_after_what_it_sets(cell):
    c, tail = cell.conditions, cell.name.partition("/")[2].rpartition("_")[2]
    if c.method in ("clipping", "elementwise_clipping"):
        assert float(tail) == c.threshold
    elif c.method == "projection" and cell.config != "timing":
        assert float(tail) == c.delta


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_equal_conditions_stand_nowhere_twice_in_a_config(config):
    assert len({cell.conditions.digest() for cell in config.cells.values()}) == len(config.cells)


@every_cell()
def test_every_setting_has_a_source_that_states_it(cell):
    in_force = {key for key, value in cell.conditions.model_dump().items() if value is not None}
    in_force.add("initial_std")  # null, too, means something: 1 / sqrt(units)
    assert in_force - set(cell.sources) == set()
    assert set(cell.sources.values()) <= {STATED, UNVERIFIED, ASSUMPTION}
    says = {
        STATED: {**paper.ALWAYS_STATED, **paper.MAY_BE_STATED[cell.config]},
        UNVERIFIED: paper.REMEMBERED[cell.conditions.task],
    }
    wrong = {
        key: getattr(cell.conditions, key)
        for key, source in cell.sources.items()
        if source != ASSUMPTION and getattr(cell.conditions, key) not in says[source].get(key, ())
    }
    assert wrong == {}
    if cell.config != "demo":  # as section B.1 says
        assert {
            key: getattr(cell.conditions, key) for key in paper.OF_EVERY_RUN
        } == paper.OF_EVERY_RUN


@every_cell("table3_music", "main_music", "identify_music")
def test_music_ends_by_the_stated_rule_of_its_optimizer(cell):
    c = cell.conditions
    if c.optimizer == "sgd":
        assert c.stop_patience is None
        assert c.min_learning_rate == 1e-4
        assert cell.sources["min_learning_rate"] == UNVERIFIED
    else:
        assert c.stop_patience == 50
        # A cell has one source, and of these the reading is ours.
        ours = cell.config == "identify_music"
        assert cell.sources["stop_patience"] == (ASSUMPTION if ours else STATED)
        assert (c.min_learning_rate or 0) <= c.learning_rate
