"""--device: cpu, or the number of a GPU."""

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import chainer
from chainer.backends import cuda

from grustab.errors import GrustabError
from grustab.text import printable


class DeviceError(GrustabError):
    """The device asked for is not there."""


def find_device(name: str) -> chainer.backend.Device:
    """The Chainer device for ``cpu``, ``0``, ``1``...

    Raises:
        DeviceError: If it is neither, or CuPy or that GPU is not there.
    """
    if name == "cpu":
        return chainer.get_device("@numpy")
    if not (name.isascii() and name.isdigit()):
        raise DeviceError(f"--device {name}: expected cpu, or the number of a GPU such as 0")
    try:
        if not cuda.available:
            raise cuda._resolution_error
        count = cuda.cupy.cuda.runtime.getDeviceCount()
        if int(name) < count:
            with cuda.Device(int(name)):
                cuda.cupy.ones(1) + 1  # a kernel to compile
    except Exception as error:  # CuPy, a library of CUDA's, the driver or any GPU is missing
        why = printable(" ".join(str(error).split()), 200)
        raise DeviceError(
            f"--device {name}: no GPU can be used ({why}); "
            "take --device cpu, or install CuPy: scripts/setup.sh --gpu cuda12x (or cuda13x)"
        ) from None
    if int(name) >= count:
        raise DeviceError(f"--device {name}: there are {count} GPUs, numbered from 0")
    # CuPy reads it at its first product: with 1, products would have ten bits of a float32's 23.
    os.environ["CUPY_TF32"] = "0"
    return chainer.get_device(f"@cupy:{name}")


def check_devices(names: Iterable[str]) -> None:
    """Find devices in another process: where it was, CUDA keeps memory and, in exclusive mode, all.

    Raises:
        DeviceError: As :func:`find_device`.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as child:
        try:
            child.submit(_find_all, list(names)).result()
        except BrokenProcessPool:
            raise DeviceError("--device: the process that tried the GPUs was killed") from None


def _find_all(names: list[str]) -> None:
    for name in names:
        find_device(name)
