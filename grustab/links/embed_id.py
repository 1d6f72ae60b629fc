"""Word vectors whose gradient holds only the words of the batch."""

from typing import Any

import chainer
import chainer.links as L
import numpy as np

from grustab.functions.embed_id import embed_id_rows
from grustab.row_sparse import RowSparseParameter


class EmbedID(L.EmbedID):
    """As :class:`chainer.links.EmbedID`, with a :class:`~grustab.row_sparse.RowSparseParameter`.

    On a CPU the gradient is kept as the rows of the words that occurred. On a GPU it is the
    same as Chainer's.

    Args:
        in_size: Number V of words.
        out_size: Length n of a vector.
        initialW: Initializer of the matrix (V, n).
        ignore_label: Number that gets a vector of zeros; with one, the gradient is Chainer's.
    """

    def __init__(
        self, in_size: int, out_size: int, initialW: Any = None, ignore_label: int | None = None
    ) -> None:
        super().__init__(in_size, out_size, initialW, ignore_label)
        initializer = self.W.initializer
        # Drawn twice, then: all committed results began from the second draw.
        del self.W
        with self.init_scope():
            self.W = RowSparseParameter(initializer, (in_size, out_size))

    def forward(self, x: Any) -> chainer.Variable:
        """Word numbers, any shape, to vectors of the same shape and one axis more."""
        if self.xp is not np or self.ignore_label is not None:
            return super().forward(x)
        return embed_id_rows(x, self.W)
