"""Claims on norms of gradients and on spectral radii."""

import math

import pytest

from experiments.config.load import load_config
from experiments.config.model_size import n_parameters
from experiments.reports.claims import TABLE_1, TABLE_3
from experiments.reports.evidence import NOT_ENOUGH, NOT_REPRODUCED, REPRODUCED, UNDECIDED, Evidence
from experiments.reports.pairs import log_norms
from experiments.results.measures import largest_radius
from experiments.training.models import LanguageModel
from grustab.generators import Generators

OURS, THEIRS = (TABLE_3, "sgd/projection_0.2"), (TABLE_3, "sgd/clipping_15")
PAIR = {"sgd": (OURS, THEIRS)}


@pytest.mark.parametrize(
    ("means", "word"),
    [
        ([16.0, 16.1], REPRODUCED),
        ([58.0, 58.1], REPRODUCED),
        ([14.0, 14.1], NOT_REPRODUCED),
        ([14.0, 17.0], UNDECIDED),
        ([30.0], UNDECIDED),
        ([30.0, None], NOT_REPRODUCED),
    ],
    ids=str,
)
@pytest.mark.parametrize("quantity", ["norm", "mean_abs", "rms"])
def test_an_average_is_near_within_a_factor_of_two(evidence, store, means, word, quantity):
    cell = load_config(TABLE_3).cell(THEIRS[1])
    root = math.sqrt(n_parameters(cell.conditions.model_dump()))
    for seed, mean in enumerate(means):
        found = {"norm": 0.0, "mean_abs": 0.0, quantity: mean}
        if quantity == "rms":
            found = {"norm": mean and mean * root, "mean_abs": 0.0}
        store(cell, seed, gradient_mean=found)
    assert evidence.gradient_near(THEIRS, quantity, 30).word == word


def test_a_models_weights_are_counted_without_it():
    c = load_config(TABLE_1).cell("sgd_1.1/clipping_5").override(["units=6", "layers=2"]).conditions
    model = LanguageModel(10_000, 6, 2, 1.0, None, 0.0, (), True, Generators(0))
    assert n_parameters(c.model_dump()) == model.count_params()


@pytest.mark.parametrize(
    ("ours", "theirs", "word"),
    [(40.0, 90.0, REPRODUCED), (90.0, 90.0, NOT_REPRODUCED), (None, 90.0, NOT_REPRODUCED)],
)
def test_the_largest_norm_is_compared(evidence, put, ours, theirs, word):
    put(OURS, [4.0, 4.0], windows={"gradient_norm_max": [ours, 3.0]})
    assert evidence.lower(PAIR, log_norms).word == NOT_ENOUGH
    put(THEIRS, [4.0, 4.0], windows={"gradient_norm_max": [theirs, 3.0]})
    assert Evidence(evidence.out).lower(PAIR, log_norms).word == word


def test_a_gradient_that_ended_a_run_is_the_largest(evidence, put):
    put(OURS, [4.0, 4.0], status="diverged", divergence={"quantity": "gradient"})
    put(THEIRS, [4.0, 4.0])
    assert evidence.lower(PAIR, log_norms).word == NOT_REPRODUCED


@pytest.mark.parametrize(
    ("radius", "other", "word"),
    [(0.95, 0.8, REPRODUCED), (1.0, 0.8, NOT_REPRODUCED), (None, None, NOT_REPRODUCED)],
)
def test_every_radius_that_was_seen_counts(evidence, put, radius, other, word):
    radii = [[radius, None], [other, other]]  # None: not known
    put(OURS, [4.0, 4.0], windows={"spectral_radius": radii})
    assert evidence.every([OURS], lambda r: largest_radius(r) < 1, "").word == word
