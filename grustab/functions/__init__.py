"""Differentiable functions."""

from grustab.functions.dropout import embed_with_dropout, seeded_dropout
from grustab.functions.gru import gru_sequence
from grustab.functions.softmax_loss import cross_entropy

__all__ = ["cross_entropy", "embed_with_dropout", "gru_sequence", "seeded_dropout"]
