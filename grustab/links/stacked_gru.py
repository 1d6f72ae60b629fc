"""Several GRU layers, dropout between them, none on the recurrence."""

from typing import Any

import chainer
import numpy as np

from grustab.errors import require_counts, require_dropout
from grustab.functions.dropout import seeded_dropout
from grustab.generators import default_generator
from grustab.links.gru import GRU
from grustab.masks import Masks


class StackedGRU(chainer.ChainList):
    """``n_layers`` layers of :class:`GRU`; layer l reads layer l-1's state of the same step.

    Args:
        in_size: Length of an input vector of the first layer.
        out_size: Number of units of every layer.
        n_layers: Number of layers L >= 1.
        dropout: Probability to drop an element of the sequence that one layer hands to the next.
            Neither the input of the first layer nor the output of the last is dropped here.
        initial_std, rng, dtype: As in :class:`GRU`; the layers draw from ``rng`` in turn.
        masks: The dropout masks, which the caller saves (``masks.serialize``); ``None``: some with
            a key from NumPy's global state, which no snapshot holds.

    Raises:
        ValueError: If ``n_layers`` or a size is below 1, or ``dropout`` is not in [0, 1).
    """

    def __init__(
        self,
        in_size: int,
        out_size: int,
        n_layers: int,
        dropout: float = 0.0,
        initial_std: float | None = None,
        rng: np.random.Generator | int | None = None,
        masks: Masks | None = None,
        dtype: Any = None,
    ) -> None:
        require_counts(n_layers=n_layers)
        require_dropout(dropout)
        rng = default_generator() if rng is None else np.random.default_rng(rng)
        sizes = [in_size] + [out_size] * (n_layers - 1)
        super().__init__(*(GRU(size, out_size, initial_std, rng, dtype) for size in sizes))
        self.dropout = dropout
        self.masks = Masks(default_generator().integers(2**63, size=2)) if masks is None else masks

    def reset_state(self) -> None:
        """Start the next call from ``h = 0`` in every layer."""
        for layer in self:
            layer.reset_state()

    def set_state(self, states: Any) -> None:
        """Start the next call from the given states, one of each layer's ``h``.

        Raises:
            ValueError: If there is not one state per layer, or one has the wrong shape.
        """
        if len(states) != len(self):
            raise ValueError(f"expected {len(self)} states, one per layer, got {len(states)}")
        for layer, h in zip(self, states, strict=True):
            layer.set_state(h)

    def forward(self, xs: Any) -> chainer.Variable:
        """Sequence (T, B, in_size) in, states of the last layer (T, B, out_size) out."""
        hs = xs
        for number, layer in enumerate(self):
            if number:
                hs = seeded_dropout(hs, self.dropout, self.masks)
            hs = layer(hs)
        return hs
