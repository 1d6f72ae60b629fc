"""Dropout masks that a key and their number decide: on a GPU the same as on a CPU.

Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) makes 256 random
bits of a counter and a key, and has no other state. NumPy has it; the kernel here gives the same
bits.
"""

import math
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np
from chainer.backends import cuda

from grustab.errors import require_dropout


class Masks:
    """The dropout masks of a run, one after the other.

    Args:
        key: Two numbers below 2^64; other keys give other masks.

    Attributes:
        drawn: How many masks were drawn so far.
    """

    def __init__(self, key: Any) -> None:
        self.key = np.asarray(key, dtype=np.uint64)
        self.drawn = 0

    def __call__(self, shape: tuple[int, ...], ratio: float, dtype: np.dtype) -> np.ndarray:
        """The next mask.

        Args:
            shape: Its shape.
            ratio: Probability of a 0, in [0, 1), to the nearest multiple of 2^-16; all others are
                ``1 / (1 - ratio)``.
            dtype: Floating dtype.
        """
        self.next()
        keep = self.numbers(shape) >= _least(ratio)
        return np.multiply(keep, np.dtype(dtype).type(1 / (1 - ratio)), dtype=dtype)

    def __deepcopy__(self, memo: Any) -> "Masks":
        """The same object: copies of a model draw in turn, so their masks differ."""
        return self

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load how many masks were drawn: there is no more to save."""
        self.drawn = serializer("masks", self.drawn)

    def next(self) -> int:
        """Number of the next mask, which counts as drawn."""
        self.drawn += 1
        return self.drawn

    def on_gpu(
        self, use: str, number: int, ratio: float, x: Any, out: Any, factor: float, ids: Any
    ) -> Any:
        """Make a mask and use it, in one kernel.

        Args:
            use: ``times``: ``out`` becomes ``x`` times the mask; ``rows``: rows ``ids`` of ``x``
                times the mask; ``add``: ``x`` times the mask is added to rows ``ids`` of ``out``.
            number: Of the mask.
            ratio: As above.
            x: CuPy array.
            out: CuPy array of the same dtype, which is returned.
            factor: All is multiplied by it.
            ids: Whole numbers, CuPy, or ``None``.
        """
        masked = x if use == "add" else out  # what has the shape of the mask
        words, width = -(-masked.size // 16), masked.shape[-1]
        least = _least(ratio)
        scalars = *self.key, number, least, factor / (1 - ratio), masked.size, width
        return _kernel(use)(*scalars, x, out if ids is None else ids, out, size=words)

    def numbers(self, shape: tuple[int, ...]) -> np.ndarray:
        """Random numbers below 2^16, uint16: 16 bits an element, as whole floats take longer."""
        size = math.prod(shape)
        philox = np.random.Philox(key=self.key, counter=[0, self.drawn, 0, 0])
        words = philox.random_raw(-(-size // 4)).astype("<u8", copy=False)
        return words.view("<u2")[:size].reshape(shape)


def _least(ratio: float) -> int:
    """The least number that is kept."""
    require_dropout(ratio)
    return min(round(ratio * 2**16), 2**16 - 1)  # never drop all


_USES = {
    "times": "out[e] = x[e] * m;",
    "rows": "out[e] = x[ids[e / width] * width + e % width] * m;",
    "add": "atomicAdd(&out[ids[e / width] * width + e % width], (T)(x[e] * m));",
}


def _kernel(use: str) -> Callable:
    """One thread makes 16 elements of 256 bits. NumPy counts up before it draws, hence i + 1."""
    return cuda.elementwise(
        "uint64 key0, uint64 key1, uint64 number, int32 least, T kept, int64 n, int64 width, "
        "raw T x, raw S ids",
        "raw T out",
        """
        const unsigned long long m0 = 0xD2E7470EE14C6C93ULL, m1 = 0xCA5A826395121157ULL;
        unsigned long long k0 = key0, k1 = key1, c[4] = {(unsigned long long)i + 1, number, 0, 0};
        for (int round = 0; round < 10; ++round) {
            unsigned long long high0 = grustab_high(m0, c[0]), high1 = grustab_high(m1, c[2]);
            unsigned long long low0 = m0 * c[0], low1 = m1 * c[2];
            c[0] = high1 ^ c[1] ^ k0;
            c[1] = low1;
            c[2] = high0 ^ c[3] ^ k1;
            c[3] = low0;
            k0 += 0x9E3779B97F4A7C15ULL;
            k1 += 0xBB67AE8584CAA73BULL;
        }
        for (int j = 0; j < 16 && 16 * i + j < n; ++j) {
            int drawn = c[j / 4] >> 16 * (j % 4) & 0xffff;
            T m = drawn < least ? (T)0 : kept;
            ptrdiff_t e = 16 * i + j;
            """
        + _USES[use]
        + "}",
        f"grustab_mask_{use}",
        preamble=_HIGH,
    )


# The upper half of a product of 64 bits, in C that every compiler knows.
_HIGH = """
__device__ unsigned long long grustab_high(unsigned long long a, unsigned long long b) {
    unsigned long long a_low = a & 0xffffffff, b_low = b & 0xffffffff;
    unsigned long long one = (a >> 32) * b_low + (a_low * b_low >> 32);
    unsigned long long other = a_low * (b >> 32) + (one & 0xffffffff);
    return (a >> 32) * (b >> 32) + (one >> 32) + (other >> 32);
}
"""
