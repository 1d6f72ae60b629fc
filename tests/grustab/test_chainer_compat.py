"""The patches of grustab/_chainer_compat.py, each in a fresh interpreter."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import grustab  # noqa: F401  (before the imports of Chainer below)

# The package in this file's own checkout, wherever another copy may be installed.
ROOT = Path(__file__).resolve().parents[2]

# Loads the module alone, so that these tests do not depend on the rest of the package.
LOAD = """
import importlib.util
spec = importlib.util.spec_from_file_location("compat", {path!r})
compat = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compat)
""".format(path=str(ROOT / "grustab" / "_chainer_compat.py"))

# As after a `pip uninstall setuptools`, or with setuptools 82.
HIDE_PKG_RESOURCES = "import sys; sys.modules['pkg_resources'] = None"

# What setuptools 80.9 to 81 do.
OLD_PKG_RESOURCES = (
    "import warnings; warnings.warn('pkg_resources is deprecated as an API. See ...', stacklevel=2)"
)


def run(*parts: str, options: tuple[str, ...] = (), **env: str) -> str:
    """Run the parts as one program in a fresh interpreter; fail when it prints to stderr."""
    code = "\n".join(textwrap.dedent(part) for part in parts)
    clean = {k: v for k, v in os.environ.items() if k != "CHAINER_CUDNN"}
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**clean, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fake_package(folder: Path, name: str, **modules: str) -> str:
    """Write a package into the folder; return the code that puts the folder on sys.path."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text(modules.pop("init", ""))
    for module, text in modules.items():
        (package / f"{module}.py").write_text(text)
    return f"import sys; sys.path.insert(0, {str(folder)!r})"


def test_chainer_imports_without_a_warning(tmp_path: Path) -> None:
    # An empty pycache prefix: Chainer's source is compiled anew, which is when Python 3.12 and
    # later warn of old syntax. That there is no pkg_resources is the harder case.
    run(
        HIDE_PKG_RESOURCES,
        LOAD,
        """
        import chainer, chainer.functions, chainer.links, chainer.optimizers
        import chainer.serializers, chainer.training.extensions
        import chainer.testing, chainer.gradient_check
        """,
        options=("-W", "always", "-X", f"pycache_prefix={tmp_path}"),
    )


def test_the_package_itself_applies_the_patches() -> None:
    out = run("import grustab, chainer; print(chainer.__version__, grustab.__version__)")
    assert out.split()[0] == "7.8.1"


def test_pkg_resources_is_not_left_behind() -> None:
    run(
        HIDE_PKG_RESOURCES,
        LOAD,
        """
        import chainer.testing, sys
        assert chainer.testing.helper.pkg_resources.__spec__ is None  # the stand-in was used
        assert "pkg_resources" not in sys.modules
        """,
    )


def test_an_existing_pkg_resources_is_used_and_its_warning_is_not_shown(tmp_path: Path) -> None:
    run(
        fake_package(tmp_path, "pkg_resources", init=OLD_PKG_RESOURCES),
        LOAD,
        """
        import chainer.testing, pkg_resources, sys
        assert chainer.testing.helper.pkg_resources is pkg_resources is sys.modules["pkg_resources"]
        assert pkg_resources.__file__.startswith(sys.path[0])
        """,
        options=("-W", "always"),
    )


def test_a_pkg_resources_imported_before_is_kept() -> None:
    run(
        """
        import sys, types
        mine = sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
        """,
        LOAD,
        """
        import chainer.testing
        assert sys.modules["pkg_resources"] is chainer.testing.helper.pkg_resources is mine
        """,
    )


def test_what_is_in_order_is_left_alone() -> None:
    run(
        """
        import sys, types
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
        """,
        LOAD,
        """
        assert np.sctypes is sctypes and np.float is float_
        assert "chainer._environment_check" not in sys.modules
        assert sys.meta_path == hooks
        """,
    )


def test_advice_to_install_nccl_is_not_shown(tmp_path: Path) -> None:
    # As CuPy 14 does it when cupy.cuda.nccl is looked up and NCCL is not installed.
    cupy = fake_package(tmp_path, "cupy")
    (tmp_path / "cupy" / "cuda").mkdir()
    (tmp_path / "cupy" / "cuda" / "__init__.py").write_text(
        textwrap.dedent(
            r"""
            import warnings
            def __getattr__(name):
                if name == "nccl":
                    print("asked")
                    warnings.warn("\nnccl library could not be loaded.\n\nReason: ...")
                raise AttributeError(name)
            """
        )
    )
    out = run(cupy, LOAD, "import chainer.training.updaters", options=("-W", "always"))
    assert "asked" in out


def test_an_import_of_chainer_that_failed_before_does_no_harm() -> None:
    run(
        """
        try:
            import chainer
        except Exception:  # NumPy 2 has no np.sctypes
            pass
        """,
        LOAD,
        "import chainer.links, chainer.training.extensions",
        options=("-W", "ignore"),
    )


def test_loading_twice_does_no_harm() -> None:
    run(LOAD, "import chainer", LOAD, "import chainer.testing, chainer.gradient_check")


@pytest.mark.parametrize(
    ("modules", "set_by_user", "expected"),
    [
        (None, None, None),
        ({}, None, "0"),
        ({}, "1", "1"),
        ({"cudnn": ""}, None, None),
    ],
    ids=["no CuPy", "CuPy 14", "CuPy 14, user's choice", "CuPy with cuDNN"],
)
def test_cudnn_default(
    modules: dict[str, str] | None, set_by_user: str | None, expected: str | None, tmp_path: Path
) -> None:
    # A CuPy that must not be imported: locating it has to be enough.
    before = "import sys, importlib.util; sys.modules['cupy'] = None"
    if modules is not None:
        before = fake_package(tmp_path, "cupy", init="raise AssertionError", **modules)
    env = {} if set_by_user is None else {"CHAINER_CUDNN": set_by_user}
    out = run(before, LOAD, "import os; print(os.environ.get('CHAINER_CUDNN'))", **env)
    assert out.strip() == str(expected)


def test_as_strided_backward() -> None:
    import chainer
    import chainer.functions as F

    x = chainer.Variable(np.arange(6, dtype=np.float32))
    y = F.as_strided(x, (3, 2), (1, 1), 0)  # overlapping windows
    np.testing.assert_array_equal(y.array, [[0, 1], [1, 2], [2, 3]])
    y.grad = np.ones_like(y.array)
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 2, 2, 1, 0, 0])
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("align_corners", [True, False])
def test_resize_images(align_corners: bool) -> None:
    import chainer.functions as F

    x = np.ones((1, 1, 2, 2), dtype=np.float32)
    y = F.resize_images(x, (4, 4), align_corners=align_corners)
    np.testing.assert_allclose(y.array, np.ones((1, 1, 4, 4)), rtol=1e-6)


def test_gradient_check_finds_a_wrong_gradient() -> None:
    import chainer
    import chainer.functions as F
    from chainer import gradient_check

    class Wrong(chainer.FunctionNode):
        def forward(self, inputs):
            return (inputs[0] ** 2,)

        def backward(self, indexes, grads):
            return (grads[0],)

    x = np.linspace(1, 2, 6).reshape(2, 3)
    gradient_check.check_backward(F.tanh, x, np.ones_like(x), dtype=np.float64)
    with pytest.raises(AssertionError):
        gradient_check.check_backward(
            lambda v: Wrong().apply((v,))[0], x, np.ones_like(x), dtype=np.float64
        )
