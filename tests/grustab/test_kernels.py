"""The kernels for a GPU compile. That needs CuPy and its compiler, but no GPU."""

import os

import numpy as np
import pytest

from grustab import masks
from grustab.functions import gru_steps, softmax_loss
from grustab.updaters import gpu_step

pytest.importorskip("cupy._core._kernel", reason="no CuPy")  # a stand-in has no compiler
import cupy

KERNELS = {
    **{name: lambda name=name: gru_steps._kernel(name) for name in gru_steps._KERNELS},
    **{use: lambda use=use: masks._kernel(use) for use in masks._USES},
    "log sums": lambda: cupy.ReductionKernel(
        *softmax_loss._LOG_SUMS, reduce_type="Parts", preamble=softmax_loss._PARTS
    ),
    "cross entropy": lambda: cupy.ReductionKernel(*softmax_loss._TOTAL),
    "gradient": lambda: cupy.ElementwiseKernel(*softmax_loss._GRADIENT),
    "gradient sums": lambda: gpu_step._sums_kernel(3),
    **{
        kind.__name__: lambda rule=rule: gpu_step._update_kernel(rule, gpu_step.ARRAYS)
        for kind, rule in gpu_step.RULES.items()
    },
}
#: Parameters that are numbers of the arrays' dtype.
SCALARS = {"kept", "lr", "alpha", "one_minus_beta1", "one_minus_beta2", "eps"}
HEADER = "#include <cupy/carray.cuh>\n#include <cupy/atomics.cuh>\n"
VOLTA, NEWEST_FOR_VOLTA = 70, (12, 9)


def source(kernel, dtype):
    """What CuPy would compile for contiguous arrays, without asking a device."""
    from cupy._core import _carray, _kernel, _reduction

    ndarray, indexer, scalar = 1, 2, 3
    types = _kernel._TypeMap((("IndexT", np.dtype("i")), ("T", dtype), ("S", np.dtype("i"))))
    reduces = isinstance(kernel, cupy.ReductionKernel)
    params = kernel._params if reduces else kernel.params
    infos = []
    for param in params:
        number = param.dtype or np.dtype("i" if param.ctype == "S" else dtype)
        if param.name in ("_ind", "_in_ind", "_out_ind"):
            info = (indexer, _carray.Indexer, None, 1, True, True)
        elif param.name in SCALARS or (param.dtype and not param.raw and param.name != "row"):
            info = (scalar, number.type, number, 0, True, True)
        else:
            info = (ndarray, cupy.ndarray, number, 1, True, True)
        infos.append(_kernel._ArgInfo(*info))
    if not reduces:
        return HEADER + _kernel._get_elementwise_kernel_code(
            tuple(infos), types, params, kernel.operation, kernel.name, kernel.preamble
        )
    return HEADER + _reduction._ReductionKernel_get_cached_function_code(
        *(kernel.nin, kernel.nout, params, tuple(infos), types, kernel.name, 512),
        *(kernel.reduce_type, kernel.identity, kernel.map_expr, kernel.reduce_expr),
        *(kernel.post_map_expr, kernel.preamble, kernel.options),
    )


@pytest.mark.parametrize("architecture", [VOLTA, 75, 80, 86, 89, 90])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", KERNELS)
def test_kernel_compiles(name, dtype, architecture, monkeypatch):
    from cuda.pathfinder import find_nvidia_header_directory
    from cupy.cuda import compiler, nvrtc

    if architecture == VOLTA and nvrtc.getVersion() > NEWEST_FOR_VOLTA:
        pytest.skip("NVRTC of CUDA 13 has left it behind")
    monkeypatch.setattr("chainer.backends.cuda.elementwise", cupy.ElementwiseKernel)
    code = source(KERNELS[name](), np.dtype(dtype))
    headers = os.path.join(os.path.dirname(cupy.__file__), "_core", "include")
    folders = [headers, find_nvidia_header_directory("cudart")]  # float16's are CUDA's
    program = compiler._NVRTCProgram(code, "kernel.cu")
    # As CuPy's compiler has them.
    options = ["--std=c++17", "-ftz=true", "--device-as-default-execution-space"]
    binary = program.compile([*options, *map("-I{}".format, folders), f"-arch=sm_{architecture}"])
    assert len(binary[0] if isinstance(binary, tuple) else binary) > 1000
