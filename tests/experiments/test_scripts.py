"""The shell scripts, in a copy that has lost who may execute what, in a folder of any name."""

import os
import shutil
import subprocess
import sys

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


@pytest.fixture
def set_up(tmp_path):
    """Start a set-up that finds a lock, and behind it a folder that is no environment."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", copy_function=shutil.copyfile)
    (tmp_path / ".venv" / "photos").mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if key != "GRUSTAB_VENV"}
    started = []

    def start(owner):
        (tmp_path / ".venv.lock").symlink_to(owner)
        started.append(
            subprocess.Popen(
                ["bash", tmp_path / "scripts" / "setup.sh", "--python", sys.executable],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_set_up_of_another_host_is_waited_for_and_named(tmp_path, set_up):
    assert set_up("4242@node-b").stdout.readline() == (
        "setup: waiting for the set-up that process 4242@node-b is running; "
        f"if that is gone, remove {tmp_path / '.venv.lock'}.\n"
    )


DEAD = 2**22 + 1  # above the highest number that Linux gives


@pytest.mark.parametrize("owner", [f"{DEAD}@{os.uname().nodename}", str(DEAD)])
def test_a_set_up_of_this_host_that_died_is_passed_over(tmp_path, set_up, owner):
    _, err = set_up(owner).communicate(timeout=30)
    assert "is not a virtual environment" in err
    assert not (tmp_path / ".venv.lock").is_symlink()
