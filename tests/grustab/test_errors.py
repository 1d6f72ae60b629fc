"""Errors that cross from one process to another."""

import pickle

import pytest

from grustab.errors import DivergenceError, NonFiniteMatrixError


@pytest.mark.parametrize("error", [
    DivergenceError("loss", float("inf")), NonFiniteMatrixError(3, 49, "W_hh")
], ids=str)  # fmt: skip
def test_an_error_survives_a_pickle(error):
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), vars(copied)) == (str(error), vars(error))
