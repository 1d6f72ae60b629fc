"""Two processes never work on one run."""

import errno
import fcntl
import os
import re
import time
from unittest.mock import Mock

import pytest

from experiments.system.lock import LockedError, run_lock
from tests.experiments.checks import (
    alive,
    find_files,
    start_command,
    training_processes,
    wait_until,
)

SINCE = r"\d{4}-\d\d-\d\d \d\d:\d\d \(\d+\.\d h\)"
HOST = os.uname().nodename


def test_a_second_process_exits_75_and_names_the_first(tiny, refused, run, tmp_path):
    config, out = tiny(epochs=10**6), ("--out", tmp_path / "b")
    words = ["run", config, "--cell", "sgd/none", *out]
    process = start_command(*words)
    try:
        (folder,) = wait_until(lambda: training_processes(tmp_path / "b"))
        sentence = refused(*words, code=75)
        holder = f"this run is being done by process {process.pid} on {HOST} since "
        assert re.fullmatch(re.escape(f"{folder}: {holder}") + SINCE, sentence)
        assert refused(*words, "--force", code=75) == sentence
        # Other runs are free.
        run(config, "sgd/none", *out, "--max-iterations", "3", "--seed", "1")
        run(config, "sgd/clipping_5", *out, "--max-iterations", "3")
        assert alive(process.pid)
        assert len(find_files(tmp_path / "b", "result.json")) == 2
    finally:
        process.kill()
        process.communicate()


def test_a_result_that_is_there_already_needs_no_lock(tiny, run, tmp_path, small_data):
    _, out, _ = run(tiny(), "sgd/none")
    folder = next((tmp_path / "results").rglob("result.json")).parent
    work = tmp_path / "runs" / folder.relative_to(tmp_path / "results")
    with run_lock(work):
        _, out, _ = run(tiny(), "sgd/none")
    assert "done already" in out


def test_one_process_does_not_get_a_lock_twice(tmp_path):
    words = rf"is being done by process {os.getpid()} on {re.escape(HOST)} since {SINCE}$"
    for _ in range(2):  # free again after an error
        with pytest.raises(ZeroDivisionError), run_lock(tmp_path / "new"):
            for _ in range(2):  # trying does not release it
                with pytest.raises(LockedError, match=words), run_lock(tmp_path / "new"):
                    pass
            1 / 0  # noqa: B018


def test_the_progress_of_a_process_that_was_killed_is_gone(tmp_path):
    (tmp_path / "progress.json").write_text("{")
    with run_lock(tmp_path):  # taken by this process, which has only just begun
        assert not (tmp_path / "progress.json").exists()


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES])
def no_locks(request, monkeypatch):
    """A file system without locks, as some network ones are."""

    error = OSError(request.param, os.strerror(request.param))
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=error))
    monkeypatch.setattr("experiments.system.lock.SETTLED", 0.0)


DEAD = 2**22 + 1  # above the highest number that Linux gives
ALIVE, OTHERS = DEAD + 1, DEAD + 2  # made out to be so


@pytest.mark.parametrize(
    "left",
    ["", f"{DEAD}\n{HOST}\n", f"{DEAD}\n{HOST}\n123\n", f"{os.getpid()}\n{HOST}\n"],
    ids=["nobody", "dead", "dead, as filelock writes it", "once this process"],
)
def test_without_locks_a_name_that_nobody_has_is_written_over(tmp_path, capsys, no_locks, left):
    lock = tmp_path / ".lock"
    lock.write_text(left)
    with run_lock(tmp_path):
        assert lock.read_text().startswith(f"{os.getpid()}\n{HOST}\n")
    assert lock.read_text() == ""
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("note: ")
    assert "cannot be locked (" in line


@pytest.mark.parametrize(
    ("left", "who"),
    [
        ("4242\nnode-b\n4455411923\n", "process 4242 on node-b"),
        (f"{ALIVE}\n{HOST}\n", f"process {ALIVE} on {HOST}"),
        (f"{OTHERS}\n{HOST}\n", f"process {OTHERS} on {HOST}"),
        (f"{DEAD}\n{HOST}\npid:[1]\n", f"process {DEAD} on {HOST}"),
        (f"{10**30}\n{HOST}\n", f"process {10**30} on {HOST}"),
        ("torn", "another process"),
        ("\xff", "another process"),
        (f"0\n{HOST}\n", "another process"),
    ],
    ids=["elsewhere", "alive", "other user", "container", "no number", "torn", "no text", "none"],
)
def test_without_locks_a_name_that_may_be_taken_keeps_off(
    tmp_path, no_locks, monkeypatch, left, who
):
    kill, errors = os.kill, {ALIVE: None, OTHERS: PermissionError()}

    def look(pid, number):
        if errors.get(pid):
            raise errors[pid]
        return None if pid in errors else kill(pid, number)

    monkeypatch.setattr(os, "kill", look)
    lock = tmp_path / ".lock"
    lock.write_text(left, encoding="latin-1")
    days_ago = time.time() - 3 * 24 * 3600
    os.utime(lock, (days_ago, days_ago))
    with pytest.raises(LockedError) as refusal, run_lock(tmp_path):
        pass
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(days_ago))
    assert str(refusal.value) == (
        f"{tmp_path}: this run is being done by {who} since {since} (72.0 h); "
        f"if that process is gone, remove {lock}"
    )
    assert lock.read_text(encoding="latin-1") == left


def test_without_locks_the_last_of_two_at_once_has_the_run(tmp_path, no_locks, monkeypatch):
    lock = tmp_path / ".lock"
    monkeypatch.setattr(time, "sleep", lambda _: lock.write_text("4242\nnode-b\n"))
    with pytest.raises(LockedError, match="process 4242 on node-b"), run_lock(tmp_path):
        pass
    assert lock.read_text() == "4242\nnode-b\n"


@pytest.mark.parametrize("room", [0, 3])
def test_a_lock_holds_on_a_disk_that_takes_no_name(tmp_path, monkeypatch, room):
    write = os.pwrite

    def full(file, content, place):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, content[:room], place)

    monkeypatch.setattr(os, "pwrite", full)
    with run_lock(tmp_path), pytest.raises(LockedError, match="by another process since"):
        with run_lock(tmp_path):
            pass
    assert (tmp_path / ".lock").read_bytes() == b""


def test_a_lock_that_somebody_else_took_meanwhile_is_left_to_them(tmp_path):
    with run_lock(tmp_path):
        (tmp_path / ".lock").write_text("4242\nnode-b\n")
    assert (tmp_path / ".lock").read_text() == "4242\nnode-b\n"
