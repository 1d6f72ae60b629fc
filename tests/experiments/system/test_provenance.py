"""The commit that a result records is that of its code, however that came to the machine."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

import grustab
from experiments.system import provenance as source
from experiments.system.paths import ROOT

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

FILES = {f"{folder}/file{suffix}" for folder in source.FOLDERS for suffix in (".py", ".yaml")}
WHO = ["-c", "user.name=x", "-c", "user.email=x@y"]


def git(where, *words):
    done = subprocess.run(
        ["git", "-C", where, *WHO, "-c", "protocol.file.allow=always", *map(str, words)],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(where):
    git(where, "init", "-q")
    git(where, "add", ".")
    git(where, "commit", "-q", "--allow-empty", "-m", "x")
    return git(where, "rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def no_settings_of_the_person(monkeypatch):
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path.resolve() / "a b" / "größe"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}\n")
    commit(root)
    return root


@pytest.fixture
def state(monkeypatch):
    """What is recorded where the code is in a folder."""

    def read(root):
        monkeypatch.setattr(source, "ROOT", Path(root))
        monkeypatch.setattr(grustab, "__file__", f"{root}/grustab/__init__.py")
        return source.git_state()

    return read


def unknown(words):
    return {"commit": None, "dirty": None, "reason": words}


NO_CHECKOUT = unknown("the code is in no git checkout")
INSIDE = unknown("the code is in no git checkout of its own, but inside another repository")


@pytest.mark.parametrize("way", ["clone", "worktree", "submodule", "symlink"])
def test_a_checkout_has_its_commit(checkout, state, tmp_path, way):
    head, new = git(checkout, "rev-parse", "HEAD"), tmp_path.resolve() / "new"
    if way == "clone":
        git(tmp_path, "clone", "-q", "--depth=1", checkout.as_uri(), new)
    elif way == "worktree":
        git(checkout, "worktree", "add", "-q", new)
    elif way == "submodule":
        commit(tmp_path)
        git(tmp_path, "submodule", "add", "-q", checkout, "new")
    else:
        new.symlink_to(checkout)
        new = new.resolve()
    assert state(new) == {"commit": head, "dirty": False}


@pytest.mark.parametrize("outer", [None, "ignored", "committed"])
@pytest.mark.parametrize("way", ["copy", "empty .git"])
def test_code_without_a_repository_of_its_own_has_no_commit(checkout, state, tmp_path, outer, way):
    place = tmp_path.resolve() / "outer"
    new = place / "vendor" / "grustab"
    shutil.copytree(checkout, new, ignore=shutil.ignore_patterns(".git"))
    (place / ".gitignore").write_text("vendor/\n" if outer == "ignored" else "")
    if outer is not None:
        commit(place)
    if way == "empty .git":
        (new / ".git").mkdir()
    assert state(new) == (NO_CHECKOUT if outer is None else INSIDE)


def test_a_repository_without_a_commit_has_none(checkout, state):
    shutil.rmtree(checkout / ".git")
    git(checkout, "init", "-q")
    assert state(checkout) == unknown("the git checkout has no commit")


def edit(root):
    (root / "grustab/file.py").write_text("other\n")


CHANGES = {
    "edited": edit,
    "removed": lambda root: (root / "configs/file.yaml").unlink(),
    "assumed unchanged": lambda root: (
        git(root, "update-index", "--assume-unchanged", "grustab/file.py"),
        edit(root),
    ),
    "new module": lambda root: (root / "experiments/new.py").write_text(""),
    "new config": lambda root: (root / "configs/größe.yaml").write_text(""),
    "ignored module": lambda root: (
        (root / ".git/info/exclude").write_text("*.py\n"),
        (root / "grustab/new.py").write_text(""),
    ),
    "package in place of a module": lambda root: (
        (root / "other").mkdir(),
        (root / "grustab/file").symlink_to(root / "other"),
    ),
    "replaced commit": lambda root: (
        edit(root),
        git(root, "commit", "-q", "-a", "-m", "y"),
        git(root, "replace", "HEAD~", "HEAD"),
        git(root, "reset", "-q", "--soft", "HEAD~"),
    ),
    "filter": lambda root: (
        (root / ".git/info/attributes").write_text("*.py filter=x\n"),
        git(root, "config", "filter.x.clean", "echo grustab/file.py"),
        edit(root),
    ),
}


def crlf(root):
    git(root, "config", "core.autocrlf", "true")
    (root / "grustab/file.py").write_bytes(b"grustab/file.py\r\n")


HARMLESS = {
    "line ends": crlf,
    "compiled": lambda root: (
        (root / "grustab/__pycache__").mkdir(),
        (root / "grustab/__pycache__/file.cpython-311.pyc").write_bytes(b""),
    ),
    "log": lambda root: (root / "log.txt").write_text(""),
}


@pytest.mark.parametrize("change", [*CHANGES, *HARMLESS])
def test_a_change_that_matters_is_seen(checkout, state, change):
    assert state(checkout)["dirty"] is False
    (CHANGES | HARMLESS)[change](checkout)
    head = git(checkout, "rev-parse", "HEAD")
    assert state(checkout) == {"commit": head, "dirty": change in CHANGES}


@pytest.mark.parametrize("name", ["fbpca.py", "fbpca/__init__.py"])
def test_a_module_that_stands_in_for_a_library_is_a_change(checkout, state, monkeypatch, name):
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("")
    assert state(checkout)["dirty"] is False  # nobody imported it
    monkeypatch.setitem(sys.modules, "fbpca", SimpleNamespace(__file__=str(checkout / name)))
    assert state(checkout)["dirty"] is True


def test_a_checkout_has_the_same_bytes_whatever_git_is_set_to(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    files = {".gitattributes": ROOT / ".gitattributes", "a.sh": ROOT / "scripts" / "demo.sh"}
    files["a.png"] = next((ROOT / "results" / "figures").glob("*.png"))
    for name, original in files.items():
        shutil.copyfile(original, there / name)
    commit(there)
    for setting in ("autocrlf=true", "eol=crlf"):
        copy = tmp_path / setting
        git(tmp_path, "-c", f"core.{setting}", "clone", "-q", there, copy)
        for name, original in files.items():
            assert (copy / name).read_bytes() == original.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_checkout_of_another_user_has_its_commit(checkout, state):
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, -1)
    with suppress(subprocess.CalledProcessError):  # git itself does not trust it
        git(checkout, "status")
        pytest.skip("this version of git trusts everybody")
    assert state(checkout)["dirty"] is False


@pytest.mark.parametrize("key", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_TRACE"])
def test_variables_of_git_do_not_lead_astray(checkout, state, tmp_path, monkeypatch, key):
    commit(tmp_path)
    head = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv(key, "2" if key == "GIT_TRACE" else str(tmp_path / ".git"))
    assert state(checkout) == {"commit": head, "dirty": False}


def test_a_git_that_starts_other_programs_does_not_start_them(checkout, state, tmp_path):
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/started'\n")
    hook.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", hook)
    assert state(checkout)["dirty"] is False
    assert not (tmp_path / "started").exists()
    git(checkout, "status")  # this one does
    assert (tmp_path / "started").exists()


@pytest.mark.parametrize(("program", "reason"), [
    (None, "git is not installed"),
    ("exec sleep 60", "git did not answer within 0 s"),
    ("exit 128", "the code is in no git checkout"),
])  # fmt: skip
def test_a_git_that_does_not_work(checkout, state, tmp_path, monkeypatch, program, reason):
    monkeypatch.setattr(source, "PATIENCE", 0.05)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}" if program else "/no")
    if program:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "git").chmod(0o755)
    if program == "exit 128":
        monkeypatch.setattr(source, "PATIENCE", 30)
    assert state(checkout) == unknown(reason)


def test_another_grustab_than_that_of_the_checkout(checkout, monkeypatch):
    monkeypatch.setattr(source, "ROOT", checkout)
    reason = "grustab was imported from another folder than experiments"
    assert source.git_state() == unknown(reason)
