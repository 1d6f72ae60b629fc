"""Differentiable functions."""

from grustab.functions.dropout import seeded_dropout
from grustab.functions.gru import GRUSequence, gru_sequence
from grustab.functions.linear_cross_entropy import (
    linear_sigmoid_cross_entropy,
    linear_softmax_cross_entropy,
)

__all__ = [
    "GRUSequence",
    "gru_sequence",
    "linear_sigmoid_cross_entropy",
    "linear_softmax_cross_entropy",
    "seeded_dropout",
]
