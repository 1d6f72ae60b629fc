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


@pytest.mark.parametrize("name", ["demo.sh", "reproduce.sh"])
@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["--out", "~/x y"], "TMP/home/x y"),
        (["--out=~/x"], "TMP/home/x"),
        (["--out=~"], "TMP/home"),
        (["--out", "x"], "TMP/here/x"),
        (["--out=~nobody/x=y"], "TMP/here/~nobody/x=y"),
        (["--out=/x/~"], "/x/~"),
    ],
)
def test_the_results_go_where_the_caller_says(script, name, words, out):
    text = script(name, *(["demo"] if name == "reproduce.sh" else []), *words)
    assert f" --out {out}\n" in text.replace(" --jobs 2", "")


def test_reproduce_takes_values_after_an_equals_sign(script):
    text = script("reproduce.sh", "demo", "--set=units=8", "--seeds=0,1", "--figures")
    assert "sweep demo --cells * --seeds 0,1 --device cpu --out ROOT/results --set units=8" in text
    assert "figures demo" in text


def test_configs_and_data_are_the_callers(script):
    text = script("reproduce.sh", "~/my.yaml", GRUSTAB_DATA="~/data")
    assert "data=TMP/home/data -m experiments sweep TMP/home/my.yaml --cells" in text
    text = script("reproduce.sh", "my.yaml", GRUSTAB_DATA="data")
    assert "data=TMP/here/data -m experiments sweep TMP/here/my.yaml --cells" in text


def test_a_link_to_a_checkout_is_the_checkout(script, tmp_path):
    (tmp_path / "link").symlink_to(script.root)
    assert script("reproduce.sh", "demo", at=tmp_path / "link").startswith("venv=ROOT/.venv\n")


def test_no_home_is_needed(script):
    assert script("demo.sh", HOME="").startswith("venv=ROOT/.venv\n")
