"""The shell scripts, in a copy that has lost who may execute what, in a folder of any name."""

import os
import shutil
import subprocess

import pytest

from experiments.paths import ROOT

PRINT = """printf '%s' "${GRUSTAB_DATA:+data=$GRUSTAB_DATA }" >> "$LOG"; echo "$@" >> "$LOG" """


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Run a script, with stand-ins for set-up and Python; gives the words that Python got."""
    root, home = tmp_path / "größe, a b" / "project", tmp_path / "home"
    (root / "scripts").mkdir(parents=True)
    for path in (ROOT / "scripts").glob("*.sh"):
        shutil.copyfile(path, root / "scripts" / path.name)
    (root / "scripts" / "setup.sh").write_text('echo "venv=$GRUSTAB_VENV" >> "$LOG"\n')
    for folder in (root / ".venv", home / "venv"):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").write_text(f"#!/usr/bin/env bash\n{PRINT}\n")
        (folder / "bin" / "python").chmod(0o755)
    for key in ("GRUSTAB_VENV", "GRUSTAB_DATA"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    (tmp_path / "here").mkdir()

    def run(name, *words, at=root, **variables):
        done = subprocess.run(
            ["bash", at / "scripts" / name, *words],
            cwd=tmp_path / "here",
            capture_output=True,
            text=True,
            env={**os.environ, **variables},
        )
        assert done.returncode == 0, done.stderr
        text = (tmp_path / "log").read_text()
        (tmp_path / "log").unlink()
        return text.replace(str(root), "ROOT").replace(str(tmp_path), "TMP")

    run.root = root
    return run


NAMES = ["demo.sh", "figures.sh", "reproduce.sh", "fetch_data.sh", "test.sh"]


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_where_nothing_may_be_executed(script, name):
    words = ["demo"] if name == "reproduce.sh" else []
    assert script(name, *words).startswith("venv=ROOT/.venv\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("venv", ["~/venv", "../home/venv"])
def test_the_environment_named_is_the_callers(script, name, venv):
    words = ["demo"] if name == "reproduce.sh" else []
    text = script(name, *words, GRUSTAB_VENV=venv)
    assert text.startswith(f"venv=TMP/{'home' if '~' in venv else 'here/../home'}/venv\n")


@pytest.mark.parametrize(
    ("given", "passed"), [("~/data", "~/data"), ("data", "TMP/here/data"), ("/x", "/x")]
)
def test_the_data_are_the_callers(script, given, passed):
    assert f"data={passed} -m experiments " in script("reproduce.sh", "demo", GRUSTAB_DATA=given)


def test_a_link_to_a_checkout_is_the_checkout(script, tmp_path):
    (tmp_path / "link").symlink_to(script.root)
    assert script("reproduce.sh", "demo", at=tmp_path / "link").startswith("venv=ROOT/.venv\n")


def test_no_home_is_needed(script):
    assert script("demo.sh", HOME="").startswith("venv=ROOT/.venv\n")
