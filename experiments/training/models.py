"""The two models of the paper: a language model and a model of polyphonic music."""

from collections.abc import Collection
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer.initializers import Normal

from grustab.functions import cross_entropy, embed_with_dropout, seeded_dropout
from grustab.generators import Generators
from grustab.links import StackedGRU


class SequenceModel(chainer.Chain):
    """Linear layer without bias times a factor, GRU layers, linear output layer.

    Subclasses give ``make_input``, ``first_layer`` and ``forward``.

    Args:
        n_symbols: Size of an input and of an output: words, or notes.
        units: Units of the first layer and of each GRU layer.
        layers: Number of GRU layers.
        input_scale: Factor on the first layer's output (main paper, unverified: 0.01).
        initial_std: Standard deviation of the initial weights; ``None``: ``1 / sqrt(units)``.
        input_std, output_std: Of the first and of the output layer; ``None``: ``initial_std``.
        dropout: Probability to drop an element.
        dropout_after: Layers whose output is dropped: ``"input"``, ``"gru"`` or both. Between
            two GRU layers it counts as the output of a GRU.
        output_bias: Whether the output layer has a bias.
        generators: Give the initial weights and the dropout masks.
    """

    def __init__(
        self,
        n_symbols: int,
        units: int,
        layers: int,
        input_scale: float,
        initial_std: float | None,
        dropout: float,
        dropout_after: Collection[str],
        output_bias: bool,
        generators: Generators,
        input_std: float | None = None,
        output_std: float | None = None,
    ) -> None:
        super().__init__()
        std = units**-0.5 if initial_std is None else initial_std
        rng = generators.weights
        between = dropout if "gru" in dropout_after else 0.0
        with self.init_scope():
            self.input = self.make_input(n_symbols, units, Normal(input_std or std, rng=rng))
            self.gru = StackedGRU(units, units, layers, between, std, rng, generators.masks)
            initial = Normal(output_std or std, rng=rng)
            self.output = L.Linear(units, n_symbols, nobias=not output_bias, initialW=initial)
        self.input_scale = input_scale
        self.dropout = dict.fromkeys(dropout_after, dropout)
        self.masks = generators.masks

    def reset_state(self) -> None:
        """Start the next call from ``h = 0``."""
        self.gru.reset_state()

    def states(self, xs: Any) -> chainer.Variable:
        """Inputs of T steps of B sequences to what the output layer reads (T * B, units)."""
        h = self.gru(self.first_layer(xs))
        h = seeded_dropout(h, self.dropout.get("gru", 0), self.masks)
        return h.reshape(-1, h.shape[2])


class LanguageModel(SequenceModel):
    """Next word: softmax over the vocabulary."""

    def make_input(self, n_symbols: int, units: int, initial: Any) -> chainer.Link:
        """A linear layer on one-hot words is a table of vectors."""
        # Drawn twice: all committed results began from the second draw.
        L.EmbedID(n_symbols, units, initialW=initial)
        return L.EmbedID(n_symbols, units, initialW=initial)

    def first_layer(self, xs: Any) -> chainer.Variable:
        """Word numbers (T, B) to what the GRU reads (T, B, units)."""
        ratio = self.dropout.get("input", 0)
        return embed_with_dropout(xs, self.input.W, self.input_scale, ratio, self.masks)

    def forward(self, xs: Any, ts: Any, mask: Any = None) -> chainer.Variable:
        """Negative log-likelihood in nats, summed over all steps that count.

        Args:
            xs: Word numbers (T, B), int32.
            ts: Next words (T, B), int32.
            mask: (T, B), 0 where a step does not count, or ``None``.
        """
        if mask is not None:
            with chainer.using_device(self.device):
                ts = self.xp.where(mask > 0, ts, -1).astype(ts.dtype)
        return cross_entropy(self.states(xs), self.output.W, self.output.b, ts.ravel())


class MusicModel(SequenceModel):
    """Next chord: an independent logistic output for each note."""

    def make_input(self, n_symbols: int, units: int, initial: Any) -> chainer.Link:
        """A linear layer without bias on the notes that sound."""
        return L.Linear(n_symbols, units, nobias=True, initialW=initial)

    def first_layer(self, xs: Any) -> chainer.Variable:
        """Piano rolls (T, B, notes) to what the GRU reads (T, B, units)."""
        h = self.input(F.cast(xs, self.input.W.dtype), n_batch_axes=2) * self.input_scale
        return seeded_dropout(h, self.dropout.get("input", 0), self.masks)

    def forward(self, xs: Any, ts: Any, mask: Any = None) -> chainer.Variable:
        """Negative log-likelihood in nats, summed over notes and all steps that count.

        Args:
            xs: Piano rolls (T, B, notes), float32.
            ts: The steps that follow, same shape.
            mask: (T, B), 0 where a step does not count, or ``None``.
        """
        with chainer.using_device(self.device):
            ts = ts.astype(np.int32)
            if mask is not None:
                ts = self.xp.where(mask[:, :, None] > 0, ts, -1).astype(np.int32)
        y = self.output(self.states(xs))
        ts = ts.reshape(y.shape)
        return F.sum(F.sigmoid_cross_entropy(y, ts, normalize=False, reduce="no"))
