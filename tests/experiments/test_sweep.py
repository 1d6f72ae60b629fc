"""Sweeps: what they plan, do at a time, survive, and say."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from experiments.cli import main
from experiments.config import load_config
from experiments.interruption import interruptible
from experiments.sweep import driver
from experiments.sweep.plan import PlannedRun
from tests.experiments.checks import (
    EXPLODES,
    alive,
    check_complete,
    find_files,
    start_command,
    timeless,
    training_processes,
    wait_until,
)

DEMO = ("sgd/clipping_20", "sgd/clipping_5", "sgd/projection_0.2")
#: 34 iterations an epoch of the made-up text, which other processes make in full.
FAST = {"batch_size": 50, "eval_batch_size": 50, "bptt_steps": 35, "epochs": 1}
ENDLESS = {**FAST, "epochs": 10**6}


@pytest.fixture
def b(tmp_path):
    """Folder of the results."""
    return tmp_path / "b"


@pytest.fixture
def start(b):
    """Start a sweep in a process of its own; whatever is left of it at the end is killed."""
    started = []

    def go(*words):
        started.append(start_command("sweep", *words, "--out", b))
        return started[-1]

    yield go
    left = list(training_processes(b).values())
    for process in started:
        process.kill()
        process.communicate()
    for pid in filter(alive, left):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def sweep(call, b):
    """Sweep here, the runs in processes of their own; gives stdout."""

    def go(*words, code=0):
        got, out, err = call("sweep", *words, "--out", b)
        assert got == code, out + err
        assert "Traceback" not in out + err
        return out

    return go


@pytest.fixture
def no_jobs(monkeypatch):
    """No run may be started."""

    def refuse(job):
        raise AssertionError("a run was started")

    monkeypatch.setattr(driver, "run_job", refuse)


@pytest.fixture
def fake_jobs(monkeypatch):
    """Runs that do nothing, each ending as told by its name; gives the jobs that were done."""
    done, ends = [], {}

    def run_job(job):
        done.append(job)
        code = ends.get(job.name, 0)
        return code.pop(0) if isinstance(code, list) else code, "completed at once"

    monkeypatch.setattr(driver, "run_job", run_job)
    monkeypatch.setattr(driver, "LOOK_AGAIN", 0.0)
    return done, ends


def planned(text):
    """Names of the runs in a printed plan."""
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    return [line.partition("  at most ")[0].strip() for line in lines]


def read(folder):
    """All results below a folder, by cell and seed."""
    results = (json.loads(open(path).read()) for path in find_files(folder, "result.json"))
    return {(result["cell"], result["seed"]): result for result in results}


# The plan


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ("0", [0]),
        ("7", [7]),
        ("0-2", [0, 1, 2]),
        ("0,3", [0, 3]),
        ("0-1,5", [0, 1, 5]),
        ("3-3", [3]),
        ("5,1", [5, 1]),
        ("4294967295", [2**32 - 1]),
        (None, [0, 1, 2]),
    ],
)
def test_a_plan_goes_seed_by_seed_through_the_cells(sweep, b, seeds, expected):
    text = sweep("demo", "--dry-run", *(["--seeds", seeds] if seeds else []))
    assert planned(text) == [f"{cell} seed {seed}" for seed in expected for cell in DEMO]
    assert f"{3 * len(expected)} to run, 0 done; one after the other at most about " in text
    assert not b.exists()


def test_a_plan_takes_some_cells(sweep):
    text = sweep("demo", "--cells", "*/clip*20", "--dry-run", "--seeds", "1")
    assert planned(text) == ["sgd/clipping_20 seed 1"]


def test_a_plan_says_how_many_at_a_time(sweep):
    assert "at a time" not in sweep("demo", "--dry-run")
    assert sweep("demo", "--dry-run", "--jobs", "3").endswith(", 3 at a time\n")
    gpus = ("--device", "0,1", "--jobs-per-device", "2")
    assert sweep("demo", "--dry-run", *gpus).endswith(", 4 at a time\n")


def test_a_seed_given_twice_is_run_once(sweep):
    assert len(planned(sweep("demo", "--cells", "*/clip*20", "--dry-run", "--seeds", "1,1"))) == 1


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["demo", "--set", "epochs=0"], "epochs"),
        (["demo", "--cells", "adam/*"], "'adam/*'"),
        (["dem"], "did you mean 'demo'?"),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["--dry-run", "--emit-slurm", "--jobs=1"])
def test_a_plan_that_cannot_be_is_one_sentence(refused, no_jobs, b, words, names, how):
    assert names in refused("sweep", *words, how, "--out", b)
    assert not b.exists()


@pytest.mark.parametrize("option", ["--jobs", "--jobs-per-device", "--max-iterations"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "", "²"])
def test_counts_that_are_none_are_refused(capsys, option, value):
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "demo", f"{option}={value}"])
    assert stop.value.code == 2
    assert f"argument {option}: expected a positive integer" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["foo", "", "0;1", "0 1", "-1"])
@pytest.mark.parametrize("how", ["--jobs=1", "--emit-slurm"])
def test_an_unknown_device_is_refused(no_jobs, b, device, how, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "demo", f"--device={device}", how, "--out", str(b)])
    assert stop.value.code == 2
    assert "argument --device: expected cpu, or GPUs" in capsys.readouterr().err


# What is done


def test_what_is_done_is_not_run_again(tiny, sweep, store, fake_jobs, tmp_path, b):
    config = load_config(tiny())
    store(config.cell("sgd/none"), 0)
    store(config.cell("sgd/none"), 1, status="diverged")
    store(config.cell("sgd/clipping_5"), 0, status="interrupted")
    other = config.cell("sgd/clipping_5").override(["units=9"])
    store(other, 1)
    (tmp_path / "results").rename(b)
    text = sweep(tiny())
    assert "4 to run, 2 done" in text
    names = [f"sgd/{name} seed {s}" for s in (0, 1) for name in ("clipping_5", "projection_0.2")]
    assert [job.name for job in fake_jobs[0]] == planned(text) == names
    assert (
        planned(sweep(tiny(), "--dry-run", "--set", "units=9", "--cells", "*/clip*")) == names[:1]
    )


def test_a_partial_result_is_done_where_it_has_the_iterations(
    tiny, sweep, store, fake_jobs, tmp_path, b
):
    store(load_config(tiny()).cell("sgd/none"), 0, status="interrupted", validation=(5.0, 4.0))
    (tmp_path / "results").rename(b)
    some = (tiny(), "--cells", "sgd/none", "--seeds", "0", "--max-iterations")
    assert sweep(*some, "20").splitlines()[-2:] == ["0 to run, 1 done", "all done"]
    assert fake_jobs[0] == []
    assert "1 to run, 0 done" in sweep(*some, "21")
    (job,) = fake_jobs[0]
    assert job.command[job.command.index("--max-iterations") + 1] == "21"


def test_where_all_is_done_nothing_is_written(tiny, call, store, no_jobs, tmp_path):
    store(load_config(tiny()).cell("sgd/none"), 0)
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = call("sweep", tiny(), "--cells", "sgd/none", "--seeds", "0")
    assert (code, out.splitlines()[-1]) == (0, "all done")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("how", ["--jobs=1", "--dry-run", "--emit-slurm"])
def test_a_damaged_result_is_one_sentence_before_anything_starts(
    tiny, refused, store, no_jobs, tmp_path, how
):
    path = store(load_config(tiny()).cell("sgd/none"), 1)
    path.write_text("{")
    before = sorted(tmp_path.rglob("*"))
    assert f"{path}: not valid JSON" in refused("sweep", tiny(), how)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_tells_which_go_on_from_a_snapshot(tiny, run, sweep, small_data, b):
    run(tiny(), "sgd/none", "--max-iterations", "3", "--out", b)
    text = sweep(tiny(), "--dry-run", "--seeds", "0")
    lines = [line for line in text.splitlines() if line.endswith(", from a snapshot")]
    assert planned("\n".join(lines)) == ["sgd/none seed 0"]


def test_no_cost_is_at_most_about_under(tiny, sweep):
    assert "about under" not in sweep(tiny(), "--dry-run")


# Runs that fail, are another's, or are given their threads


def test_a_failing_run_does_not_keep_the_others_from_running(tiny, sweep, fake_jobs):
    done, ends = fake_jobs
    ends |= {"sgd/none seed 0": 3, "sgd/clipping_5 seed 1": -9}
    text = sweep(tiny(), code=1)
    assert len(done) == 6
    assert "sgd/none seed 0: FAILED (exit code 3), see " in text
    assert "sgd/clipping_5 seed 1: FAILED (killed by signal 9), see " in text
    number, _, names = text.splitlines()[-1].partition(": ")
    assert number == "2 of 6 runs failed"
    assert sorted(names.split(", ")) == ["sgd/clipping_5 seed 1", "sgd/none seed 0"]


def test_a_run_that_cannot_be_started_is_a_failed_one(tiny, sweep, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    text = sweep(tiny(), "--cells", "sgd/none", code=1)
    assert "FileNotFoundError: " in text
    assert "2 of 2 runs failed" in text


def test_another_ones_run_is_tried_again_until_it_is_done(tiny, sweep, fake_jobs):
    done, ends = fake_jobs
    ends["sgd/none seed 0"] = [75, 75, 0]
    text = sweep(tiny(), "--cells", "sgd/none")
    assert [job.name for job in done].count("sgd/none seed 0") == 3
    assert text.count("sgd/none seed 0: another process has it, waiting") == 1
    assert "FAILED" not in text


@pytest.mark.parametrize(("cores", "jobs", "threads"), [(8, 1, 8), (8, 3, 2), (2, 5, 1)])
def test_the_cores_are_shared_among_the_jobs(
    tiny, sweep, fake_jobs, monkeypatch, cores, jobs, threads
):
    monkeypatch.setattr(driver, "cores", lambda: cores)
    sweep(tiny(), "--jobs", jobs)
    assert {job.threads for job in fake_jobs[0]} == {threads}


def test_each_gpu_gets_its_share_of_the_jobs(tiny, tmp_path, fake_jobs, b, monkeypatch):
    runs = [PlannedRun("x", load_config(tiny()).cell("sgd/none"), s, b, None) for s in range(4)]
    together = threading.Barrier(4, timeout=20)
    devices = []

    def run_job(job):
        together.wait()
        devices.append(job.command[-2:])
        return 0, ""

    monkeypatch.setattr(driver, "run_job", run_job)
    assert driver.run_sweep(runs, 4, ["0", "1"], 600.0, None)
    assert sorted(devices) == [["--device", "0"]] * 2 + [["--device", "1"]] * 2


def test_the_command_that_repeats_a_run_has_its_device(tiny, sweep, fake_jobs, monkeypatch):
    monkeypatch.setattr("experiments.device.find_device", lambda name: None)
    _, ends = fake_jobs
    ends["sgd/none seed 0"] = 1
    text = sweep(tiny(), "--cells", "sgd/none", "--seeds", "0", "--device", "1", code=1)
    (line,) = [line for line in text.splitlines() if "to repeat it: " in line]
    assert "--device 1" in line


# Interruptions


def _stoppable(monkeypatch):
    """Jobs that go on until they are asked to end."""
    asked, begun = threading.Event(), threading.Event()

    def run_job(job):
        begun.set()
        return (130 if asked.wait(timeout=3) else 0), ""

    monkeypatch.setattr(driver, "run_job", run_job)
    monkeypatch.setattr(driver, "stop_jobs", asked.set)
    return asked, begun


def test_a_signal_while_jobs_are_still_being_begun_ends_them(tiny, b, monkeypatch):
    asked, begun = _stoppable(monkeypatch)
    runs = [PlannedRun("x", load_config(tiny()).cell("sgd/none"), s, b, None) for s in range(3)]
    make_job = PlannedRun.job

    def job(self, *arguments):
        if self.seed == 1:
            assert begun.wait(timeout=3)
            signal.raise_signal(signal.SIGTERM)
        return make_job(self, *arguments)

    monkeypatch.setattr(PlannedRun, "job", job)
    with pytest.raises(KeyboardInterrupt):
        driver.run_sweep(runs, 1, ["cpu"], 600.0, None)
    assert asked.is_set()


def test_a_process_started_after_a_signal_still_listens_to_signals():
    # A job that a pool's thread starts in the moment in which the sweep is told to end.
    program = "import signal, sys; sys.exit(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)"
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        done = subprocess.run([sys.executable, "-S", "-c", program])
    assert done.returncode == 0


def test_sigterm_ends_all_runs_with_a_snapshot_each(tiny, start, b):
    process = start(tiny(**ENDLESS), "--jobs", "2", "--seeds", "0")
    running = wait_until(lambda: len(r := training_processes(b)) == 2 and r)
    assert all(alive(pid) for pid in running.values())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in out + err
    assert "stopping: every run saves a snapshot and ends" in out
    assert not any(alive(pid) for pid in running.values())
    for folder in running:
        assert len(find_files(folder, "snapshot-*.npz")) == 1
        log = open(os.path.join(folder, "log.txt")).read()
        assert "interrupted after" in log
        assert "Traceback" not in log
    assert find_files(b, "progress.json") == []
    assert {result["status"] for result in read(b).values()} == {"interrupted"}
    # Two at a time: the third was not begun.
    assert set(read(b)) == {("sgd/clipping_5", 0), ("sgd/projection_0.2", 0)}
    assert len(find_files(b, "snapshot-*.npz")) == 2


def test_runs_end_with_a_snapshot_when_their_sweep_is_killed(tiny, start, b):
    process = start(tiny(**ENDLESS), "--cells", "sgd/none", "--seeds", "0")
    ((folder, pid),) = wait_until(lambda: training_processes(b)).items()
    process.kill()
    process.wait()
    wait_until(lambda: not alive(pid))
    assert len(find_files(folder, "snapshot-*.npz")) == 1
    assert read(b)["sgd/none", 0]["status"] == "interrupted"
    assert "stopping after this iteration" in open(os.path.join(folder, "log.txt")).read()


def test_a_killed_run_is_told_and_goes_on_in_the_next_sweep(
    tiny_text, write_config, start, call, b, tmp_path
):
    text = tiny_text(**FAST)
    del text["cells"]["sgd/projection_0.2"]
    text["cells"]["sgd/none"]["set"]["epochs"] = 5
    config = write_config(text, "it's a config.yaml")
    words = (config, "--jobs", "2", "--seeds", "0", "--snapshot-interval", "0")
    process = start(*words)

    def victim():
        found = {folder: pid for folder, pid in training_processes(b).items() if "none" in folder}
        return [(f, pid) for f, pid in found.items() if len(find_files(f, "snapshot-*")) > 1]

    ((folder, pid),) = wait_until(victim)
    os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, out + err
    lines = out.splitlines()
    failed = f"sgd/none seed 0: FAILED (killed by signal 9), see {folder}/log.txt, which ends:"
    place = lines.index(failed)
    assert "    it's a config sgd/none, seed 0, on cpu" in lines[place + 1 :]
    assert lines[-1] == "1 of 2 runs failed: sgd/none seed 0"
    assert any(line.startswith("sgd/clipping_5 seed 0: completed after 34") for line in lines)
    assert set(read(b)) == {("sgd/clipping_5", 0)}
    assert find_files(folder, "snapshot-*")
    shutil.copytree(b, tmp_path / "saved")

    # The next sweep finishes it, ...
    code, out, _ = call("sweep", *words, "--out", b)
    assert (code, "1 to run, 1 done" in out) == (0, True)
    assert ", from a snapshot" in out
    result = read(b)["sgd/none", 0]
    check_complete(result)
    assert (result["status"], len(result["resumed"])) == ("completed", 1)
    assert result["resumed"][0]["iteration"] > 0
    assert find_files(b, "snapshot-*") == find_files(b, "progress.json") == []

    # ... and so does the command that was printed, to the bit the same.
    (command,) = [line for line in lines if "to repeat it: " in line]
    command = shlex.split(command.partition("to repeat it: ")[2])
    assert command[:3] == ["python", "-m", "experiments"]
    shutil.rmtree(b)
    shutil.copytree(tmp_path / "saved", b)
    assert call(*command[3:])[0] == 0
    again = read(b)["sgd/none", 0]
    assert again["resumed"][0]["iteration"] == result["resumed"][0]["iteration"]
    assert timeless(again) == timeless(result)


# Real runs


def test_a_diverged_run_is_done(tiny, sweep, b):
    words = (tiny(**FAST), "--cells", "sgd/none", "--seeds", "0", "--set", EXPLODES)
    out = sweep(*words)
    assert "sgd/none seed 0: diverged after" in out
    assert read(b)["sgd/none", 0]["status"] == "diverged"
    assert sweep(*words).splitlines()[-1] == "all done"


def test_two_sweeps_at_once_do_every_run_once(tiny, start, b):
    words = (tiny(**FAST), "--cells", "sgd/none", "--seeds", "0-1")
    pair = [start(*words), start(*words)]
    texts = [process.communicate(timeout=60) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], texts
    assert "FAILED" not in str(texts)
    results = read(b)
    assert set(results) == {("sgd/none", seed) for seed in range(2)}
    for result in results.values():
        assert (result["status"], result["resumed"]) == ("completed", [])
    for log in find_files(b, "log.txt"):
        assert open(log).read().count("completed after") == 1
    assert len(find_files(b, "log.txt")) == 2


# Slurm


SRUN = """#!/bin/bash
if [ -n "${SRUN_CODE-}" ]; then exit "$SRUN_CODE"; fi
exec "$@"
"""
SCONTROL = """#!/bin/bash
printf '%s\\n' "$@" >> "$SCONTROL_LOG"
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Do a task of an array as Slurm would; gives its exit code and what was asked of scontrol."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)

    def do(script, task, **variables):
        log = tmp_path / "scontrol.log"
        log.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SCONTROL_LOG": str(log),
            "SLURM_ARRAY_JOB_ID": "77",
            "SLURM_ARRAY_TASK_ID": str(task),
            **variables,
        }
        # From a spool folder, as Slurm does it.
        done = subprocess.run(
            ["bash", str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done, log.read_text().split() if log.exists() else []

    return do


@pytest.fixture
def emit(call, tmp_path):
    """Write a batch script and give its path."""

    def write(*words):
        code, text, err = call("sweep", *words, "--emit-slurm")
        assert (code, err) == (0, "")
        path = tmp_path / "job.sh"
        path.write_text(text)
        done = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return path

    return write


def directives(script):
    return [line for line in script.read_text().splitlines() if line.startswith("#SBATCH")]


def test_a_job_array_does_all_runs_whatever_their_names(
    tiny_text, write_config, emit, slurm, tmp_path
):
    folder = tmp_path / 'it\'s "my" $HOME `here`; *'
    folder.mkdir()
    config = write_config(tiny_text(**FAST), str(folder / "a config's.yaml"))
    script = emit(
        *(config, "--cells", "sgd/[cn]*", "--seeds", "0", "--out", folder / "results"),
        *("--set", "dropout_after=[ 'gru', \"input\" ]", "dropout=0.1", "--snapshot-interval", "9"),
    )
    assert "#SBATCH --array=0-1" in directives(script)
    for task in (0, 1):
        done, requeued = slurm(script, task)
        assert done.returncode == 0, done.stderr
        assert requeued == []
    results = read(folder / "results")
    assert set(results) == {("sgd/clipping_5", 0), ("sgd/none", 0)}
    for result in results.values():
        assert result["status"] == "completed"
        assert result["overrides"] == {"dropout_after": ["gru", "input"], "dropout": 0.1}


def test_a_task_that_was_interrupted_is_queued_again(emit, slurm):
    script = emit("demo", "--seeds", "0")
    done, requeued = slurm(script, 2, SRUN_CODE="130")
    assert (done.returncode, requeued) == (130, ["requeue", "77_2"])


@pytest.mark.parametrize("code", ["0", "1", "2", "3", "75", "137"])
def test_other_tasks_are_not_queued_again(emit, slurm, code):
    script = emit("demo", "--seeds", "0")
    done, requeued = slurm(script, 0, SRUN_CODE=code)
    assert (str(done.returncode), requeued) == (code, [])


def test_a_job_array_has_the_missing_runs_only(tiny, emit, store, tmp_path):
    store(load_config(tiny()).cell("sgd/none"), 0)
    script = emit(tiny(), "--cells", "sgd/none", "--out", tmp_path / "results")
    assert "#SBATCH --array=0-0" in directives(script)
    assert "--seed 1" in script.read_text()
    assert "--seed 0" not in script.read_text()


def test_a_job_array_asks_for_a_snapshot_before_the_time_is_up(emit):
    lines = directives(emit("demo"))
    assert "#SBATCH --signal=TERM@120" in lines
    assert "#SBATCH --requeue" in lines
    assert "#SBATCH --array=0-8" in lines


@pytest.mark.parametrize("name", ["two words", "two\nlines", "a'b", 'a"b', "-x", "a#b"])
def test_a_configs_name_does_not_break_the_directives(tiny_text, write_config, emit, name):
    script = emit(write_config(tiny_text(), f"{name}.yaml"))
    for line in directives(script):
        assert len(shlex.split(line, comments=False)) == 2, line
    for line in script.read_text().partition("\nruns=(")[0].splitlines():
        assert line.startswith("#")


# Clusters: more in test_cluster.py


def test_a_scheduler_that_does_not_answer_is_one_sentence(tiny, b):
    pytest.importorskip("distributed")
    done = start_command(
        "sweep", tiny(), "--scheduler", "tcp://127.0.0.1:1", "--seeds", "0", "--out", b
    )
    _, err = done.communicate(timeout=20)
    assert done.returncode == 2
    assert err.startswith("error: --scheduler tcp://127.0.0.1:1: cannot be reached (")
    assert err.count("\n") == 1, err


def test_a_scheduler_without_an_address_is_one_sentence(tiny, b):
    pytest.importorskip("distributed")
    words = ("sweep", tiny(), "--seeds=0", "--out", b)
    started = {
        address: start_command(*words, f"--scheduler={address}")
        for address in ("nonsense", "x://y:1", "")
    }
    for address, process in started.items():
        _, err = process.communicate(timeout=30)
        assert process.returncode == 2, address
        assert err.startswith(f"error: --scheduler {address}: "), address
        assert err.count("\n") == 1, err
        assert "tcp://HOST:8786" in err


def test_a_machine_without_dask_is_told_what_to_install(refused, tiny, b, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "experiments.sweep.cluster", raising=False)
    sentence = refused("sweep", tiny(), "--scheduler", "tcp://127.0.0.1:1", "--out", b)
    assert "requirements-cluster.txt" in sentence
