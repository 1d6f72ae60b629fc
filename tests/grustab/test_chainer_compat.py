"""The patches of grustab/_chainer_compat.py, each in a fresh interpreter."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import grustab

# Of this file's own checkout, and alone: these tests do not depend on the rest of the package.
LOAD = f"""
import importlib.util, os, sys, types, warnings
sys.path.insert(0, os.getcwd())
spec = importlib.util.spec_from_file_location("compat", {str(Path(grustab.__file__).parent)!r}
                                              "/_chainer_compat.py")
compat = importlib.util.module_from_spec(spec)
"""
EXECUTE = "spec.loader.exec_module(compat)"

#: As after a `pip uninstall setuptools`, or with setuptools 82.
HIDE_PKG_RESOURCES = "sys.modules['pkg_resources'] = None"
#: What setuptools 80.9 to 81 do.
OLD_PKG_RESOURCES = "import warnings; warnings.warn('pkg_resources is deprecated as an API. See')"
#: As CuPy 14 does it when cupy.cuda.nccl is looked up and NCCL is not installed.
CUPY_WITHOUT_NCCL = r"""
import warnings
def __getattr__(name):
    global asked
    if name == "nccl":
        asked = True
        warnings.warn("\nnccl library could not be loaded.\n\nReason: ...")
    raise AttributeError(name)
"""
#: Locating it has to be enough.
NOT_TO_BE_IMPORTED = {"cupy/__init__.py": "raise AssertionError"}
CUDNN = "assert os.environ.get('CHAINER_CUDNN') == {!r}".format

#: By what they show: files of packages that are found first, and code before and after.
CASES = {
    "all of Chainer is imported without pkg_resources, which is not left behind": ({}, """
        sys.pycache_prefix = os.getcwd()  # compiled anew, which is when Python 3.12 warns
        """ + HIDE_PKG_RESOURCES, """
        import chainer, chainer.functions, chainer.links, chainer.optimizers
        import chainer.serializers, chainer.training.extensions
        import chainer.testing, chainer.gradient_check
        assert chainer.testing.helper.pkg_resources.__spec__ is None  # the stand-in was used
        assert "pkg_resources" not in sys.modules
        # Functions that use NumPy's old names compute.
        import chainer.functions as F, numpy as np
        x = chainer.Variable(np.arange(6, dtype="f"))
        F.sum(F.as_strided(x, (3, 2), (1, 1), 0)).backward()  # overlapping windows
        np.testing.assert_array_equal(x.grad, np.array([1, 2, 2, 1, 0, 0], "f"), strict=True)
        for align_corners in (True, False):
            y = F.resize_images(np.ones((1, 1, 2, 2), "f"), (4, 4), align_corners=align_corners)
            np.testing.assert_allclose(y.array, np.ones((1, 1, 4, 4)), rtol=1e-6)
        """),
    "an existing pkg_resources is used without its warning": (
        {"pkg_resources/__init__.py": OLD_PKG_RESOURCES}, "", """
        import chainer.testing, pkg_resources
        assert chainer.testing.helper.pkg_resources is pkg_resources is sys.modules["pkg_resources"]
        assert pkg_resources.__file__.startswith(os.getcwd())
        """),
    "a pkg_resources imported before is kept": ({}, """
        mine = sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
        """, """
        import chainer.testing
        assert sys.modules["pkg_resources"] is chainer.testing.helper.pkg_resources is mine
        """),
    "what is in order is left alone": ({}, """
        import numpy as np
        np.sctypes, np.float = sctypes, float_ = {}, object()
        for name in (
            "chainer",
            "chainer.testing.doctest_helper",
            "chainer.testing.helper",
            "chainer.training.updaters.multiprocess_parallel_updater",
        ):
            sys.modules[name] = types.ModuleType(name)
        hooks = list(sys.meta_path)
        """, """
        assert np.sctypes is sctypes and np.float is float_
        assert "chainer._environment_check" not in sys.modules
        assert sys.meta_path == hooks
        """),
    "advice to install NCCL is not shown": (
        {"cupy/__init__.py": "", "cupy/cuda/__init__.py": CUPY_WITHOUT_NCCL}, "", """
        import chainer.training.updaters
        assert sys.modules["cupy.cuda"].asked
        """),
    "an import of Chainer that failed before does no harm": ({}, """
        warnings.simplefilter("ignore")
        try:
            import chainer
        except Exception:  # NumPy 2 has no np.sctypes
            pass
        """, "import chainer.links, chainer.training.extensions"),
    "executing it twice does no harm": (
        {}, EXECUTE + "; import chainer", "import chainer.testing, chainer.gradient_check"),
    "no CuPy": ({}, "sys.modules['cupy'] = None", CUDNN(None)),
    "CuPy 14": (NOT_TO_BE_IMPORTED, "", CUDNN("0")),
    "CuPy 14, user's choice": (NOT_TO_BE_IMPORTED, "os.environ['CHAINER_CUDNN'] = '1'", CUDNN("1")),
    "CuPy with cuDNN": (NOT_TO_BE_IMPORTED | {"cupy/cudnn.py": ""}, "", CUDNN(None)),
}  # fmt: skip


@pytest.mark.parametrize(("files", "before", "after"), CASES.values(), ids=CASES)
def test_it_works_and_prints_nothing(files, before, after, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    code = "\n".join(textwrap.dedent(part) for part in (LOAD, before, EXECUTE, after))
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        env={k: v for k, v in os.environ.items() if k != "CHAINER_CUDNN"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
