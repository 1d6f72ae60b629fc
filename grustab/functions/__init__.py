"""Differentiable functions."""

from grustab.functions.dropout import seeded_dropout
from grustab.functions.gru import GRUSequence, gru_sequence

__all__ = [
    "GRUSequence",
    "gru_sequence",
    "seeded_dropout",
]
