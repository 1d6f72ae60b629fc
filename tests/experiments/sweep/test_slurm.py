"""The job array for Slurm."""

import os
import shlex
import subprocess

import pytest

from tests.experiments.sweep.conftest import FAST, read

SRUN = """#!/bin/bash
if [ -n "${SRUN_CODE-}" ]; then exit "$SRUN_CODE"; fi
case $1 in --cpus-per-task=*) shift ;; *) exit 9 ;; esac
exec "$@"
"""
SCONTROL = """#!/bin/bash
printf '%s\\n' "$@" >> "$SCONTROL_LOG"
"""


@pytest.fixture
def slurm(tmp_path):
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
    # A snapshot before the time is up, and the rest later.
    wanted = {"#SBATCH --array=0-1", "#SBATCH --signal=TERM@300", "#SBATCH --requeue"}
    assert wanted <= set(directives(script))
    for task in (0, 1):
        done, requeued = slurm(script, task)
        assert done.returncode == 0, done.stderr
        assert requeued == []
    results = read(folder / "results")
    assert set(results) == {("sgd/clipping_5", 0), ("sgd/none", 0)}
    for result in results.values():
        assert result["status"] == "completed"
        assert result["overrides"] == {"dropout_after": ["gru", "input"], "dropout": 0.1}


@pytest.mark.parametrize("code", [130, 143, 0, 1, 2, 3, 75, 137])
def test_only_a_task_that_was_interrupted_is_queued_again(emit, slurm, code):
    done, requeued = slurm(emit("demo", "--seeds", "0"), 2, SRUN_CODE=str(code))
    assert (done.returncode, requeued) == (code, ["requeue", "77_2"] if code in (130, 143) else [])


def test_a_job_array_has_the_missing_runs_only(tiny, emit, call, store):
    store((tiny(), "sgd/none"), 0)
    script = emit(tiny(), "--cells", "sgd/none", "--device", "0")
    assert "#SBATCH --array=0-0" in directives(script)
    assert "--device 0" in script.read_text()
    assert "--seed 1" in script.read_text()
    assert "--seed 0" not in script.read_text()
    code, out, err = call("sweep", tiny(), "--cells=sgd/none", "--seeds=0", "--emit-slurm")
    assert (code, out) == (0, "")
    assert err.startswith("all done")


@pytest.mark.parametrize(("seeds", "said"), [("0-999,1000", False), ("0-999,1000-1001", True)])
def test_a_job_array_larger_than_slurm_takes_by_default_is_told(tiny, call, seeds, said):
    words = ("sweep", tiny(), "--cells", "sgd/none", "--emit-slurm", "--seeds", seeds)
    code, _, err = call(*words)
    assert (code, "MaxArraySize" in err) == (0, said)


@pytest.mark.parametrize("name", ["two words", "a'b", 'a"b', "-x", "a#b"])
def test_a_configs_name_does_not_break_the_directives(tiny_text, write_config, emit, name):
    script = emit(write_config(tiny_text(), f"{name}.yaml"))
    for line in directives(script):
        assert len(shlex.split(line, comments=False)) == 2, line
    for line in script.read_text().partition("\nruns=(")[0].splitlines():
        assert line.startswith("#")
