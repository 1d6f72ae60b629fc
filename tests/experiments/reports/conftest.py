"""Results that claims are judged by, and tables."""

import pytest

from experiments.reports.evidence import Evidence
from tests.experiments.checks import rows_of


@pytest.fixture
def put(store):
    """Make finished runs of a cell, seed by seed: ``put(place, losses)``; ``None``: diverged.

    Results of the same seeds that are there already are replaced.
    """

    def make(place, losses, **changes):
        for seed, loss in enumerate(losses):
            status = "diverged" if loss is None else "completed"
            values = (None,) if loss is None else (loss + 1, loss)
            made = {"validation": values, "status": status, "unigram": 50.0, **changes}
            store(place, seed, **made)

    return make


@pytest.fixture
def evidence(out):
    return Evidence(out)


@pytest.fixture
def table(call, out):
    """Print a table: its rows by cell (dicts by column), all of its lines, and its notes."""

    def make(config, *words):
        code, text, err = call("table", config, "--out", out, *words)
        assert (code, err) == (0, "")
        first = text.partition("\n| first")[0]  # what compares cells follows
        notes = [line for line in text.splitlines() if line.startswith("- ")]
        return {row["cell"]: row for row in rows_of(first)}, text, notes

    return make
