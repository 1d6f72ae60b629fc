"""A run on a GPU goes as on a CPU, and on where it stopped."""

import itertools
from collections import Counter

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer.backends import cuda

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.system.device import find_device
from experiments.system.fixed_settings import SETTINGS
from experiments.training.models import LanguageModel
from experiments.training.run import Run
from experiments.training.snapshots import SnapshotExtension, Snapshots
from grustab.updaters import gpu_step
from tests.experiments.checks import check_complete
from tests.experiments.training.snapshots.test_resume import CASES, PROJECTION

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("small_data", "few_large_values")]


def assert_close(result, expected):
    """All curves agree, as far as rounding in float64 lets them."""
    for part in ("iterations", "epochs"):
        for name in expected["curves"][part].keys() - {"seconds"}:
            curves = (r["curves"][part][name] for r in (result, expected))
            # A list for each layer, or numbers; None: not finite.
            got, wanted = (np.array(curve, dtype=float) for curve in curves)
            np.testing.assert_allclose(got, wanted, rtol=1e-5, err_msg=name)
    for key in ("status", "iterations", "epochs", "divergence", "projection_ways"):
        assert result[key] == expected[key]


@pytest.mark.parametrize("case", CASES)
def test_a_run_goes_as_on_a_cpu(tiny, run, tmp_path, monkeypatch, case):
    monkeypatch.setitem(SETTINGS, "dtype", np.dtype(np.float64))
    monkeypatch.setattr(gpu_step, "ARRAYS", 3)  # so that one launch does not take all of them
    config = tiny()

    def go(device, iterations, out):
        words = "--device", device, "--max-iterations", iterations, "--out", tmp_path / out
        return run(config, "sgd/none", "--set", "epochs=2", *CASES[case].split(), *words)[0]

    expected, result = go("cpu", 20, "cpu"), go("0", 20, "gpu")
    assert_close(result, expected)
    check_complete(result)
    assert result["environment"]["device"] != "cpu"
    assert result["environment"]["cuda"].keys() == {"version", "driver", "tf32"}
    if case == "dropout":
        go("cpu", 7, "both")
        assert_close(go("0", 20, "both"), expected)


#: Where it diverges: an iteration of no note, one after which a window, the run or an epoch ends
#: or a snapshot is written, one whose gradient alone is not finite, one before each projection.
DIVERGING = {
    "loss": (7, "", ()),
    "window": (5, "", ()),
    "end": (9, "", ("--max-iterations", 9)),
    "epoch": (14, "", ()),
    "snapshot": (6, "", ("--snapshot-interval", 0)),
    "gradient": (7, CASES["clipping"], ()),
    **{
        case: (7, CASES[case], ())
        for case in ("auto", "auto, nothing to do", "naive", "truncated", "spike")
    },
    "first projection": (1, CASES["auto"], ()),
    # Of 1e39 times the gradient, in float32.
    **{
        f"weights, {way}": (2, f"{PROJECTION} delta=0.9 projection={way} learning_rate=1e39", ())
        for way in ("auto", "naive")
    },
}


@pytest.mark.parametrize("case", DIVERGING)
def test_a_run_diverges_as_on_a_cpu(tiny, run, tmp_path, monkeypatch, case):
    iteration, settings, options = DIVERGING[case]
    if "weights" not in case:
        monkeypatch.setitem(SETTINGS, "dtype", np.dtype(np.float64))
    forward, config, results = LanguageModel.forward, tiny(), []

    def failing(self, *args):
        count = next(updates) if chainer.config.train else None
        if count == iteration and case == "gradient":  # of sqrt(0), infinite, times 0
            return forward(self, *args) + F.sum(F.sqrt(self.output.b * 0))
        return forward(self, *args) * (np.nan if count == iteration else 1)

    monkeypatch.setattr(LanguageModel, "forward", failing)
    for device in ("cpu", "0"):
        updates = itertools.count(1)
        words = "--device", device, "--out", tmp_path / device, *options
        results.append(run(config, "sgd/none", *words, "--set", "epochs=2", *settings.split())[0])
    assert results[0]["divergence"]["iteration"] == iteration - 1
    assert_close(*reversed(results))


@pytest.mark.parametrize(("words", "launches", "waits"), [
    ("method=none", 300, {}),
    ("method=clipping threshold=0.1", 300, {}),
    (CASES["auto"], 336, {"grustab/projection/together.py": 10}),
], ids=["none", "clipping", "projection"])  # fmt: skip
def test_an_iteration_takes_few_launches_and_waits_for_no_more_than_a_projection(
    tiny, tmp_path, words, launches, waits
):
    if not hasattr(cuda.cupy, "standin"):
        pytest.skip("only what takes CuPy's place counts")
    config = tiny(batch_size=2, bptt_steps=35, dropout=0.5, dropout_after=["input", "gru"])
    cell = load_config(config).cell("sgd/none").override(["monitor_interval=100", *words.split()])
    run, standin = Run(RunSpec(cell, 0, tmp_path, 15), find_device("0")), cuda.cupy.standin
    seen = {}

    def count(trainer):
        seen[trainer.updater.iteration] = {**standin.counts}, {**standin.places}

    run.trainer.extend(count, trigger=(1, "iteration"))
    run.train()
    (before, _), (after, places) = seen[4], seen[14]
    assert after["launch"] - before["launch"] <= 10 * launches
    assert after.get("sync", 0) == before.get("sync", 0)
    copies = Counter({place: n for (kind, place), n in places.items() if kind == "d2h"})
    copies.subtract({place: n for (kind, place), n in seen[4][1].items() if kind == "d2h"})
    files = {place.split(":")[0]: n for place, n in copies.items() if n}
    # Ten losses and norms, which nobody waits for.
    assert files == waits | {"grustab/updaters/late_updater.py": 10}


@pytest.mark.parametrize("case", ["sgd", "adam", "rmsprop", "auto", "truncated"])
def test_resuming_equals_never_having_stopped(tiny, tmp_path, case):
    # Of music: EmbedID's gradient is summed in no fixed order on a GPU.
    words = f"{CASES[case]} {CASES['stream']} dropout=0.5 dropout_after=[input,gru]".split()
    cell = load_config(tiny(layers=2)).cell("sgd/none").override(words)
    weights, curves = [], []
    for resumes in (False, True):
        spec = RunSpec(cell, 0, tmp_path, 9)
        run, snapshots = Run(spec, find_device("0")), Snapshots(spec)
        assert snapshots.resume(run) == resumes
        if not resumes:
            run.trainer.extend(SnapshotExtension(snapshots, run, 0), trigger=(6, "iteration"))
        run.train()
        assert run.updater.iteration == 9
        weights.append([cuda.to_cpu(p.array) for p in run.model.params()])
        curves.append((run.iterations.curves, run.iterations.gradient_means()))
    for whole, resumed in zip(*weights, strict=True):
        np.testing.assert_array_equal(resumed, whole)
    assert curves[1] == curves[0]


@pytest.mark.parametrize("case", ["dropout", "adam", "auto", "truncated", "clipping", "tunes"])
def test_a_model_may_be_on_a_device_that_is_not_the_current_one(tiny, tmp_path, monkeypatch, case):
    monkeypatch.setitem(SETTINGS, "dtype", np.dtype(np.float64))  # in float32 rounding grows
    if cuda.cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one GPU")
    cell = load_config(tiny()).cell("sgd/none").override(CASES[case].split())
    losses = []
    for number in (0, 1):
        chainer.get_device("@cupy:0").use()
        run = Run(RunSpec(cell, 0, tmp_path, 15), chainer.get_device(f"@cupy:{number}"))
        run.train()
        run.finish()
        assert run.failure is None
        losses.append(run.epochs.curves["validation_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
