"""What every result of a run has to be, and commands in processes of their own."""

import glob
import json
import math
import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil

from experiments.results.schema import ResultFile
from experiments.results.store import finite
from experiments.system.paths import ROOT

# What only a reader of the source could make sense of.
INTERNAL = ("ConfigText", "CellText", "instance of", "[key]", "pydantic", "NoneType", "dict[")
EXPLODES = "learning_rate=1e300"
#: Keys of a result that a clock or the machine decides.
CLOCK = {"seconds", "started", "environment", "resumed", "command"}
KEYS = """schema config cell seed status stopped_by divergence iterations epochs best
unigram_validation_loss n_symbols gradient_mean certificate projection_ways weights_sha256 seconds
overrides conditions sources conditions_sha256 command started environment resumed curves""".split()


def timeless(result):
    """A result less what a clock or the machine decides."""
    curves = {**result["curves"], "epochs": {**result["curves"]["epochs"], "seconds": None}}
    return {key: value for key, value in result.items() if key not in CLOCK} | {"curves": curves}


def check_complete(result):
    assert list(result) == KEYS
    assert ResultFile.model_validate(result)
    epochs = result["curves"]["epochs"]
    assert set(result["environment"]) >= {"git", "python", "packages", "blas", "simd", "device"}
    git = result["environment"]["git"]
    assert set(git) == {"commit", "dirty"} | ({"reason"} if git["commit"] is None else set())
    assert set(result["conditions"]) >= set(result["sources"])
    losses = [loss for loss in epochs["validation_loss"] if loss is not None]
    if losses:
        assert finite(result["best"]["validation_loss"]) == min(losses)
        best = epochs["validation_loss"].index(min(losses))
        assert result["best"]["iteration"] == epochs["iteration"][best]
        assert result["best"]["epoch"] == epochs["epoch"][best]
        assert math.isfinite(result["best"]["test_loss"])
    else:
        assert result["best"] is None
    cap = result["certificate"]["cap"]
    if cap is not None and result["certificate"]["checks"]:
        assert result["certificate"]["largest_sigma_1"] <= cap * (1 + 1e-5)


def rows_of(text):
    """Rows of a text's only Markdown table, by column; it is aligned."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header, rule, *rows = [[part.strip() for part in line.split("|")[1:-1]] for line in lines]
    assert set("".join(rule)) == {"-"}
    assert len({len(line) for line in lines}) == 1
    return [dict(zip(header, row, strict=True)) for row in rows]


def start_command(*words, stdout=subprocess.PIPE, env=(), **options):
    """``python -m experiments`` in a process of its own, its output caught by default."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *map(str, words)],
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **dict(env)},
        **options,
    )


def wait_until(condition, seconds=120):
    """What a condition gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.03)
    return found


def find_files(folder, name):
    """Files below a folder, which may vanish meanwhile."""
    return sorted(glob.glob(f"{glob.escape(str(folder))}/**/{name}", recursive=True))


def training_processes(folder):
    """Numbers of the processes whose progress is told below a folder, by the run's folder."""
    found = {}
    for path in find_files(folder, "progress.json"):
        try:
            with open(path) as file:
                found[os.path.dirname(path)] = int(json.load(file)["process"].split()[1])
        except OSError:  # the run has just ended
            continue
    return found


def alive(pid):
    """Whether a process runs; one that has ended and is not reaped does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def children(process):
    """Numbers of the processes that a process has started and that still run."""
    return [child.pid for child in psutil.Process(process.pid).children() if alive(child.pid)]


def check_words(sentence):
    """A sentence for a user: no name of ours in it, no full stop."""
    for word in INTERNAL:
        assert word not in sentence
    assert not sentence.endswith((".", " "))
