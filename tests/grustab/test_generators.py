"""The generators of a run."""

import copy

import chainer
import numpy as np
import pytest

from grustab.generators import Generators
from grustab.links import StackedGRU
from grustab.masks import Masks
from tests.grustab.extensions.test_sequence_evaluator import language

STREAMS = ("weights", "order", "projection")


def test_generators_of_one_seed_repeat_and_differ_from_each_other_and_other_seeds():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    a, b, c = Generators(3), Generators(3), Generators(4)
    draws = {name: tuple(getattr(a, name).random(5)) for name in STREAMS}
    # In another order: drawing from one leaves the others as they were.
    assert draws == {name: tuple(getattr(b, name).random(5)) for name in reversed(STREAMS)}
    others = {tuple(getattr(c, name).random(5)) for name in STREAMS}
    assert len(others.union(draws.values())) == 6
    masks = [(*g.masks((4, 4), 0.5, np.dtype("f")).flat,) for g in (a, b, c)]
    assert masks[0] == masks[1] != masks[2]
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_generators_go_on_from_where_they_were_saved(tmp_path):
    saved, loaded = Generators(3), Generators(4)
    for name in STREAMS:
        getattr(saved, name).random(5)
    saved.masks.drawn = 7
    chainer.serializers.save_npz(tmp_path / "generators.npz", saved)
    chainer.serializers.load_npz(tmp_path / "generators.npz", loaded)
    assert loaded.order.random() == saved.order.random()
    assert loaded.projection.random() == saved.projection.random()
    assert loaded.masks.drawn == 7


def test_a_seed_gives_the_same_numbers_as_ever():
    generators, masks = Generators(0), Masks((1, 2))
    drawn = [getattr(generators, name).random() for name in STREAMS]
    assert drawn == pytest.approx([0.942938, 0.677197, 0.364433], abs=1e-6)
    assert [*generators.masks.key] == [0xE453B002C1348609, 0x8B9AA1B410FD54DA]
    for expected in ([58586, 4489, 27258, 22463], [26744, 10589, 59100, 48280]):
        masks.next()
        assert masks.numbers((4,)).tolist() == expected


def test_copies_of_a_model_draw_other_masks():
    model = StackedGRU(2, 3, 2, dropout=0.5, masks=Masks((1, 2)))
    drawn = [m.masks((4, 4), 0.5, "f") for m in (model, copy.deepcopy(model))]
    assert (drawn[0] != drawn[1]).any()


def test_models_of_one_seed_start_alike_whatever_the_dropout():
    for p, q in zip(*(language(dropout).params() for dropout in (0.0, 0.5)), strict=True):
        np.testing.assert_array_equal(p.array, q.array)
