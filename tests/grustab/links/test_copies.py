"""Chainer's ways to copy a link."""

import copy

import numpy as np
import pytest

from grustab.links import GRU, StackedGRU

links = pytest.mark.parametrize("link", [GRU(3, 4), StackedGRU(3, 4, 2)], ids=["GRU", "StackedGRU"])
XS = np.ones((2, 1, 3), dtype=np.float32)


@links
@pytest.mark.parametrize("mode", ["share", "copy"])
def test_copies_have_equal_weights(link, mode):
    other = link.copy(mode)
    for (_, a), (_, b) in zip(link.namedparams(), other.namedparams(), strict=True):
        np.testing.assert_array_equal(a.array, b.array)
        assert np.shares_memory(a.array, b.array) == (mode == "share")


@links
def test_a_deep_copy_computes_the_same(link):
    expected = copy.deepcopy(link)(XS).array
    link.reset_state()
    np.testing.assert_array_equal(link(XS).array, expected)
    link.reset_state()


@links
def test_repeated_links_have_new_weights_as_those_of_chainer(link):
    repeated = [list(part.params()) for part in (link, link.copy("init"), *link.repeat(2))]
    for params in zip(*repeated, strict=True):
        for i, a in enumerate(params):
            assert a.array.shape == params[0].array.shape
            assert not any(np.array_equal(a.array, b.array) for b in params[:i]), a.name
    assert link.repeat(2)[1](XS).shape == (2, 1, 4)
