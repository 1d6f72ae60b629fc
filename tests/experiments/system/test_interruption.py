"""Ctrl-C and SIGTERM: nothing is lost, nothing half-written."""

import itertools
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from experiments.system.interruption import interruptible
from experiments.system.paths import ROOT
from grustab.extensions import SequenceEvaluator, SpectrumMonitor
from grustab.updaters import BPTTUpdater
from tests.experiments.checks import check_complete, find_files, start_command, wait_until
from tests.experiments.sweep.conftest import ENDLESS

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.mark.parametrize("iteration", [2, 15, 20])
def test_an_interruption_writes_what_there_is_and_exits_130(tiny, run, interrupt_at, iteration):
    interrupt_at(iteration)
    result, out, err = run(tiny(), "sgd/projection_0.2", code=130)
    check_complete(result)
    assert result["status"] == "interrupted"
    assert result["iterations"] == iteration  # it was finished
    assert len(result["curves"]["epochs"]["epoch"]) == iteration // 14
    assert "interrupted" in out + err


def test_a_second_signal_stops_at_once_and_leaves_a_whole_result(
    tiny, run, interrupt_at, monkeypatch
):
    monkeypatch.setattr("experiments.system.interruption.TOGETHER", 0.0)
    interrupt_at(1, times=2)
    result, _, _ = run(tiny(), "sgd/projection_0.2", code=130)
    assert (result["status"], result["iterations"], result["best"]) == ("interrupted", 0, None)
    check_complete(result)


def test_an_interruption_during_an_evaluation_keeps_the_epochs_before(tiny, run, monkeypatch):
    evaluate = SequenceEvaluator.evaluate
    count = itertools.count(1)

    def interrupted(self):
        if next(count) == 4:  # twice per epoch while it improves: the test data of the second
            raise KeyboardInterrupt
        return evaluate(self)

    monkeypatch.setattr(SequenceEvaluator, "evaluate", interrupted)
    result, _, _ = run(tiny(epochs=3), code=130)
    assert result["status"] == "interrupted"
    check_complete(result)  # among others, that the best epoch is the best of the curve


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as state:
            signal.raise_signal(signal.SIGHUP)
        assert not state.requested
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_command_ends_with_the_same_exit_code(call, monkeypatch, number):
    monkeypatch.setattr("experiments.commands._out", lambda options: signal.raise_signal(number))
    assert call("list", "demo") == (130, "", "interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_real_signal_leaves_a_partial_result(tiny, tmp_path, number):
    out = tmp_path / "b"
    words = (tiny(**ENDLESS), "--cell", "sgd/projection_0.2", "--snapshot-interval", "0")
    process = start_command("run", *words, "--out", out)
    try:
        # Beyond the first epoch.
        wait_until(lambda: find_files(out, "snapshot-*[4-9]?-*") or process.poll() is not None)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1] == "interrupted; the same command goes on"
    assert "stopping after this iteration" in stderr
    (path,) = find_files(out, "result.json")
    result = json.loads(open(path).read())
    check_complete(result)
    assert result["status"] == "interrupted"
    assert result["iterations"] >= 34
    assert f"after {result['iterations']} iterations" in stdout


def test_a_signal_while_python_ends_changes_no_exit_code():
    program = (
        "import atexit, os, runpy, signal, sys\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "sys.argv = ['experiments', 'list', 'demo']\n"
        "runpy.run_module('experiments')\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_an_interruption_during_the_last_evaluation_is_one(tiny, run, monkeypatch):
    def interrupt(self):
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(SequenceEvaluator, "evaluate", interrupt)
        result, _, err = run(tiny(), "sgd/none", "--max-iterations", "3", code=130)
    assert (result["status"], result["iterations"]) == ("interrupted", 3)
    assert "interrupted" in err
    result, _, _ = run(tiny(), "sgd/none", "--max-iterations", "3")  # makes up for it
    assert result["best"]


def test_a_second_signal_does_not_keep_the_result_from_being_written(
    tiny, run, interrupt_at, monkeypatch
):
    monkeypatch.setattr("experiments.system.interruption.TOGETHER", 0.0)
    begin, signals = SpectrumMonitor.begin, []

    def interrupted_begin(self):
        signals.append(signal.raise_signal(signal.SIGTERM))
        return begin(self)

    interrupt_at(3)
    monkeypatch.setattr(SpectrumMonitor, "begin", interrupted_begin)
    result, _, _ = run(tiny(), "sgd/none", code=130)
    assert len(signals) == 1
    check_complete(result)
    assert result["status"] == "interrupted"


def test_an_unexpected_error_is_raised_after_the_result_is_kept(tiny, call, tmp_path, monkeypatch):
    update = BPTTUpdater.update_core

    def failing(self):
        if self.iteration == 16:
            raise np.linalg.LinAlgError("SVD did not converge")
        update(self)

    monkeypatch.setattr(BPTTUpdater, "update_core", failing)
    with pytest.raises(np.linalg.LinAlgError):
        call("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    (path,) = (tmp_path / "results").rglob("result.json")
    result = json.loads(path.read_text())
    check_complete(result)
    assert (result["status"], result["iterations"]) == ("interrupted", 16)
    assert result["stopped_by"] == "LinAlgError: SVD did not converge"
