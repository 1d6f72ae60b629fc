"""Chainer's ways to copy a link."""

import copy

import numpy as np
import pytest

from grustab.links import GRU, StackedGRU

LINKS = [GRU(3, 4), StackedGRU(3, 4, 2)]


@pytest.mark.parametrize("link", LINKS, ids=["GRU", "StackedGRU"])
@pytest.mark.parametrize("mode", ["share", "copy", "init"])
def test_copies_have_equal_weights(link, mode):
    other = link.copy(mode)
    for (_, a), (_, b) in zip(link.namedparams(), other.namedparams(), strict=True):
        np.testing.assert_array_equal(a.array, b.array)
        assert np.shares_memory(a.array, b.array) == (mode == "share")


@pytest.mark.parametrize("link", LINKS, ids=["GRU", "StackedGRU"])
def test_repeat_and_deepcopy_work(link):
    xs = np.ones((2, 1, 3), dtype=np.float32)
    expected = copy.deepcopy(link)(xs).array
    np.testing.assert_array_equal(link.repeat(2)[1](xs).array, expected)
