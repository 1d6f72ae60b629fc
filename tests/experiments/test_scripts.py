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


#: What set-up asks Python and uv for. FAILS names a step that does not work.
PYTHON = """#!/usr/bin/env bash
case "$*" in "${FAILS:-no step}"*) echo "no route to host"; exit 1 ;; esac
case "$*" in
    *_base_executable*) realpath "$0" ;;
    "-I -m venv "*)
        mkdir -p "$4/bin" "$4/lib/python3.11/site-packages"
        cp "$0" "$4/bin/python"
        cp "$0" "$4/bin/uv"
        ;;
    *"sys.path.append"*) echo "import $4" ;;
    "pip install "*) echo "${*: -1}" >"${0%/bin/uv}/installed" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "größe, a b"
    (root / "scripts").mkdir(parents=True)
    for path in [*(ROOT / "scripts").glob("*.sh"), *ROOT.glob("requirements*.txt")]:
        shutil.copyfile(path, root / path.relative_to(ROOT))
    for name in ("py", "other"):
        (tmp_path / name).write_text(PYTHON)
        (tmp_path / name).chmod(0o755)
    return root


@pytest.fixture
def script(checkout, tmp_path, monkeypatch):
    """Run a script, with stand-ins for set-up and Python; gives the words that these got."""
    root, home = checkout, tmp_path / "home"
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

    return run


NAMES = ["demo.sh", "figures.sh", "reproduce.sh", "fetch_data.sh", "test.sh"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("venv", "data", "seen"), [
    ("", "", ("ROOT/.venv", "")),
    ("~/venv", "~/data", ("TMP/home/venv", "TMP/home/data")),
    ("../home/venv", "data", ("TMP/here/../home/venv", "TMP/here/data")),
], ids=["default", "home", "relative"])  # fmt: skip
def test_it_sets_up_and_takes_paths_from_where_the_caller_is(script, name, venv, data, seen):
    text = script(name, GRUSTAB_VENV=venv, GRUSTAB_DATA=data)
    here = "ROOT" if name == "test.sh" else "TMP/here"
    assert text.startswith(f"venv={seen[0]}\n[{here}][ROOT][{seen[1]}][-")


@pytest.mark.parametrize(("name", "module", "words"), [
    ("reproduce.sh", "experiments][reproduce", ["--out=a b", "--set", "epochs=1", "it's.yaml"]),
    ("reproduce.sh", "experiments][reproduce", ["-x.yaml", "--help"]),
    ("fetch_data.sh", "grustab.datasets.fetch", ["--dir", "a b", "ptb"]),
    ("fetch_data.sh", "grustab.datasets.fetch", []),
], ids=str)  # fmt: skip
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


def test_a_link_to_a_checkout_is_the_checkout(script, checkout, tmp_path):
    (tmp_path / "link").symlink_to(checkout)
    assert script("reproduce.sh", "demo", at=tmp_path / "link").startswith("venv=ROOT/.venv\n")


def test_no_home_is_needed(script):
    assert script("demo.sh", HOME="").startswith("venv=ROOT/.venv\n")


@pytest.fixture
def set_up(tmp_path):
    """Call it in a checkout; gives exit code, standard output, standard error."""

    def run(root, *words, **variables):
        done = subprocess.run(
            ["bash", root / "scripts" / "setup.sh", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **variables},
        )
        return done.returncode, done.stdout, done.stderr

    return run


def fails(step):
    return lambda root, set_up: set_up(root, "--python", "./other", FAILS=step)


def move(root, _):
    return root.rename(root.with_name("moved"))


def change(name, text):
    return lambda root, _: (root / name).write_text(text)


@pytest.mark.parametrize("event", [
    fails("-I -m venv"),
    fails("-I -m pip install"),
    fails("pip install"),
    move,
    change("requirements.txt", "numpy"),
    change(".venv/bin/python", "#!/bin/sh\nexit 1"),
], ids=["no venv", "no uv", "no packages", "moved", "other pins", "python gone"])  # fmt: skip
def test_it_is_made_once_and_anew_after(event, checkout, set_up):
    assert set_up(checkout, "--python=./py", "--gpu", "cuda12x")[0] == 0
    path = checkout / ".venv" / "lib" / "python3.11" / "site-packages" / "grustab.pth"
    assert path.read_text(encoding="utf-8") == f"import {checkout}\n"
    (checkout / ".venv" / "left over").touch()
    assert "up to date" in set_up(checkout)[1]
    assert (checkout / ".venv" / "left over").exists()

    moved = event(checkout, set_up)
    root = moved if event is move else checkout
    code, out, err = set_up(root)
    assert (code, err) == (0, "")
    assert out.count("setup: making") == 1
    assert not (root / ".venv" / "left over").exists()
    assert (root / ".venv" / "installed").read_text() == "cupy-cuda12x[ctk]>=14,<15\n"
    assert "up to date" in set_up(root)[1]


def test_another_python_is_taken_and_kept(checkout, set_up, tmp_path):
    for words in (["--python", "./py"], ["--python", "./other"]):
        assert f"with {tmp_path / words[1]};" in set_up(checkout, *words)[1]
    assert "up to date" in set_up(checkout)[1]


@pytest.mark.parametrize(("words", "variables", "said"), [
    (["--python", "/no/python"], {}, "found no Python 3.11 to 3.14 with its venv module"),
    (["--python"], {}, "cannot use '--python': expected --python PY"),
    (["--gpu=cuda11"], {}, "cannot use '--gpu cuda11': expected --python PY, --gpu cuda12x or"),
    (["--what"], {}, "cannot use '--what': expected --python PY"),
    (["--python=./py"], {"FAILS": "pip install"}, "failed (no network or no space?): no route"),
    (["--python=./py"], {"GRUSTAB_VENV": "/dev/null/x"}, "cannot make /dev/null/x: set GRU"),
    (["--python=./py"], {"GRUSTAB_VENV": "photos"}, "delete "),
], ids=str)  # fmt: skip
def test_what_is_missing_is_one_sentence(checkout, set_up, tmp_path, words, variables, said):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").touch()
    code, _, err = set_up(checkout, *words, **variables)
    assert code == 2
    assert err.startswith(f"setup: {said}")
    assert err.count("\n") == 1
    assert (tmp_path / "photos" / "one.png").exists()
