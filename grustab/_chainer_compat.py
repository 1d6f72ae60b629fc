"""Make Chainer 7.8.1 import and compute correctly on today's NumPy, setuptools and CuPy.

Importing this module is enough; it has to come before the first ``import chainer``, which
``grustab/__init__.py`` sees to. Chainer is in maintenance mode, so none of this will be mended
there. Each patch leaves alone what is already in order.
"""

import contextlib
import importlib.util
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec, PathFinder
from typing import ClassVar

import numpy as np


def _forget_a_failed_import() -> None:
    # Where Chainer was imported first, it has failed on np.sctypes (NumPy 2), which no code of ours
    # can prevent. In a notebook one goes on: what it left behind would break the next import.
    if "chainer" not in sys.modules:
        for name in [name for name in sys.modules if name.startswith("chainer.")]:
            del sys.modules[name]


def _skip_environment_check() -> None:
    # `import chainer` ends with _environment_check.check(), which imports numpy.distutils (gone
    # with NumPy 2 or Python 3.12) and pkg_resources (gone with setuptools 82). All it can do is
    # warn: of Python 3.5.0, of macOS's Accelerate, and of every CuPy newer than 7.
    if "chainer" in sys.modules:
        return
    stand_in = types.ModuleType("chainer._environment_check", "Switched off by grustab.")
    stand_in.check = lambda: None
    sys.modules[stand_in.__name__] = stand_in


def _restore_numpy_names() -> None:
    # vars() rather than hasattr(): NumPy warns of some old names when they are looked up.
    # np.sctypes went with NumPy 2; F.as_strided reads it at import and in its backward.
    if "sctypes" not in vars(np):
        np.sctypes = {
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
            "float": [np.float16, np.float32, np.float64, np.longdouble],
            "complex": [np.complex64, np.complex128, np.clongdouble],
            "others": [bool, object, bytes, str, np.void],
        }
    # np.float, an alias of the builtin, went with NumPy 1.24; F.resize_images uses it.
    if "float" not in vars(np):
        np.float = float


def _default_to_no_cudnn() -> None:
    # CuPy 14 dropped cupy.cudnn. Chainer copes, but warns on the first use of a GPU unless it is
    # told not to look for cuDNN. CuPy is located, not imported: that would take a second.
    try:
        cupy = importlib.util.find_spec("cupy")
    except ValueError:  # a cupy without a spec in sys.modules: someone's stand-in
        return
    if cupy is None or cupy.submodule_search_locations is None:
        return
    if PathFinder.find_spec("cupy.cudnn", cupy.submodule_search_locations) is None:
        os.environ.setdefault("CHAINER_CUDNN", "0")


@contextlib.contextmanager
def _with_pkg_resources() -> Iterator[None]:
    # Two modules of chainer.testing, which chainer.gradient_check imports, import pkg_resources
    # for two decorators that only Chainer's own tests use. setuptools 82 removed it, older ones
    # warn of it. The stand-in is there only while these modules are executed, because code
    # elsewhere may rightly take "import pkg_resources fails" for "there is none".
    try:
        missing = importlib.util.find_spec("pkg_resources") is None
    except ValueError:  # in sys.modules without a spec: someone else's stand-in, good enough
        missing = False
    if missing:
        sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
        try:
            yield
        finally:
            del sys.modules["pkg_resources"]
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
            yield


@contextlib.contextmanager
def _without_nccl_warning() -> Iterator[None]:
    # This updater looks whether NCCL is there, and does without; CuPy 14 then advises at length
    # to install it. Only training on several GPUs uses NCCL, and it says so itself.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*nccl library could not be loaded")
        yield


class _ExecuteInContext:
    """Import hook that executes a few of Chainer's modules in a context; others it leaves alone."""

    contexts: ClassVar[dict[str, Callable[[], AbstractContextManager[None]]]] = {
        "chainer.testing.doctest_helper": _with_pkg_resources,
        "chainer.testing.helper": _with_pkg_resources,
        "chainer.training.updaters.multiprocess_parallel_updater": _without_nccl_warning,
    }

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of these modules as usual, and wrap its execution."""
        if name not in cls.contexts:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            with cls.contexts[name]():
                execute(module)

        spec.loader.exec_module = exec_module
        return spec


_forget_a_failed_import()
_skip_environment_check()
_restore_numpy_names()
_default_to_no_cudnn()
if not _ExecuteInContext.contexts.keys() <= sys.modules.keys():
    sys.meta_path.insert(0, _ExecuteInContext)
