"""Element-wise updates a block at a time, so that all passes over a block find it in cache."""

from collections.abc import Iterator

import numpy as np

#: Elements of a block: few enough for the cache, many enough for NumPy's calls not to count.
BLOCK = 2**17


def flat_blocks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Corresponding blocks of contiguous arrays of one shape, as flat views."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield tuple(array[start : start + BLOCK] for array in flat)


def can_work_in_place(*arrays: np.ndarray) -> bool:
    """Whether all are contiguous and of the same type, float32 or float64."""
    first = arrays[0]
    return all(
        array.flags.c_contiguous and array.dtype == first.dtype and array.dtype.char in "fd"
        for array in arrays
    )
