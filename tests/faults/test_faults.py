"""kill -9, SIGTERM, a full disk, files that may not grow: what was there stays, the run goes on."""

import os
import re
import resource
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from experiments.results.store import read_result
from experiments.system.paths import ROOT, RUNS
from tests.experiments.checks import start_command
from tests.faults import runs

SIGNALS = 12  # of each kind and task


@pytest.mark.parametrize("task", ["language", "music"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
def test_a_run_that_a_signal_ends_goes_on(number, task, config, undisturbed, tally, tmp_path):
    whole, seconds = undisturbed(task)
    row = tally[f"{'kill -9' if number == signal.SIGKILL else 'SIGTERM'} during a run, {task}"]
    moments = runs.Moments(f"{number} {task}", seconds)
    round_ = 0
    while row["tried"] < SIGNALS:
        out = tmp_path / str(round_)
        # Killed, every other run is writing a snapshot most of the time; terminated, the interval
        # is so long that every snapshot is the signal's.
        interval = "600" if number == signal.SIGTERM else "0.2" if round_ % 2 else "0"
        words = [config[task], "--cell", runs.CELL, "--out", out, "--snapshot-interval", interval]
        while not _try(words, out, number, moments, row):
            pass
        row.compare(runs.the_result(out), whole)
        assert runs.last_iteration(out) == 0
        round_ += 1
    assert row["signals of a run that had saved something"] > SIGNALS / 3


def _try(words, out, number, moments, row):
    """Begin or go on with a run and send it a signal; gives whether the run has ended."""
    before = runs.last_iteration(out)
    process = start_command("run", *words)
    row["tried"] += moments.strike(process, number, whole=before == 0)
    ended = runs.end(process)
    assert ended.code in (0, 130, -number), ended
    assert "Traceback" not in ended.out + ended.err
    assert "passed over" not in ended.out  # a snapshot that is there is whole
    if "resumed" in ended.out or ended.interrupted_at is not None or ended.code == 0:
        assert ended.resumed_at == before
    if ended.code != -signal.SIGKILL:
        assert runs.temporary_files(out) == []
    result, after = runs.the_result(out), runs.last_iteration(out)
    if result and result["status"] == "completed":  # maybe struck on its way out
        return True
    assert ended.code != 0
    assert after >= before
    if ended.code == 130:  # not an iteration is lost
        assert ended.err.splitlines()[-1] == "interrupted; the same command goes on"
        assert after == (ended.interrupted_at or before)
        if ended.interrupted_at is not None:
            assert (result["status"], result["iterations"]) == ("interrupted", after)
    elif number == signal.SIGTERM:  # while Python was still importing
        assert "seed 0, on cpu" not in ended.out
        assert after == before
    row["signals of a run that had saved something"] += after > 0
    return False


STOP = 25  # iterations done before the disk is full
#: Room left, in shares of a snapshot's size: none, too little, for one but not for two, for more.
ROOM = [0, 0.02, 0.5, 1.05, 2.2]
LIMITS = [0, 1, 4000, 0.3, 0.99]  # of a file's size: bytes, or shares of a snapshot's size


@contextmanager
def full_disk(go, out, room, size):
    """A disk of its own, filled up while the run is done; gives how it ended."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(out.parent)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a tmpfs can be mounted by root only")

    def resize(size):
        remount = ["mount", "-o", f"remount,size={size}", str(out.parent)]
        subprocess.run(remount, check=True, capture_output=True)

    def do():
        page = os.sysconf("SC_PAGE_SIZE")
        used = shutil.disk_usage(out.parent).used
        resize(max(used + int(room * size), page) // page * page)
        try:
            return go(out)
        finally:
            resize("64m")

    try:
        yield do
    finally:
        subprocess.run(["umount", str(out.parent)], check=True)


@contextmanager
def limited_files(go, out, limit, size):
    """No file may be larger."""
    largest = limit if isinstance(limit, int) else int(limit * size)
    both = (largest, resource.RLIM_INFINITY)
    yield lambda: go(out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, both))


@pytest.fixture(scope="module")
def go(config, tmp_path_factory):
    """Do the run, or go on with it."""
    aside = tmp_path_factory.mktemp("temporary")
    words = [config["short"], "--cell", runs.CELL, "--snapshot-interval", "0.05", "--out"]
    yield lambda *out, **options: runs.run(*words, *out, env={"TMPDIR": str(aside)}, **options)
    # Where a result goes that its disk does not take.
    shutil.rmtree(RUNS / config["short"].stem, ignore_errors=True)


@pytest.fixture(scope="module")
def begun(go, tmp_path_factory):
    """A run's folder as it was left at iteration ``STOP``, and its snapshots' size."""
    out = tmp_path_factory.mktemp("begun")
    assert go(out, "--max-iterations", STOP).code == 0
    return out, max(path.stat().st_size for path in out.rglob("snapshot-*"))


def contents(out):
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("fault", "room"),
    [*((full_disk, room) for room in ROOM), *((limited_files, limit) for limit in LIMITS)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_run_outlives_it(go, begun, undisturbed, tally, tmp_path, fault, room, resumed):
    whole, _ = undisturbed("short")
    row = tally[fault.__name__.replace("_", " ")]
    out = tmp_path / "disk" / "out"
    out.parent.mkdir()
    source, size = begun
    with fault(go, out, room, size) as do:
        if resumed:
            shutil.copytree(source, out)
        before = contents(out)
        check(do(), out, before, whole, row)
        ended = go(out)  # there is room again
        assert ended.code == 0, ended.err
        row.compare(runs.the_result(out), whole)
        assert list(out.rglob("snapshot-*")) == []


def check(ended, out, before, whole, row):
    """After a run that met a full disk: nothing half-written, nothing lost, no traceback."""
    row["tried"] += 1
    assert ended.code in (0, 3), ended
    assert "Traceback" not in ended.out + ended.err
    row["snapshots refused"] += ended.out.count("warning: no snapshot")
    assert runs.temporary_files(out) == []
    there = contents(out)
    newest = max((p.name.split("-")[1] for p in before if "snapshot" in p.name), default="0")
    if ended.code == 0:
        row["runs that ended all the same"] += 1
        row.compare(runs.the_result(out), whole)
    else:
        row["exits with code 3"] += 1
        assert ended.err.count("error:") == 1
        assert runs.last_iteration(out) >= int(newest)
        runs.the_result(out)
        kept = re.search(r"this result is kept in (.*)$", ended.err, re.M)
        if kept:
            row["results kept elsewhere"] += 1
            # Relative to the folder the process ran in.
            row.compare(read_result(Path(ROOT, kept[1])), whole)
    for path, content in before.items():
        replaced = path.name == "result.json" or ended.code == 0
        older = path.name.startswith("snapshot") and path not in there
        assert replaced or older or there[path] == content, path
