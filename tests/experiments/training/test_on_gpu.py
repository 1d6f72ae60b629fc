"""A run on a GPU goes as on a CPU, and on where it stopped."""

import chainer
import numpy as np
import pytest
from chainer.backends import cuda

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.system.device import find_device
from experiments.system.fixed_settings import SETTINGS
from experiments.training.run import Run
from experiments.training.snapshots import Snapshots
from tests.experiments.training.test_resume import CASES

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("small_data", "few_large_values")]


def assert_close(result, expected):
    """All curves agree, as far as rounding in float64 lets them."""
    for part in ("iterations", "epochs"):
        for name in expected["curves"][part].keys() - {"seconds"}:
            curves = (r["curves"][part][name] for r in (result, expected))
            # A list for each layer, or numbers; None: not finite.
            got, wanted = (np.array(curve, dtype=float) for curve in curves)
            np.testing.assert_allclose(got, wanted, rtol=1e-5, err_msg=name)
    for key in ("status", "iterations", "projection_ways"):
        assert result[key] == expected[key]


@pytest.mark.parametrize("case", CASES)
def test_a_run_goes_as_on_a_cpu(tiny, run, tmp_path, monkeypatch, case):
    monkeypatch.setitem(SETTINGS, "dtype", np.dtype(np.float64))
    config = tiny()

    def go(device, iterations, out):
        words = "--device", device, "--max-iterations", iterations, "--out", tmp_path / out
        return run(config, "sgd/none", "--set", "epochs=2", *CASES[case].split(), *words)[0]

    expected = go("cpu", 20, "cpu")
    assert_close(go("0", 20, "gpu"), expected)
    if case == "dropout":
        go("cpu", 7, "both")
        assert_close(go("0", 20, "both"), expected)


@pytest.mark.parametrize("case", ["sgd", "adam", "rmsprop", "auto", "truncated"])
def test_resuming_equals_never_having_stopped(tiny, tmp_path, case):
    # Of music: EmbedID's gradient is summed in no fixed order on a GPU.
    words = f"{CASES[case]} {CASES['stream']} dropout=0.5 dropout_after=[input,gru]".split()
    cell = load_config(tiny(layers=2)).cell("sgd/none").override(words)
    weights = []
    for iterations, resumes in ((9, False), (5, False), (9, True)):
        spec = RunSpec(cell, 0, tmp_path, iterations)
        run, snapshots = Run(spec, find_device("0")), Snapshots(spec)
        assert not resumes or snapshots.resume(run)
        run.train()
        assert run.updater.iteration == iterations
        snapshots.write(run)
        weights.append([cuda.to_cpu(p.array) for p in run.model.params()])
        if not resumes and iterations == 9:
            snapshots.clear()
    for whole, resumed in zip(weights[0], weights[2], strict=True):
        np.testing.assert_array_equal(resumed, whole)


@pytest.mark.parametrize("case", ["dropout", "adam", "auto", "truncated", "clipping", "tunes"])
def test_a_model_may_be_on_a_device_that_is_not_the_current_one(tiny, tmp_path, case):
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
