"""``bench``: all implementations do the same work, in processes of their own."""

import importlib.util
import json

import chainer
import numpy as np
import pytest

from experiments.bench import chainer_models
from experiments.bench.driver import TURN
from experiments.bench.report import format_bench, read_bench
from experiments.bench.worker import Worker
from experiments.bench.workload import PAPER, Workload

TINY = {"language": Workload("language", 8, 1, 30, 5, 3), "music": Workload("music", 6, 2, 9, 5, 3)}
tasks = pytest.mark.parametrize("task", TINY)


def test_operations_of_the_papers_language_model():
    # Output layer 27.3, input and recurrent products 5.3 each: counted by hand.
    assert PAPER["language"].flops() == pytest.approx(37.9e9, rel=0.01)


@tasks
def test_implementations_start_at_the_loss_of_a_uniform_guess(task):
    workload = TINY[task]
    device = chainer.get_device("@numpy")
    losses = {}
    with chainer.using_config("train", True):
        for make in (chainer_models.ours, chainer_models.stock):
            iterate = make(workload, device)
            losses[make.__name__] = [iterate(*batch) for batch in workload.batches(4)]
    uniform = np.log(30) if task == "language" else 9 * np.log(2)
    for values in losses.values():
        assert values[0] == pytest.approx(uniform, rel=0.1)
        assert values[-1] < values[0]  # it learns


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@tasks
def test_pytorch_does_the_same_work(task):
    worker = Worker("pytorch", TINY[task], "cpu")
    answer = worker.turn(2)
    worker.close()
    uniform = np.log(30) if task == "language" else 9 * np.log(2)
    assert answer["loss"] == pytest.approx(uniform, rel=0.15)


def test_a_worker_answers_turn_by_turn():
    worker = Worker("ours", TINY["language"], "cpu")
    try:
        for turns in (1, 3):
            answer = worker.turn(turns)
            assert len(answer["seconds"]) == turns
            assert min(answer["seconds"]) > 0
            assert answer["peak_mib"] > 10
    finally:
        worker.close()


@pytest.mark.slow
def test_bench_writes_a_measurement_table_and_figure(call, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.bench.driver.PAPER", TINY)
    monkeypatch.setattr("experiments.bench.driver.UNITS", (8,))
    monkeypatch.setattr("experiments.bench.driver.STEPS", (5,))
    monkeypatch.setattr("experiments.bench.driver.PAUSE", 0)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "torch" else find(name)
    )
    code, out, err = call("bench", "--rounds", "2", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert "PyTorch is not installed" in out
    result = json.loads((tmp_path / "bench/cpu.json").read_text())
    assert [m["workload"]["units"] for m in result["scaling"]] == [8]
    assert all(len(s) == 2 for s in result["paper"]["music"]["seconds"].values())
    text = (tmp_path / "bench/table.md").read_text()
    assert text in out
    assert text.count("stock Chainer") == 2
    assert "we reach" in text
    assert format_bench("cpu", read_bench(tmp_path / "bench/cpu.json")) == text
    code, _, err = call("figures", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert (tmp_path / "figures/bench_scaling_cpu.png").stat().st_size > 1000
    (tmp_path / "bench/cpu.json").write_text("{}")
    assert call("figures", "--out", tmp_path)[0] == 2


def test_every_implementation_has_turns():
    assert set(TURN) == {"ours", "chainer", "pytorch", "sgemm"}
