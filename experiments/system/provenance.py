"""Which code a result comes from: its commit, or why that is not known."""

import hashlib
import os
import subprocess
import sys
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

import grustab
from experiments.system.paths import ROOT

#: What a run depends on.
FOLDERS = ("grustab", "experiments", "configs")
SUFFIXES = (*all_suffixes(), ".yaml")
#: Seconds after which git counts as hanging, as it may on a lost network file system.
PATIENCE = 30.0


class _Unknown(Exception):
    """Why the commit is not known, as a sentence that names no folder of this machine."""


def git_state() -> dict[str, Any]:
    """Commit of the code, and whether a file that a run depends on differs from it.

    Where they are not known, ``commit`` and ``dirty`` are ``None`` and ``reason`` says why.
    """
    try:
        if Path(grustab.__file__).resolve().parent != ROOT / "grustab":
            raise _Unknown("grustab was imported from another folder than experiments")
        commit = _commit()
        return {"commit": commit, "dirty": _is_dirty(commit)}
    except _Unknown as reason:
        return {"commit": None, "dirty": None, "reason": str(reason)}


def _commit() -> str:
    top = os.fsdecode(_git("the code is in no git checkout", "rev-parse", "--show-toplevel"))
    # Unpacked or copied inside another repository, it would pass for a part of that.
    if Path(top.removesuffix("\n")).resolve() != ROOT:
        raise _Unknown("the code is in no git checkout of its own, but inside another repository")
    return _git("the git checkout has no commit", "rev-parse", "--verify", "HEAD").decode().strip()


def _is_dirty(commit: str) -> bool:
    """Compare the files with the commit; git's index may be set not to look at some of them."""
    problem = "git cannot compare the files with the commit"
    listing = _git(problem, "ls-tree", "-r", "-z", commit, "--", *FOLDERS)
    entries = (entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry)
    committed = {os.fsdecode(name): about.split()[2] for about, name in entries}
    there = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        # A link to a folder may be a package that stands in for one of ours.
        if (path.is_file() or path.is_symlink()) and path.parent.name != "__pycache__"
    }
    if committed.keys() - there or _is_stood_in_for():
        return True
    for name in there - committed.keys():
        if name.endswith(SUFFIXES) or (ROOT / name).is_dir():
            return True
    return not all(_is_blob(ROOT / name, digest) for name, digest in committed.items())


def _is_stood_in_for() -> bool:
    """Whether a module beside the packages, where Python looks first, was taken for a library's."""
    loaded = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    for path in map(Path, filter(None, loaded)):
        package = path.name == "__init__.py" and path.parent.parent == ROOT
        if path.parent == ROOT or (package and path.parent.name not in FOLDERS):
            return True
    return False


def _is_blob(path: Path, digest: bytes) -> bool:
    """Whether a file holds what git calls by this hash; a checkout may have changed line ends.

    Not asked of git, whose filters a person can set.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return False
    except OSError:
        raise _Unknown("a file of the code cannot be read") from None
    kind = hashlib.sha1 if len(digest) == 40 else hashlib.sha256
    return digest.decode() in {
        kind(b"blob %d\0" % len(text) + text).hexdigest()
        for text in (content, content.replace(b"\r\n", b"\n"))
    }


def _git(problem: str, *words: str) -> bytes:
    """What git prints; ``problem`` is what to say if git fails."""
    # GIT_DIR and the like would lead to another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # Whoever runs the code trusts its folder, be it another user's.
    settings = ["-c", f"safe.directory={ROOT}"]
    try:
        return subprocess.run(
            ["git", "-C", str(ROOT), "--no-replace-objects", *settings, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            env=environment,
            timeout=PATIENCE,
        ).stdout
    except FileNotFoundError:
        raise _Unknown("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise _Unknown(f"git did not answer within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise _Unknown(f"git cannot be started: {error.strerror}") from None
    except subprocess.CalledProcessError:
        raise _Unknown(problem) from None
