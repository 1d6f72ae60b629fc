"""``bench``: all implementations do the same work, in processes of their own."""

import importlib.util
import json

import chainer
import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments.bench import chainer_models
from experiments.bench.measure import TURN
from experiments.bench.report import draw_scaling, format_bench, read_bench
from experiments.bench.worker import Worker
from experiments.bench.workload import PAPER, Workload
from experiments.system.paths import ROOT

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


@pytest.mark.parametrize("implementation", ["ours", "chainer", "sgemm"])
def test_a_worker_answers_turn_by_turn(implementation):
    worker = Worker(implementation, TINY["language"], "cpu")
    try:
        for turns in (1, 3):
            answer = worker.turn(turns)
            assert len(answer["seconds"]) == turns
            assert min(answer["seconds"]) > 0
            assert answer["peak_mib"] > 10
    finally:
        worker.close()


class _Worker:
    """Stands in for a process, which takes a second to start."""

    def __init__(self, implementation, workload, device):
        assert (implementation in TURN, device) == (True, "cpu")

    def turn(self, iterations):
        return {"seconds": [0.1] * iterations, "peak_mib": 50}

    def close(self):
        pass


def test_bench_writes_a_measurement_table_and_figure(call, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.bench.measure.Worker", _Worker)
    monkeypatch.setattr("experiments.bench.measure.PAPER", TINY)
    monkeypatch.setattr("experiments.bench.measure.UNITS", (8,))
    monkeypatch.setattr("experiments.bench.measure.STEPS", (5,))
    monkeypatch.setattr("experiments.bench.measure.PAUSE", 0)
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


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bench: bench["paper"].clear(),
        lambda bench: bench["paper"].pop("language"),
        lambda bench: bench["paper"]["music"]["seconds"].pop("ours"),
        lambda bench: bench["paper"]["music"]["seconds"].pop("sgemm"),
        lambda bench: bench["paper"]["music"]["seconds"]["chainer"].pop(),
        lambda bench: bench["paper"]["music"]["seconds"]["ours"].__setitem__(0, 0.0),
        lambda bench: bench["paper"]["music"]["peak_mib"].pop("chainer"),
        lambda bench: bench["scaling"][0]["workload"].pop("steps"),
        lambda bench: bench["environment"].update(blas="openblas"),
        lambda bench: bench["environment"].update(packages=[]),
        lambda bench: bench.update(sgemm_side=0),
    ],
)
def test_a_measurement_that_lacks_a_part_is_named(refused, tmp_path, spoil):
    bench = json.loads((ROOT / "results/bench/cpu.json").read_text())
    spoil(bench)
    path = tmp_path / "bench/cpu.json"
    path.parent.mkdir()
    path.write_text(json.dumps(bench))
    assert f"{path}: not a result" in refused("figures", "--out", tmp_path)


def test_a_measurement_of_other_sizes_is_drawn(tmp_path):
    bench = json.loads((ROOT / "results/bench/cpu.json").read_text())
    bench["scaling"] = bench["scaling"][:1]
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps(bench))
    figure = draw_scaling(read_bench(path))
    assert figure is not None
    plt.close(figure)
