"""The loop over the steps on a GPU as one launch, a CUDA graph: ``GRUSTAB_CUDA_GRAPHS=1``.

It is off otherwise: no GPU has run it yet. CuPy (14.2) refuses its products while it records a
graph, so that here cuBLAS itself is called.
"""

import ctypes
import functools
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from chainer.backends import cuda

SWITCH = "GRUSTAB_CUDA_GRAPHS"
#: Graphs of one loop: whole tunes have so many lengths that most are not worth theirs.
MOST = 8
#: Bytes of cuBLAS's workspace, as NVIDIA advises.
WORKSPACE = 2**25


def as_graph(loop: Callable) -> Callable:
    """``loop(*arrays and numbers, dot)`` gives arrays; with the switch, replayed where it can be.

    Shapes that come for the first time run step by step, which compiles the kernels. So does
    everything where a graph cannot be recorded, after a warning.
    """
    graphs: dict[Any, _Graph | None] = {}

    @functools.wraps(loop)
    def run(*args: Any) -> tuple[Any, ...]:
        nonlocal graphs
        xp = cuda.cupy
        if os.environ.get(SWITCH) != "1":
            return loop(*args, xp.dot)
        key = (cuda.Device().id, *((x.shape, x.dtype.char) if _is_array(x) else x for x in args))
        if key not in graphs:
            if len(graphs) < MOST:
                graphs[key] = None
            return loop(*args, xp.dot)
        graph = graphs[key]
        if graph is None:
            try:
                graph = graphs[key] = _Graph(loop, args)
            except Exception as error:  # CuPy, CUDA or cuBLAS cannot: nothing has been run
                warnings.warn(f"no CUDA graphs: {error}", RuntimeWarning, stacklevel=2)
                graphs = dict.fromkeys(range(MOST))
                return loop(*args, xp.dot)
        return graph(*args)

    return run


def _is_array(x: Any) -> bool:
    return isinstance(x, cuda.cupy.ndarray)


class _Graph:
    """A loop, recorded with arrays of its own, which are copied from and to."""

    def __init__(self, loop: Callable, args: tuple[Any, ...]) -> None:
        cupy = cuda.cupy
        # What the graph uses belongs to nobody else, even where the loop has let go of it.
        self.pool, stream = cupy.cuda.MemoryPool(), cupy.cuda.Stream(non_blocking=True)
        with cupy.cuda.using_allocator(self.pool.malloc), stream:
            self.args = [cupy.empty(x.shape, x.dtype) if _is_array(x) else x for x in args]
            dot = _dot(args[0].dtype, stream)
            stream.begin_capture()
            try:
                self.results = loop(*self.args, dot)
            except BaseException:
                with suppress(Exception):
                    stream.end_capture()
                raise
            self.graph = stream.end_capture()

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        for mine, x in zip(self.args, args, strict=True):
            if _is_array(x):
                mine[...] = x
        self.graph.launch()
        return tuple(x.copy() for x in self.results)


def _dot(dtype: np.dtype, stream: Any) -> Callable:
    """``dot(a, b, out)`` of matrices, ``b`` or its transpose contiguous, on a stream."""
    blas = _cublas()
    handle, workspace = _handle(cuda.Device().id)
    _check(blas.cublasSetStream_v2(handle, ctypes.c_void_p(stream.ptr)))
    pointer = ctypes.c_void_p(workspace.data.ptr)
    _check(blas.cublasSetWorkspace_v2(handle, pointer, ctypes.c_size_t(workspace.nbytes)))
    gemm, real = {
        "f": (blas.cublasSgemm_v2, ctypes.c_float),
        "d": (blas.cublasDgemm_v2, ctypes.c_double),
    }[dtype.char]
    one, zero = ctypes.byref(real(1)), ctypes.byref(real(0))

    def dot(a: Any, b: Any, out: Any) -> None:
        # Columns come first there: out^T = b^T a^T.
        (rows, inner), columns = a.shape, b.shape[1]
        is_transposed = not b.flags.c_contiguous
        x, y, z = (ctypes.c_void_p(array.data.ptr) for array in (b, a, out))
        width = inner if is_transposed else columns
        sizes = columns, rows, inner
        _check(
            gemm(handle, int(is_transposed), 0, *sizes, one, x, width, y, inner, zero, z, columns)
        )

    return dot


@functools.cache
def _handle(device: int) -> tuple[ctypes.c_void_p, Any]:
    handle = ctypes.c_void_p()
    _check(_cublas().cublasCreate_v2(ctypes.byref(handle)))
    return handle, cuda.cupy.empty(WORKSPACE, np.uint8)


@functools.cache
def _cublas() -> Any:
    from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy 14

    return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"cuBLAS gave status {status}")
