"""A tiny config, small made-up data and hand-made results, shared by the tests."""

import functools
import itertools
import json
import re
import signal
from unittest.mock import Mock

import numpy as np
import pytest

import grustab.datasets
from experiments.cli import main
from experiments.config.load import Cell, load_config
from experiments.results.json_file import write_json
from experiments.results.run_spec import RunSpec
from experiments.system.provenance import git_state
from grustab.datasets import synthetic_corpus, synthetic_tunes
from grustab.initializers import GRUInitializer
from grustab.updaters import BPTTUpdater
from tests.experiments.reports.made_result import make_result

TINY = {
    "task": "language",
    "dataset": "synthetic",
    "batching": "stream",
    "batch_size": 10,
    "eval_batch_size": 10,
    "bptt_steps": 10,
    "units": 8,
    "layers": 1,
    "input_scale": 1.0,
    "output_bias": True,
    "dropout": 0.0,
    "dropout_after": [],
    "loss": "sum_over_steps",
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "schedule": "constant",
    "epochs": 2,
    "projection": "auto",
    "monitor_interval": 5,
}
CELLS = {
    "sgd/clipping_5": {"method": "clipping", "threshold": 5},
    "sgd/projection_0.2": {"method": "projection", "delta": 0.2},
    "sgd/none": {"method": "none"},
}
MUSIC = {"task": "music", "batching": "tunes", "batch_size": 2, "eval_batch_size": 2}


@pytest.fixture
def tiny_text():
    """A valid config as plain data; keyword arguments change its conditions."""

    def make(**changes):
        return {
            "title": "Tiny: for the tests",
            "runs": 2,
            "conditions": {"assumption": {**TINY, **changes}},
            "cells": {
                name: {"set": dict(settings), "source": "assumption", "published": None}
                for name, settings in CELLS.items()
            },
        }

    return make


@pytest.fixture
def write_config(tmp_path):
    """Write a config (data or text) to ``tiny.yaml`` and give its path."""

    def write(config, name="tiny.yaml"):
        text = json.dumps(config) if isinstance(config, dict) else config  # JSON is YAML
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def tiny(tiny_text, write_config):
    """Path of a tiny config; keyword arguments change its conditions."""
    return lambda **changes: write_config(tiny_text(**changes))


@pytest.fixture
def tiny_music(tiny):
    """Path of a tiny config of music; keyword arguments change its conditions."""
    return lambda **changes: tiny(**{**MUSIC, **changes})


@pytest.fixture
def timed(tiny_text, write_config):
    """A tiny config that reports times; with this delta, a first step reaches the cap."""

    def make(delta=1.2, **changes):
        text = tiny_text(**changes) | {"report": "seconds_per_iteration"}
        text["cells"]["sgd/projection_0.2"]["set"]["delta"] = delta
        return write_config(text)

    return make


#: Git takes half of a small run's time, and a commit made meanwhile is no other commit of a run.
asked_once = functools.cache(git_state)


@pytest.fixture(autouse=True)
def keep_out_of_the_checkout(tmp_path, monkeypatch):
    """Neither results/ nor runs/ of the checkout is read or written; signals stay as they were."""
    monkeypatch.setattr("experiments.system.environment.git_state", asked_once)
    monkeypatch.setattr("experiments.system.paths.RESULTS", tmp_path / "results")
    for module in ("results.run_spec", "training.run_cell", "estimates", "explosion.study",
                   "timing.measure", "reports.readme"):  # fmt: skip
        monkeypatch.setattr(f"experiments.{module}.RESULTS", tmp_path / "results")
    for module in ("results.run_spec", "system.paths", "explosion.study"):
        monkeypatch.setattr(f"experiments.{module}.RUNS", tmp_path / "runs")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def small_data(monkeypatch):
    """Made-up data of a few batches per epoch: 14 of text, as the tiny config cuts it."""
    corpus, tunes = synthetic_corpus(n_tokens=1500), synthetic_tunes(n_tunes=4)
    monkeypatch.setattr(grustab.datasets, "synthetic_corpus", lambda: corpus)
    monkeypatch.setattr(grustab.datasets, "synthetic_tunes", lambda: tunes)
    return corpus, tunes


@pytest.fixture
def few_large_values(monkeypatch):
    """Three singular values of W_hh begin at 1.7 to 1.5, the others at 0.5 and below."""
    fill = GRUInitializer.__call__

    def spread(self, array):
        fill(self, array)
        if self.orthogonal:
            n = array.shape[1]
            u, _, vt = np.linalg.svd(np.random.default_rng(0).normal(size=(n, n)))
            sigma = np.r_[1.7, 1.6, 1.5, np.linspace(0.5, 0.1, n - 3)]
            array[-n:] = (u * sigma) @ vt

    monkeypatch.setattr(GRUInitializer, "__call__", spread)


@pytest.fixture
def call(capsys):
    """Run a command: ``call("table", "demo")`` gives (exit code, stdout, stderr)."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(call):
    """The one sentence that a command is refused with: its exit code, nothing else on stderr."""

    def run(*words, code=2):
        got, _, err = call(*words)
        assert got == code, err
        assert err.startswith("error: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1, err
        sentence = err.removeprefix("error: ").rstrip("\n")
        assert len(sentence) < 650, f"too long to be read: {len(sentence)} characters"
        assert "Traceback" not in sentence
        return sentence

    return run


#: Of the package, which no test edits; each takes up to 30 ms.
committed = functools.cache(load_config)


@pytest.fixture
def store(out):
    """Make a result of a cell, write it where it belongs, and give its path.

    The cell may be given as config, name, and settings replaced.
    """

    def put(cell, seed=0, **changes):
        if not isinstance(cell, Cell):
            config, name, *settings = cell
            load = load_config if config.endswith(".yaml") else committed
            cell = load(config).cell(name).override(settings)
        path = RunSpec(cell, seed, out).result_file
        write_json(path, make_result(cell, seed, **changes))
        return path

    return put


@pytest.fixture
def run(call, out, tmp_path):
    """Run a cell of a config: ``run(config, cell, *options)`` gives result, stdout and stderr."""

    def go(config, cell="sgd/projection_0.2", *options, code=0):
        got, said, err = call("run", config, "--cell", cell, "--out", out, *options)
        assert got == code, err
        assert "Traceback" not in err
        found = re.search("^ *result: (.*)$", said, re.MULTILINE)
        path = found and tmp_path / found[1]
        return json.loads(path.read_text()) if path and path.exists() else None, said, err

    return go


@pytest.fixture
def never_run(monkeypatch):
    """No run may be started."""
    refusal = Mock(side_effect=AssertionError("a run was started"))
    monkeypatch.setattr("experiments.training.run_cell.Run", refusal)


@pytest.fixture
def interrupt_at(monkeypatch):
    """Press Ctrl-C during an update, once or more often."""

    def at(iteration, times=1):
        update = BPTTUpdater.update_core
        count = itertools.count(1)

        def update_core(self):
            if next(count) == iteration:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            update(self)

        monkeypatch.setattr(BPTTUpdater, "update_core", update_core)

    return at


@pytest.fixture
def demo():
    return committed("demo").cell("sgd/clipping_20")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder
