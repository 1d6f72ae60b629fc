"""The kernels for a GPU compile. That needs CuPy and its compiler, but no GPU."""

import os

import numpy as np
import pytest

from grustab import masks
from grustab.functions import gru_steps

pytest.importorskip("cupy._core._kernel", reason="no CuPy")  # a stand-in has no compiler
import cupy

KERNELS = {name: lambda name=name: gru_steps._kernel(name) for name in gru_steps._KERNELS}
KERNELS["mask"] = masks._kernel
HEADER = "#include <cupy/carray.cuh>\n"
VOLTA, NEWEST_FOR_VOLTA = 70, (12, 9)


def source(kernel, dtype):
    """What CuPy would compile for contiguous arrays, without asking a device."""
    from cupy._core import _carray, _kernel

    ndarray, indexer, scalar = 1, 2, 3
    infos = []
    for param in kernel.params:
        number = param.dtype or (dtype if param.name == "kept" else None)
        if param.name == "_ind":
            info = (indexer, _carray.Indexer, None, 1, True, True)
        elif number:
            info = (scalar, number.type, number, 0, True, True)
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


@pytest.mark.parametrize("architecture", [VOLTA, 75, 80, 86, 89, 90])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KERNELS)
def test_kernel_compiles(name, dtype, architecture, monkeypatch):
    from cupy.cuda import compiler, nvrtc

    if architecture == VOLTA and nvrtc.getVersion() > NEWEST_FOR_VOLTA:
        pytest.skip("NVRTC of CUDA 13 has left it behind")
    monkeypatch.setattr("chainer.backends.cuda.elementwise", cupy.ElementwiseKernel)
    code = source(KERNELS[name](), np.dtype(dtype))
    include = os.path.join(os.path.dirname(cupy.__file__), "_core", "include")
    program = compiler._NVRTCProgram(code, "kernel.cu")
    binary = program.compile(["--std=c++17", f"-I{include}", f"-arch=sm_{architecture}"])
    assert len(binary[0] if isinstance(binary, tuple) else binary) > 1000
