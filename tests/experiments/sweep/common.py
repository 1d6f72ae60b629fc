"""Small sweeps, and what to read of them."""

import json

from tests.experiments.checks import find_files

#: 34 iterations per epoch of the made-up text, which other processes make in full.
FAST = {"batch_size": 50, "eval_batch_size": 50, "bptt_steps": 35, "epochs": 1}
ENDLESS = {**FAST, "epochs": 10**6}


def planned(text):
    """Names of the runs in a printed plan."""
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    return [line.partition("  at most ")[0].strip() for line in lines]


def read(folder):
    """All results below a folder, by cell and seed."""
    results = (json.loads(open(path).read()) for path in find_files(folder, "result.json"))
    return {(result["cell"], result["seed"]): result for result in results}
