"""One layer of the paper's GRU as a stateful Chainer link over whole sequences."""

from collections.abc import Iterator
from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import Parameter

from grustab.errors import require_counts
from grustab.functions.gru import gru_sequence
from grustab.generators import default_generator
from grustab.initializers import GRUInitializer


def _named_matrix(parameter: str, block: int, doc: str) -> property:
    """A property that reads and writes one of the three matrices stacked in a parameter."""

    def rows(link: "GRU") -> Any:
        n = link.out_size
        return getattr(link, parameter).array[block * n : (block + 1) * n]

    def write(link: "GRU", value: Any) -> None:
        matrix = rows(link)
        value = chainer.as_array(value)
        if np.shape(value) != matrix.shape:
            raise ValueError(f"expected a matrix of shape {matrix.shape}, got {np.shape(value)}")
        with chainer.using_device(link.device):
            matrix[...] = link.device.send(value)

    return property(rows, write, doc=doc)


class GRU(chainer.Link):
    """GRU layer, eqs. (1)-(4) of the supplement exactly; there are no biases.

    ``hs = gru(xs)`` takes a whole sequence (T, B, in_size) and gives all states (T, B, out_size).
    The state after the last step is carried to the next call; the gradient is not (truncated
    back-propagation through time).

    The six matrices are stored as two parameters, ``W_x`` (3n, m) and ``W_h`` (3n, n) with m =
    ``in_size`` and n = ``out_size``, so that three products become one; ``gru.W_xz`` ...
    ``gru.W_hh`` are views into them that can be read and assigned.

    Args:
        in_size: Length of an input vector.
        out_size: Length of the state.
        initial_std: Standard deviation of the normal distribution that all matrices start from, but
            ``W_hh``, which starts orthogonal; ``None`` means ``1 / sqrt(out_size)`` (main paper,
            unverified: variance 1/650 with 650 units).
        rng: Generator of the initial weights, or a seed; ``None``: one seeded from NumPy's global
            state, which Chainer's own links draw from.
        dtype: Floating dtype of weights and states; ``None``: ``chainer.config.dtype``.

    Raises:
        ValueError: If a size is below 1, or the dtype is not a floating one.

    Attributes:
        W_x: Parameter (3n, m), ``W_xz``, ``W_xr``, ``W_xh`` stacked.
        W_h: Parameter (3n, n), ``W_hz``, ``W_hr``, ``W_hh`` stacked.
        h: State (B, n), an array, or ``None`` for zeros (the fixed point of Lemma 1).
    """

    W_xz = _named_matrix("W_x", 0, "Update gate, input: (n, m), eq. (1).")
    W_xr = _named_matrix("W_x", 1, "Reset gate, input: (n, m), eq. (2).")
    W_xh = _named_matrix("W_x", 2, "Candidate, input: (n, m), eq. (4).")
    W_hz = _named_matrix("W_h", 0, "Update gate, recurrent: (n, n), eq. (1).")
    W_hr = _named_matrix("W_h", 1, "Reset gate, recurrent: (n, n), eq. (2).")
    W_hh = _named_matrix("W_h", 2, "Candidate, recurrent: (n, n), eq. (4); P_delta acts on it.")

    def __init__(
        self,
        in_size: int,
        out_size: int,
        initial_std: float | None = None,
        rng: np.random.Generator | int | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        require_counts(in_size=in_size, out_size=out_size)
        rng = default_generator() if rng is None else np.random.default_rng(rng)
        std = out_size**-0.5 if initial_std is None else initial_std
        dtype = chainer.get_dtype(dtype, map_mixed16=np.float32)
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype must be a floating one, got {np.dtype(dtype)}")
        with self.init_scope():
            self.W_x = Parameter(GRUInitializer(std, rng, dtype), (3 * out_size, in_size))
            self.W_h = Parameter(
                GRUInitializer(std, rng, dtype, orthogonal=True), (3 * out_size, out_size)
            )
        self.in_size, self.out_size = in_size, out_size
        self.h = None

    @property
    def printable_specs(self) -> Iterator[tuple[str, int]]:
        """What ``print(link)`` shows, as of Chainer's own links."""
        yield from (("in_size", self.in_size), ("out_size", self.out_size))

    def reset_state(self) -> None:
        """Start the next call from ``h = 0``."""
        self.h = None

    def set_state(self, h: Any) -> None:
        """Start the next call from ``h``: an array or Variable (B, out_size); ``None``: zeros.

        Raises:
            ValueError: If ``h`` is not a matrix with ``out_size`` columns.
        """
        if h is None:
            self.reset_state()
            return
        h = chainer.as_array(h)
        if h.ndim != 2 or h.shape[1] != self.out_size:
            raise ValueError(f"expected a state of shape (B, {self.out_size}), got {h.shape}")
        with chainer.using_device(self.device):
            self.h = self.device.send(h).astype(self.W_h.dtype)

    def device_resident_accept(self, visitor: Any) -> None:
        """Move the state along when the link moves to another device."""
        super().device_resident_accept(visitor)
        if self.h is not None:
            self.h = visitor.visit_array(self.h)

    def forward(self, xs: Any) -> chainer.Variable:
        """Run over a sequence and keep the last state.

        Args:
            xs: Inputs (T, B, in_size), T >= 1, dtype of the weights, or float16 in Chainer's
                mixed precision.

        Returns:
            States (T, B, out_size), dtype of ``xs``.

        Raises:
            chainer.utils.type_check.InvalidType: If shape or dtype do not fit the weights or the
                carried state (another B: call :meth:`reset_state` first).
        """
        xs = chainer.as_variable(xs)
        dtype = xs.dtype
        mixed = dtype == np.float16 and chainer.config.dtype == chainer.mixed16
        if mixed:  # P_delta needs weights in float32, other layers hand on float16
            xs = F.cast(xs, self.W_h.dtype)
        h = self.h
        if h is None:
            batch = xs.shape[1] if xs.ndim == 3 else 0  # anything else is refused below
            with chainer.using_device(self.device):
                h = self.xp.zeros((batch, self.out_size), dtype=self.W_h.dtype)
        hs = gru_sequence(xs, h, self.W_x, self.W_h)
        with chainer.using_device(self.device):
            self.h = hs.array[-1].copy()  # a copy: a view would keep all T states alive
        return F.cast(hs, dtype) if mixed else hs


def gru_layers(model: chainer.Link) -> dict[str, GRU]:
    """Every GRU of a model by its path (``/gru/0``; empty for a model that is a GRU)."""
    return {path.rstrip("/"): link for path, link in model.namedlinks() if isinstance(link, GRU)}
