"""``bench``: all implementations do the same work, in processes of their own."""

import json
import sys
from unittest.mock import Mock

import chainer
import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments.bench import chainer_models
from experiments.bench.measure import TURN
from experiments.bench.report import BenchResult, draw_scaling, format_bench
from experiments.bench.worker import IMPLEMENTATIONS, TORCH, Worker
from experiments.bench.workload import PAPER, Workload
from experiments.results.json_file import read_json
from experiments.system.paths import ROOT

TINY = {"language": Workload("language", 8, 1, 30, 5, 3), "music": Workload("music", 6, 2, 9, 5, 3)}
tasks = pytest.mark.parametrize("task", TINY)


def test_operations_of_the_papers_language_model():
    # Output layer 27.3, input and recurrent products 5.3 each: counted by hand.
    assert PAPER["language"].flops() == pytest.approx(37.9e9, rel=0.01)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@tasks
def test_implementations_learn_from_the_loss_of_a_uniform_guess(task, implementation):
    if implementation in TORCH:
        pytest.importorskip("torch")
    worker = Worker(implementation, TINY[task], "cpu")
    try:
        first, later = worker.turn(1), worker.turn(7)
    finally:
        worker.close()
    assert (len(first["seconds"]), len(later["seconds"])) == (1, 7)
    assert min(first["seconds"] + later["seconds"]) > 0
    assert first["peak_mib"] > 10
    if implementation != "sgemm":
        uniform = np.log(30) if task == "language" else 9 * np.log(2)
        assert first["loss"] == pytest.approx(uniform, rel=0.15)
        assert later["loss"] < first["loss"]


@tasks
def test_a_scripted_iteration_equals_ours(task):
    torch = pytest.importorskip("torch")
    from experiments.bench import torch_model

    w = TINY[task]
    with chainer.using_config("dtype", np.float64), chainer.using_config("train", False):
        ours = chainer_models.our_model(w)
        theirs = torch_model.Model("scripted", w).double().eval()  # neither drops anything
        pairs = [(ours.input.W, theirs.input.weight), (ours.output.W, theirs.output.weight)]
        pairs.append((ours.output.b, theirs.output.bias))
        for layer, W_x, W_h in zip(ours.gru, theirs.gru.W_x, theirs.gru.W_h, strict=True):
            pairs += [(layer.W_x, W_x), (layer.W_h, W_h)]
        assert len(pairs) == len(list(ours.params())) == len(list(theirs.parameters()))
        for mine, other in pairs:
            mine.array = 3 * mine.array  # far from linear
            other.data = torch.from_numpy(mine.array.copy())
        iterations = chainer_models.our_iteration(ours, w), torch_model.iteration(theirs, w)
        for batch in w.batches(3):  # the later ones begin in other states
            xs, ts = batch if task == "language" else (array.astype(float) for array in batch)
            loss, other_loss = (
                iterations[0](xs, ts),
                iterations[1](*map(torch.from_numpy, (xs, ts))),
            )
            np.testing.assert_allclose(float(other_loss), loss, rtol=1e-12)
            for mine, other in pairs:
                np.testing.assert_allclose(other.grad, mine.grad, rtol=1e-9, atol=1e-13)
    assert not (torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)


@pytest.mark.gpu
@tasks
def test_our_iteration_on_a_gpu_equals_that_on_a_cpu(task):
    losses = []
    for device in map(chainer.get_device, ("@numpy", "@cupy:0")):
        device.use()
        model = chainer_models.our_model(TINY[task])
        model.to_device(device)
        iterate = chainer_models.our_iteration(model, TINY[task])
        batches = TINY[task].batches(4)
        losses.append([iterate(*map(device.send, batch)) for batch in batches])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_bench_writes_a_measurement_table_and_figure(call, tmp_path, monkeypatch):
    worker = Mock()  # stands in for processes, each of which takes a second to start
    worker.return_value.turn = lambda iterations: {"seconds": [0.1] * iterations, "peak_mib": 50}
    small = {"Worker": worker, "PAPER": TINY, "UNITS": (8,), "STEPS": (5,), "PAUSE": 0}
    for name, value in small.items():
        monkeypatch.setattr(f"experiments.bench.measure.{name}", value)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = call("bench", "--rounds", "2", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert "PyTorch is not installed" in out
    asked = {(name in TURN, device) for (name, _, device), _ in worker.call_args_list}
    assert asked == {(True, "cpu")}
    result = json.loads((tmp_path / "bench/cpu.json").read_text())
    assert [m["workload"]["units"] for m in result["scaling"]] == [8]
    assert all(len(s) == 2 for s in result["paper"]["music"]["seconds"].values())
    text = (tmp_path / "bench/table.md").read_text(encoding="utf-8")
    assert text in out
    assert text.count("stock Chainer") == 2
    assert "we reach" in text
    code, _, err = call("figures", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert (tmp_path / "figures/bench_scaling_cpu.png").stat().st_size > 1000
    committed = read_json(ROOT / "results/bench/cpu.json", BenchResult)[1]
    text = (ROOT / "results/bench/table.md").read_text(encoding="utf-8")
    assert format_bench("cpu", committed) == text
    (tmp_path / "bench/cpu.json").write_text("{}")
    assert call("figures", "--out", tmp_path)[0] == 2


@pytest.mark.parametrize("spoil", [
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
])  # fmt: skip
def test_a_measurement_that_lacks_a_part_is_named(refused, tmp_path, spoil):
    bench = json.loads((ROOT / "results/bench/cpu.json").read_text())
    spoil(bench)
    path = tmp_path / "bench/cpu.json"
    path.parent.mkdir()
    path.write_text(json.dumps(bench))
    assert f"{path}: not a result" in refused("figures", "--out", tmp_path)


def test_a_measurement_of_other_sizes_and_on_a_gpu_is_shown():
    bench = json.loads((ROOT / "results/bench/cpu.json").read_text())
    bench["scaling"] = bench["scaling"][:1]
    cuda = {"version": 13000, "driver": 13010, "tf32": "0"}
    bench["environment"] |= {"device": "GPU", "cuda": cuda}
    bench["load"] = 2.5
    result = BenchResult.model_validate(bench)
    text = format_bench("gpu", result)
    for part in ("TF32 off", "driver 13010", "Peak: device memory", "machine was shared"):
        assert part in text
    figure = draw_scaling(result)
    assert figure is not None
    plt.close(figure)
