"""Wait for a GPU once for several computations."""

from collections.abc import Generator, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from chainer import backend
from chainer.backends import cuda

T = TypeVar("T")
#: Yields float64 arrays of the current GPU, is sent them in main memory, and returns a result.
Steps = Generator[Sequence[Any], Any, T]


@np.errstate(over="ignore", under="ignore")  # an infinite norm leads to the exact way
def together(computations: Iterable[Steps[T]]) -> list[T]:
    """Results of computations that go on side by side: what all yield comes back in one copy.

    One that does not yield, such as any on a CPU, is done before the next one begins.
    """
    running = list(computations)
    results: dict[Steps[T], T] = {}
    copies: dict[Steps[T], Any] = dict.fromkeys(running)
    while copies:
        asked = {}
        for steps, copy in copies.items():
            try:
                asked[steps] = steps.send(copy)
            except StopIteration as end:
                results[steps] = end.value
        arrays = [array for wanted in asked.values() for array in wanted]
        copied = iter(_in_one_copy(arrays) if arrays else ())
        copies = {steps: [next(copied) for _ in wanted] for steps, wanted in asked.items()}
    return [results[steps] for steps in running]


def after_the_copy(xp: Any) -> Steps[None]:
    """On a GPU, let the others ask for theirs first, and go on when that is there."""
    if xp is not np:
        yield ()


def _in_one_copy(arrays: Sequence[Any]) -> list[np.ndarray]:
    xp = backend.get_array_module(*arrays)
    flat = cuda.to_cpu(xp.concatenate([array.ravel() for array in arrays]))
    parts = np.split(flat, np.cumsum([array.size for array in arrays])[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]
