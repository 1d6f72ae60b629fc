"""The GPU kernels of a GRU step compile. That needs CuPy and its compiler, but no GPU."""

import os

import numpy as np
import pytest

from grustab.functions import gru_steps

cupy = pytest.importorskip("cupy")

KERNELS = {
    "gates": (gru_steps._gates_gpu, 4),
    "state": (gru_steps._state_gpu, 4),
    "gradient before reset": (gru_steps._gradient_before_reset_gpu, 4),
    "gradient before gates": (gru_steps._gradient_before_gates_gpu, 5),
}


HEADER = "#include <cupy/carray.cuh>\n"


def source(kernel, dtype):
    """What CuPy would compile for contiguous arrays, without asking a device."""
    from cupy._core import _carray, _kernel

    ndarray, indexer, scalar = 1, 2, 3
    infos = []
    for param in kernel.params:
        if param.name == "_ind":
            info = (indexer, _carray.Indexer, None, 1, True, True)
        elif param.name == "n":
            info = (scalar, np.int32, np.dtype("int32"), 0, True, True)
        else:
            info = (ndarray, cupy.ndarray, dtype, 1, True, True)
        infos.append(_kernel._ArgInfo(*info))
    return HEADER + _kernel._get_elementwise_kernel_code(
        tuple(infos),
        _kernel._TypeMap((("T", dtype),)),
        kernel.params,
        kernel.operation,
        kernel.name,
        kernel.preamble,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("step", "n_arrays"), KERNELS.values(), ids=KERNELS)
def test_kernel_compiles(step, n_arrays, dtype, monkeypatch):
    from cupy.cuda import compiler

    made = []

    def elementwise(*arguments):
        made.append(cupy.ElementwiseKernel(*arguments))
        return lambda *arrays: None

    monkeypatch.setattr(gru_steps.cuda, "elementwise", elementwise)
    step(*np.zeros((n_arrays, 2, 3), dtype))
    (kernel,) = made
    include = os.path.join(os.path.dirname(cupy.__file__), "_core", "include")
    program = compiler._NVRTCProgram(source(kernel, np.dtype(dtype)), "kernel.cu")
    binary = program.compile(["--std=c++17", f"-I{include}", "-arch=sm_90"])
    assert len(binary[0] if isinstance(binary, tuple) else binary) > 1000
