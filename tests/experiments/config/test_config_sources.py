"""What each setting of the configs is ascribed to: the supplement, the main paper, or us."""

import pytest

from experiments.config.load import config_names, load_config
from experiments.config.schema import ASSUMPTION, STATED, UNVERIFIED

# What section B.1 says of every run.
ALWAYS_STATED = {
    "adam_beta1": {0.9},
    "adam_beta2": {0.999},
    "rmsprop_beta": {0.99},
    "epsilon": {1e-8},
    "method": {"projection", "clipping"},
}
# The schedule of SGD in language modelling that is taken up after Table 1.
SGD_OF_LANGUAGE = {
    "task": {"language"},
    "optimizer": {"sgd"},
    "learning_rate": {1.0},
    "schedule": {"exponential"},
    "decay_after": {10},
    "decay_divisor": {1.1},
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
        **SGD_OF_LANGUAGE,
        "method": {"elementwise_clipping"},
        "threshold": {0.0015, 0.003, 0.0045, 0.006},
    },
    "timing": {
        **SGD_OF_LANGUAGE,
        "delta": {0.2},
        "threshold": {5},
        "projection": {"naive", "truncated"},
    },
    "main_language": SGD_OF_LANGUAGE,
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
    "identify_music": {"task": {"music"}},
    "table1_language_small": {"task": {"language"}},
}
# What is remembered of the main paper, by task.
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


def _every_cell():
    return [
        pytest.param(cell, id=f"{cell.config}:{cell.name}")
        for name in config_names()
        for cell in load_config(name).cells.values()
    ]


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
        # A cell has one source, and of these the reading is ours.
        ours = cell.config == "identify_music"
        assert cell.sources["stop_patience"] == (ASSUMPTION if ours else STATED)
        assert (c.min_learning_rate or 0) <= c.learning_rate
