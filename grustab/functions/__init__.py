"""Differentiable functions."""

from grustab.functions.cross_entropy import cross_entropy
from grustab.functions.dropout import embed_with_dropout, seeded_dropout
from grustab.functions.gru import GRUSequence, gru_sequence

__all__ = [
    "GRUSequence",
    "cross_entropy",
    "embed_with_dropout",
    "gru_sequence",
    "seeded_dropout",
]
