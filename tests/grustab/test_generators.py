"""The generators of a run."""

import chainer
import numpy as np

from grustab.generators import Generators
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


def test_models_of_one_seed_start_alike_whatever_the_dropout():
    for p, q in zip(*(language(dropout).params() for dropout in (0.0, 0.5)), strict=True):
        np.testing.assert_array_equal(p.array, q.array)
