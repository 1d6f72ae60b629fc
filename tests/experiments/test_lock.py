"""Two processes never work on one run."""

import json
import os
import signal

import pytest

from experiments.lock import LockedError, run_lock
from tests.experiments.checks import (
    alive,
    find_files,
    start_command,
    training_processes,
    wait_until,
)


@pytest.fixture
def holder(tiny, tmp_path):
    """A process that trains on and on; gives it and the words that start the same run."""
    words = ["run", tiny(epochs=10**6), "--cell", "sgd/none", "--out", tmp_path / "b"]
    process = start_command(*words)
    try:
        wait_until(lambda: training_processes(tmp_path / "b") or process.poll() is not None)
        yield process, words
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_exits_75_and_names_the_first(holder, refused, run, tmp_path):
    process, words = holder
    (path,) = find_files(tmp_path / "b", "progress.json")
    folder = os.path.dirname(path)
    sentence = refused(*words, code=75)
    assert sentence == (
        f"{folder}: this run is being done by process {process.pid} on {os.uname().nodename}"
    )
    assert refused(*words, "--force", code=75) == sentence
    assert alive(process.pid)
    assert find_files(tmp_path / "b", "result.json") == []
    # Other runs are free.
    config, *_ = words[1:]
    out = ("--out", tmp_path / "b", "--max-iterations", "3")
    run(config, "sgd/none", *out, "--seed", "1")
    run(config, "sgd/clipping_5", *out)


def test_a_killed_process_leaves_no_lock(holder, run, tmp_path):
    process, words = holder
    process.kill()
    process.wait()
    assert find_files(tmp_path / "b", "progress.json")  # it had no time to tidy up
    config, *_ = words[1:]
    result, _, _ = run(config, "sgd/none", "--out", tmp_path / "b", "--max-iterations", "3")
    assert result["iterations"] == 3
    assert find_files(tmp_path / "b", "progress.json") == []


def test_an_interrupted_process_leaves_no_lock(holder, run, tmp_path):
    process, words = holder
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 130
    config, *_ = words[1:]
    out = ("--out", tmp_path / "b")
    before = json.loads(open(find_files(tmp_path / "b", "result.json")[0]).read())["iterations"]
    _, text, _ = run(config, "sgd/none", *out, "--max-iterations", str(before + 3))
    assert f"resumed at iteration {before}" in text


def test_a_result_that_is_there_already_needs_no_lock(tiny, run, tmp_path, small_data):
    _, out, _ = run(tiny(), "sgd/none")
    folder = next((tmp_path / "results").rglob("result.json")).parent
    work = tmp_path / "runs" / folder.relative_to(tmp_path / "results")
    with run_lock(work):
        _, out, _ = run(tiny(), "sgd/none")
    assert "done already" in out


def test_a_lock_is_free_again_after_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), run_lock(tmp_path / "new"):
            1 / 0  # noqa: B018


def test_one_process_does_not_get_a_lock_twice(tmp_path):
    with run_lock(tmp_path):
        with pytest.raises(LockedError, match=r"is being done by another process$"):
            with run_lock(tmp_path):
                pass
        with pytest.raises(LockedError):  # and trying does not release it
            with run_lock(tmp_path):
                pass
    with run_lock(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"process": 1}', "\0"])
def test_a_strange_progress_file_does_not_matter(tmp_path, content):
    (tmp_path / "progress.json").write_text(content)
    with run_lock(tmp_path), pytest.raises(LockedError), run_lock(tmp_path):
        pass


def test_the_progress_of_a_process_that_was_killed_names_no_holder(tmp_path):
    stale = {"process": "process 123456789 on here"}
    (tmp_path / "progress.json").write_text(json.dumps(stale))
    with run_lock(tmp_path):  # taken by this process, which has only just begun
        with pytest.raises(LockedError) as refusal, run_lock(tmp_path):
            pass
    assert "123456789" not in str(refusal.value)
