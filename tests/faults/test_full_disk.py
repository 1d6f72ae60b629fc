"""A full disk, and files that may not grow: what was there stays, and the run goes on later."""

import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from experiments.results.store import read_result
from experiments.system.paths import ROOT, RUNS
from tests.faults import runs

STOP = 25  # iterations done before the disk is full
#: Room left, in shares of a snapshot's size: none, too little, for one but not for two, for more.
ROOM = [0, 0.02, 0.5, 1.05, 2.2]
LIMITS = [0, 1, 4000, 0.3, 0.99]  # of a file's size: bytes, or shares of a snapshot's size


@pytest.fixture
def disk(tmp_path):
    """A disk of its own: ``resize(bytes)`` makes it that large."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a tmpfs can be mounted by root only")

    def resize(size):
        remount = ["mount", "-o", f"remount,size={size}", str(folder)]
        subprocess.run(remount, check=True, capture_output=True)

    yield folder, resize
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def go(config, tmp_path_factory):
    """Do the run, or go on with it."""
    aside = tmp_path_factory.mktemp("temporary")

    def run(out, *words, **options):
        words = [config("short"), "--cell", runs.CELL, "--out", out, *words]
        env = runs.environment(TMPDIR=str(aside))
        return runs.run(*words, "--snapshot-interval", "0.05", env=env, **options)

    yield run
    # Where a result goes that its disk does not take.
    shutil.rmtree(RUNS / config("short").stem, ignore_errors=True)


@pytest.fixture(scope="module")
def begun(go, tmp_path_factory):
    """A run's folder as it was left at iteration ``STOP``, and its snapshots' size."""
    out = tmp_path_factory.mktemp("begun")
    assert go(out, "--max-iterations", STOP).code == 0
    return out, runs.snapshots(out)[-1].stat().st_size


def contents(out):
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def check(ended, out, before, whole, row):
    """After a run that met a full disk: nothing half-written, nothing lost, no traceback."""
    row.tried += 1
    row.watch(ended.out + ended.err)
    assert ended.code in (0, 3), ended
    assert "Traceback" not in ended.out + ended.err
    row.count("snapshots refused", ended.out.count("warning: no snapshot"))
    assert runs.temporary_files(out) == []
    there = contents(out)
    newest = max((p.name.split("-")[1] for p in before if "snapshot" in p.name), default="")
    if ended.code == 0:
        row.count("runs that ended all the same")
        row.compare(runs.the_result(out), whole)
    else:
        row.count("exits with code 3")
        assert ended.err.count("error:") == 1
        # Whole (snapshots() checks it), and no older than those before.
        found = max((path.name.split("-")[1] for path in runs.snapshots(out)), default="")
        assert found >= newest
        runs.the_result(out)
        kept = re.search(r"this result is kept in (.*)$", ended.err, re.M)
        if kept:
            row.count("results kept elsewhere")
            # Relative to the folder the process ran in.
            row.compare(read_result(Path(ROOT, kept[1])), whole)
    for path, content in before.items():
        replaced = path.name in ("result.json", "log") or ended.code == 0
        older = path.name.startswith("snapshot") and path not in there
        assert replaced or older or there[path] == content, path
    row.survived += 1


@pytest.mark.parametrize("room", ROOM)
@pytest.mark.parametrize("resumed", [False, True])
def test_a_disk_that_fills_up(disk, go, begun, undisturbed, tally, resumed, room):
    whole, _ = undisturbed("short")
    row = tally("full disk (tmpfs)")
    folder, resize = disk
    out = folder / "out"
    source, size = begun
    if resumed:
        shutil.copytree(source, out)
    page = os.sysconf("SC_PAGE_SIZE")
    resize(max(shutil.disk_usage(folder).used + int(room * size), page) // page * page)
    before = contents(folder)
    try:
        check(go(out), folder, before, whole, row)
    finally:
        resize("64m")
        after(go, out, whole, row)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("resumed", [False, True])
def test_files_that_may_not_grow(go, begun, undisturbed, tally, tmp_path, resumed, limit):
    whole, _ = undisturbed("short")
    row = tally("full disk (limit of a file's size)")
    out = tmp_path / "out"
    source, size = begun
    if resumed:
        shutil.copytree(source, out)
    largest = limit if isinstance(limit, int) else int(limit * size)
    before = contents(out)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    try:
        check(go(out, preexec_fn=limited), out, before, whole, row)
    finally:
        after(go, out, whole, row)


def after(go, out, whole, row):
    """There is room again."""
    ended = go(out)
    row.watch(ended.out + ended.err)
    assert ended.code == 0, ended.err
    row.compare(runs.the_result(out), whole)
    assert runs.snapshots(out) == []
