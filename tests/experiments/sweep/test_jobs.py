"""Runs of a sweep: those that fail, that are another's, their threads; real ones."""

import json
import os
import shlex
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec, command_line
from experiments.sweep import pool as driver
from experiments.sweep.display import Display
from experiments.sweep.job import Job, run_job
from experiments.sweep.plan import make_job, make_plan
from experiments.sweep.slurm import slurm_script
from tests.experiments.checks import find_files, training_processes, wait_until
from tests.experiments.sweep.conftest import FAST, read

GOOD = {"epoch": 1.5, "validation_loss": None, "seconds_left": 3, "process": "process 8 on here"}


def test_a_run_that_ended_is_told_in_its_last_words(tiny, tmp_path, capsys):
    run = RunSpec(load_config(tiny()).cell("sgd/none"), 0, tmp_path)
    tail = "a\ncompleted after 3\n  best validation b\n  success: yes\n  weights: equal to ours"
    with Display([run], "cpu") as display:
        display.ended(run, 0, tail)
    assert (
        "completed after 3; best validation b; weights: equal to ours\n" in capsys.readouterr().out
    )


def test_a_failing_run_does_not_keep_the_others_from_running(tiny, sweep, fake_jobs, monkeypatch):
    monkeypatch.setattr("experiments.system.device.check_devices", lambda names: None)
    done, ends = fake_jobs
    ends |= {"sgd/none seed 0": 3, "sgd/clipping_5 seed 1": -9}
    text = sweep(tiny(), "--device", "1", code=1)
    assert len(done) == 6
    assert "sgd/none seed 0: FAILED (exit code 3), see " in text
    assert "sgd/clipping_5 seed 1: FAILED (killed by signal 9), see " in text
    number, _, names = text.splitlines()[-1].partition(": ")
    assert number == "2 of 6 runs failed"
    assert sorted(names.split(", ")) == ["sgd/clipping_5 seed 1", "sgd/none seed 0"]
    commands = [line for line in text.splitlines() if "to repeat it: " in line]
    assert ["--device 1" in command for command in commands] == [True, True]


def test_a_run_that_cannot_be_started_is_a_failed_one(tiny, sweep, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    text = sweep(tiny(), "--cells", "sgd/none", code=1)
    assert "FAILED (could not be run):\n    FileNotFoundError: " in text
    assert "2 of 2 runs failed" in text


def test_runs_of_a_lost_scheduler_say_so(tiny, sweep, monkeypatch):
    def cancel(job):
        raise CancelledError

    monkeypatch.setattr("experiments.sweep.pool.run_job", cancel)
    text = sweep(tiny(), "--cells", "sgd/none", code=1)
    assert text.count("FAILED (could not be run):\n    the scheduler was lost; what its") == 2


def test_another_ones_run_is_tried_again_until_it_is_done(tiny, sweep, fake_jobs):
    done, ends = fake_jobs
    ends["sgd/none seed 0"] = [75, 75, 0]
    refusal = "b: this run is being done by process 4242 on node-b"
    ends["tail"] = f"demo sgd/none\nerror: no longer true\nerror: {refusal}"
    text = sweep(tiny(), "--cells", "sgd/none")
    assert [job.name for job in done].count("sgd/none seed 0") == 3
    assert text.count(f"sgd/none seed 0: waiting for another process; {refusal}\n") == 1
    assert "FAILED" not in text


def test_what_a_run_waits_for_stands_in_every_report(tiny, b):
    run = RunSpec(load_config(tiny()).cell("sgd/none"), 0, b, None)
    with Display([run], "cpu") as display:
        display.waits(run, "error: it is being done by process 7 on here\n")
        head, line = display._lines()
        assert head == "0 of 1 runs ended"
        assert line.endswith("waiting for another process; it is being done by process 7 on here")
        run.folder.mkdir(parents=True)
        for process, going_on in (("process 7 on here", 0), ("process 8 on here", 1)):
            (run.folder / "progress.json").write_text(json.dumps(GOOD | {"process": process}))
            os.utime(run.folder / "progress.json", (time.time() + 60,) * 2)
            head, line = display._lines()
            assert head == "0 of 1 runs ended" + ", 1 going on" * going_on
            assert ("waiting" in line) != ("epoch 1.50" in line) == going_on
        display.ended(run, 0, "completed")
        assert display._lines() == ["1 of 1 runs ended"]


def test_a_note_of_a_run_is_handed_on(tiny, sweep, fake_jobs):
    _, ends = fake_jobs
    ends["tail"] = "note: an earlier session had Python 3, this one has 4\ndiverged after 3"
    text = sweep(tiny(), "--cells", "sgd/none", "--seeds", "0")
    assert "sgd/none seed 0: note: an earlier session had Python 3, this one has 4; div" in text


@pytest.mark.parametrize(("set_to", "seen"), [(None, "/ours"), ("here", "/ours"), ("/a", "/a")])
def test_a_job_knows_where_the_data_is_unless_its_machine_says(tmp_path, monkeypatch, set_to, seen):
    monkeypatch.delenv("GRUSTAB_DATA", raising=False)
    if set_to:
        monkeypatch.setenv("GRUSTAB_DATA", set_to)
    program = "import os; print(os.environ['GRUSTAB_DATA'])"
    words = [sys.executable, "-S", "-c", program]
    assert run_job(Job("a", words, str(tmp_path), str(tmp_path), "/ours")) == (0, seen)


def test_the_folder_of_the_data_is_given_whole(tiny, b, monkeypatch):
    runs = make_plan(tiny(), "sgd/none", [0], [], b, None)
    for home, whole in (("~/my data", "/home/me/my data"), ("here", os.path.abspath("here"))):
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.setenv("GRUSTAB_DATA", home)
        assert make_job(*runs, 600.0).data == whole
        assert f"export GRUSTAB_DATA={shlex.quote(whole)}\n" in slurm_script(runs, "cpu", 600.0)


def test_each_gpu_gets_its_share_of_the_jobs(tiny, b, monkeypatch):
    runs = [RunSpec(load_config(tiny()).cell("sgd/none"), s, b, None) for s in range(4)]
    together = threading.Barrier(4, timeout=20)
    devices = []

    def run_job(job):
        together.wait()
        devices.append(job.command[-2:])
        return 0, ""

    monkeypatch.setattr(driver, "run_job", run_job)
    assert driver.run_sweep(runs, 4, ["0", "1"], 600.0, None)
    assert sorted(devices) == [["--device", "0"]] * 2 + [["--device", "1"]] * 2


def test_a_job_does_not_run_what_was_not_planned(tiny, call, refused, b, never_run):
    out = ("--cells", "sgd/none", "--seeds", "0", "--out", b)
    (run,) = make_plan(tiny(), "sgd/none", [0], [], b, None)
    words = make_job(run, 600.0).command[3:]
    words.remove("--stop-with-parent")
    script = call("sweep", tiny(), *out, "--emit-slurm")[1]
    tiny(units=9)
    sentence = refused(*words)
    assert "tiny.yaml: the conditions of cell 'sgd/none' have changed since" in sentence
    assert "start the sweep again" in sentence
    task = next(line for line in script.splitlines() if line.startswith("  'run "))
    assert refused(*shlex.split(shlex.split(task)[0])) == sentence
    with pytest.raises(AssertionError, match="a run was started"):
        call(*shlex.split(command_line(run.words(), "cpu"))[3:])


@pytest.mark.parametrize("text", [
    "", "[]", "{}", "3", "\xff", '{"epoch": "x"}', "[" * 10**5, json.dumps(GOOD)
])  # fmt: skip
def test_a_file_of_progress_that_is_damaged_or_old_does_not_count(tiny, b, text):
    (run,) = make_plan(tiny(), "sgd/none", [0], [], b, None)
    run.folder.mkdir(parents=True)
    (run.folder / "progress.json").write_bytes(text.encode("latin-1"))
    for age in (0, 3600):
        os.utime(run.folder / "progress.json", (time.time() + 60 - age,) * 2)
        going_on = int(text == json.dumps(GOOD) and not age)
        assert Display([run], "cpu")._lines()[0] == "0 of 1 runs ended" + ", 1 going on" * going_on


def test_two_sweeps_at_once_do_every_run_once(tiny, start, sweep, b, monkeypatch):
    monkeypatch.setattr(driver, "LOOK_AGAIN", 0.2)
    words = (tiny(**{**FAST, "epochs": 20}), "--cells", "sgd/none", "--seeds", "0")
    other = start(*words)
    wait_until(lambda: training_processes(b))
    assert "FAILED" not in sweep(*words)
    text = other.communicate(timeout=60)
    assert (other.returncode, "FAILED" in str(text)) == (0, False)
    (result,) = read(b).values()
    assert (result["status"], result["resumed"]) == ("completed", [])
    (log,) = find_files(b, "log.txt")
    assert open(log).read().count("completed after") == 1
