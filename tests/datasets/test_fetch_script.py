"""``scripts/fetch_data.sh``."""

import shutil
import subprocess
from pathlib import Path

import pytest

from grustab.datasets import download as module


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A copy of the script in a place with a space, with stand-ins for set-up and Python."""
    monkeypatch.delenv("GRUSTAB_VENV", raising=False)
    root = tmp_path / "the project"
    (root / "scripts").mkdir(parents=True)
    (root / ".venv" / "bin").mkdir(parents=True)
    original = Path(module.__file__).parents[2] / "scripts" / "fetch_data.sh"
    copy = shutil.copy(original, root / "scripts")
    shutil.copy(original.with_name("paths.sh"), root / "scripts")
    for name, text in (("scripts/setup.sh", "echo set up"), (".venv/bin/python", _PRINT)):
        (root / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (root / name).chmod(0o755)

    def run(*arguments):
        return subprocess.run(
            ["bash", copy, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=10
        )

    return run


_PRINT = """printf '[%s]' "$@" """


def test_script_passes_arguments_on(script):
    for arguments, passed in (
        ([], ""),
        (["--dir", "a b", "ptb"], "[--dir][a b][ptb]"),
        (["--dir=a b", "ptb", "nottingham"], "[--dir][a b][ptb][nottingham]"),
    ):
        result = script(*arguments)
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"set up\n[-P][-m][grustab.datasets.fetch]{passed}"


def test_script_help(script):
    result = script("--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")
    assert "set up" not in result.stdout


@pytest.mark.parametrize("arguments", [["mnist"], ["--dir"], ["--dir", ""], ["--what"]])
def test_script_errors(script, arguments):
    result = script(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_script_after_failed_set_up(script, tmp_path):
    (tmp_path / "the project" / "scripts" / "setup.sh").write_text("#!/bin/sh\nexit 2\n")
    result = script("ptb")
    assert (result.returncode, result.stdout) == (2, "")


def test_script_uses_the_environment_named(script, tmp_path, monkeypatch):
    (tmp_path / "the project" / ".venv").rename(tmp_path / "other venv")
    for name in ("other venv", str(tmp_path / "other venv")):
        monkeypatch.setenv("GRUSTAB_VENV", name)
        assert script("ptb").returncode == 0
