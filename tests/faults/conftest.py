"""The fault suite: ``scripts/test.sh --faults``. Its figures go to ``results/faults/``."""

import datetime
import platform
import time
import traceback
from collections import Counter
from pathlib import Path

import chainer
import numpy as np
import pytest

import grustab.datasets
from experiments.system.environment import describe_environment
from grustab.datasets import synthetic_corpus
from tests.faults import runs
from tests.faults.tally import WHERE, Tally

HERE = Path(__file__).parent
TALLY = Tally()
OUTCOMES: Counter[str] = Counter()
BEGUN = time.monotonic()


@pytest.fixture(scope="session")
def tally():
    """Where a test counts: ``tally("what was done").tried += 1``."""
    return TALLY


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """Path of a config: ``config("language")``; always the same, as is the task."""
    folder = tmp_path_factory.mktemp("configs")
    made: dict[str, Path] = {}

    def make(task):
        if task not in made:
            made[task] = runs.write_config(folder, task)
        return made[task]

    return make


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, config):
    """Result of a run that nothing happens to, and its seconds."""
    made: dict[str, tuple[dict, float]] = {}

    def make(task):
        if task not in made:
            out = tmp_path_factory.mktemp("undisturbed")
            start = time.monotonic()
            ended = runs.run(config(task), "--cell", runs.CELL, "--out", out)
            assert ended.code == 0, ended.err
            made[task] = runs.the_result(out), time.monotonic() - start
        return made[task]

    return make


@pytest.fixture
def call(capsys):
    """Run a command in this process: ``call("list", "demo")`` gives (exit code, stdout, stderr)."""
    from experiments.cli import main

    def run(*words):
        capsys.readouterr()
        shown = ""
        try:
            code = main([str(word) for word in words])
        except SystemExit as error:  # argparse
            code = error.code
        except Exception:  # what the interpreter would do
            code, shown = 1, traceback.format_exc()
        out, err = capsys.readouterr()
        return runs.Ended(code, out, err + shown)

    return run


@pytest.fixture(scope="module")
def small_data():
    """Made-up text of a few batches an epoch, so that a run in this process takes no time."""
    corpus = synthetic_corpus(n_tokens=9000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grustab.datasets, "synthetic_corpus", lambda: corpus)
        yield


@pytest.fixture
def check_refusal(tally):
    """Whether an input was refused with one sentence; gives what was wrong, or nothing."""

    def check(fault, name, ended):
        row = tally(fault)
        row.tried += 1
        row.watch(ended.err)
        # A progress bar that had just begun is no answer.
        # Lines as a terminal has them: an error repeats what it was given.
        lines = [line for line in ended.err.split("\n") if line and "epoch 0.00 of" not in line]
        if ended.code == 2 and len(lines) == 1 and lines[0].startswith("error: "):
            row.count("refused with one sentence")
        else:
            last = (lines or ["nothing said"])[-1]
            return [f"{fault}: {name}: exit code {ended.code}, {len(lines)} lines, {last[:300]}"]
        row.survived += 1
        return []

    return check


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES[report.outcome] += 1


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    if not TALLY:
        return
    terminalreporter.write_line("")
    for line in TALLY.table():
        terminalreporter.write_line(line)
    # Part of the suite says nothing about the whole.
    ran = {item.path for item in terminalreporter._session.items}
    whole = {*HERE.glob("test_*.py")} <= ran and not terminalreporter.stats.get("deselected")
    if not whole:
        terminalreporter.write_line(f"only a part was run: {WHERE.name}/ is left as it is")
        return
    environment = describe_environment(chainer.get_device("@numpy"))
    TALLY.write(
        {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "seconds": round(time.monotonic() - BEGUN),
            "tests": dict(sorted(OUTCOMES.items())),
            "git": environment["git"],
            "python": platform.python_version(),
            "numpy": np.__version__,
            "processor": environment["processor"],
            "cores": environment["cores"],
            "platform": environment["platform"],
        }
    )
