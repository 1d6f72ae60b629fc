"""The shell scripts, in a copy that has lost who may execute what, in a folder of any name."""

import os
import shutil
import subprocess

import pytest

from experiments.system.paths import ROOT

PRINT = """#!/usr/bin/env bash
printf '[%s]' "$PWD" "$PYTHONPATH" "$GRUSTAB_DATA" "$@" | tee -a "$LOG"
echo >> "$LOG"
eval "$END"
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Run a script, with stand-ins for set-up and Python; gives the words that these got."""
    root, home = tmp_path / "größe, a b" / "project", tmp_path / "home"
    (root / "scripts").mkdir(parents=True)
    for path in (ROOT / "scripts").glob("*.sh"):
        shutil.copyfile(path, root / "scripts" / path.name)
    (root / "scripts" / "setup.sh").write_text('echo "venv=$GRUSTAB_VENV" >> "$LOG"; exit $SETUP\n')
    for folder in (root / ".venv", home / "venv"):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").write_text(PRINT)
        (folder / "bin" / "python").chmod(0o755)
    for key in ("GRUSTAB_VENV", "GRUSTAB_DATA"):
        monkeypatch.delenv(key, raising=False)
    (tmp_path / "here").mkdir()

    def run(name, *words, at=root, code=0, **variables):
        log = {"LOG": str(tmp_path / "log"), "HOME": str(home), "SETUP": "0", "END": ""}
        done = subprocess.run(
            ["bash", at / "scripts" / name, *words],
            cwd=tmp_path / "here",
            capture_output=True,
            text=True,
            env={**os.environ, **log, **variables},
        )
        assert done.returncode == code, done.stderr
        text = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else done.stdout
        return text.replace(str(root), "ROOT").replace(str(tmp_path), "TMP")

    run.root = root
    return run


NAMES = ["demo.sh", "figures.sh", "reproduce.sh", "fetch_data.sh", "test.sh"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("venv", "data", "seen"),
    [
        ("", "", ("ROOT/.venv", "")),
        ("~/venv", "~/data", ("TMP/home/venv", "TMP/home/data")),
        ("../home/venv", "data", ("TMP/here/../home/venv", "TMP/here/data")),
    ],
    ids=["default", "home", "relative"],
)
def test_it_sets_up_and_takes_paths_from_where_the_caller_is(script, name, venv, data, seen):
    text = script(name, GRUSTAB_VENV=venv, GRUSTAB_DATA=data)
    here = "ROOT" if name == "test.sh" else "TMP/here"
    assert text.startswith(f"venv={seen[0]}\n[{here}][ROOT][{seen[1]}][-")


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("reproduce.sh", "experiments][reproduce", ["--out=a b", "--set", "epochs=1", "it's.yaml"]),
        ("reproduce.sh", "experiments][reproduce", ["-x.yaml", "--help"]),
        ("fetch_data.sh", "grustab.datasets.fetch", ["--dir", "a b", "ptb"]),
        ("fetch_data.sh", "grustab.datasets.fetch", []),
    ],
    ids=str,
)
def test_it_hands_all_words_on(script, name, module, words):
    # A signal is the command's: no shell stands between.
    text = script(name, *words, END="kill -TERM $$", code=-15)
    assert text.endswith(f"[-P][-m][{module}]{''.join(f'[{word}]' for word in words)}\n")


def test_the_demo_takes_the_options_of_reproduce(script):
    first = "[demo][--out][ROOT/runs/demo][--jobs][2][--figures]"
    assert script("demo.sh", "--out=x", "--dry-run").endswith(f"{first}[--out=x][--dry-run]\n")


@pytest.mark.parametrize("name", ["figures.sh", "fetch_data.sh", "test.sh"])
def test_help_needs_no_set_up(script, name):
    assert script(name, "--help").startswith(f"Usage: scripts/{name}")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_begun_after_a_set_up_that_failed(script, name):
    assert script(name, SETUP="2", code=2) == "venv=ROOT/.venv\n"


def test_a_link_to_a_checkout_is_the_checkout(script, tmp_path):
    (tmp_path / "link").symlink_to(script.root)
    assert script("reproduce.sh", "demo", at=tmp_path / "link").startswith("venv=ROOT/.venv\n")


def test_no_home_is_needed(script):
    assert script("demo.sh", HOME="").startswith("venv=ROOT/.venv\n")
