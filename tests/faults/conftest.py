"""The fault suite: ``scripts/test.sh --faults``. Its figures go to ``results/faults/``."""

import datetime
import platform
import time
from collections import Counter, defaultdict
from pathlib import Path

import chainer
import numpy as np
import pytest

from experiments.reports.markdown import markdown_table
from experiments.system.environment import describe_environment
from experiments.system.paths import ROOT
from experiments.system.storage import write_file
from tests.experiments.checks import timeless
from tests.faults import runs

HERE = Path(__file__).parent
TABLE = ROOT / "results" / "faults" / "table.md"
BEGUN = time.monotonic()
TEXT = """\
## Faults

What `scripts/test.sh --faults` did to the program. A run that a fault ended goes on later. Its
result has to equal that of an undisturbed run to the bit (weights, curves, best value). A test
fails if it does not, if a file is half-written, or if the program answers with a traceback. Other
faults (damaged and hostile files, lost workers) are tried by the everyday tests.

{table}

{date}, commit {commit}; tests: {tests}; {seconds:.0f} s on {cores} cores
({processor}), Python {python}, NumPy {numpy}.
"""


class Row(Counter):
    """Counts of one kind of fault: ``tried``, ``compared``, and others."""

    def compare(self, result, whole):
        """Insist that a run has the result of the undisturbed one."""
        self["compared"] += 1
        assert result is not None
        assert timeless(result) == timeless(whole)


TALLY: defaultdict[str, Row] = defaultdict(Row)
OUTCOMES: Counter[str] = Counter()


@pytest.fixture(scope="session")
def tally():
    """Where a test counts: ``tally["what was done"]["tried"] += 1``."""
    return TALLY


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """Paths of the configs, by task."""
    folder = tmp_path_factory.mktemp("configs")
    return {task: runs.write_config(folder, task) for task in runs.CONDITIONS}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, config):
    """Result of a run that nothing happens to, and its seconds."""
    made: dict[str, tuple[dict, float]] = {}

    def make(task):
        if task not in made:
            out = tmp_path_factory.mktemp("undisturbed")
            start = time.monotonic()
            ended = runs.run(config[task], "--cell", runs.CELL, "--out", out)
            assert ended.code == 0, ended.err
            made[task] = runs.the_result(out), time.monotonic() - start
        return made[task]

    return make


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES[report.outcome] += 1


def pytest_terminal_summary(terminalreporter):
    rows = []
    for fault, row in TALLY.items():
        also = [f"{n} {what}" for what, n in row.items() if what not in ("tried", "compared")]
        rows.append([fault, str(row["tried"]), str(row["compared"]), "; ".join(also)])
    if not rows:
        return
    table = "\n".join(markdown_table(["fault", "tried", "runs compared", "also"], rows))
    terminalreporter.write_line(f"\n{table}")
    # Part of the suite says nothing about the whole.
    ran = {item.path for item in terminalreporter._session.items}
    if not {*HERE.glob("test_*.py")} <= ran or terminalreporter.stats.get("deselected"):
        terminalreporter.write_line("only a part was run: results/faults/ is left as it is")
        return
    environment = describe_environment(chainer.get_device("@numpy"))
    commit = f"`{(environment['git']['commit'] or 'no commit')[:10]}`"
    if environment["git"]["dirty"]:
        commit += " with uncommitted changes"
    text = TEXT.format(
        table=table,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit=commit,
        tests=", ".join(f"{count} {outcome}" for outcome, count in sorted(OUTCOMES.items())),
        seconds=time.monotonic() - BEGUN,
        cores=environment["cores"],
        processor=environment["processor"],
        python=platform.python_version(),
        numpy=np.__version__,
    )
    write_file(TABLE, text.encode())
