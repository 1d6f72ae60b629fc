"""One run from the command line to its result.json, on data of a few batches."""

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import grustab.datasets
from experiments.paths import ROOT
from experiments.results import finite
from grustab.extensions import SequenceEvaluator
from grustab.updaters import BPTTUpdater

pytestmark = pytest.mark.usefixtures("small_data")

EXPLODES = "learning_rate=1e300"
KEYS = {
    "schema": int,
    "config": str,
    "cell": str,
    "seed": int,
    "status": str,
    "stopped_by": str,
    "divergence": (dict, type(None)),
    "iterations": int,
    "epochs": float,
    "best": (dict, type(None)),
    "unigram_validation_loss": float,
    "gradient_mean": dict,
    "certificate": dict,
    "seconds": dict,
    "overrides": dict,
    "conditions": dict,
    "sources": dict,
    "conditions_sha256": str,
    "command": str,
    "started": str,
    "environment": dict,
    "curves": dict,
}
WINDOW_CURVES = {
    "iteration",
    "loss",
    "gradient_norm",
    "gradient_norm_max",
    "gradient_mean_abs",
    "sigma_1",
    "spectral_radius",
    "capped",
}
EPOCH_CURVES = {"epoch", "iteration", "validation_loss", "learning_rate", "seconds"}


@pytest.fixture
def run(call, tmp_path):
    """Run a cell of a config: ``run(config, cell, *options)`` gives result, stdout and stderr."""

    def go(config, cell="sgd/projection_0.2", *options, code=0):
        got, out, err = call("run", config, "--cell", cell, "--out", tmp_path / "results", *options)
        assert got == code, err
        assert "Traceback" not in err
        (path,) = [
            tmp_path / line.strip().removeprefix("result: ")
            for line in out.splitlines()
            if line.strip().startswith("result: ")
        ] or [None]
        return json.loads(path.read_text()) if path and path.exists() else None, out, err

    return go


@pytest.fixture
def results(tmp_path):
    """All result files, by path."""
    return lambda: sorted((tmp_path / "results").rglob("result.json"))


@pytest.fixture
def never_run(monkeypatch):
    """No run may be started."""

    def refuse(*_):
        raise AssertionError("a run was started")

    monkeypatch.setattr("experiments.run.Run", refuse)


def _curves(result):
    """The curves less what a clock decides."""
    curves = json.loads(json.dumps(result["curves"]))
    del curves["epochs"]["seconds"]
    return curves


def _check_complete(result):
    assert list(result) == list(KEYS)
    for key, kind in KEYS.items():
        assert isinstance(result[key], kind), key
    windows, epochs = result["curves"]["iterations"], result["curves"]["epochs"]
    assert set(windows) == WINDOW_CURVES
    assert set(epochs) == EPOCH_CURVES
    assert len({len(curve) for curve in windows.values()}) == 1
    assert len({len(curve) for curve in epochs.values()}) == 1
    assert set(result["seconds"]) == {"training", "projection", "evaluation", "total"}
    assert set(result["environment"]) >= {"git", "python", "packages", "blas", "device"}
    assert set(result["environment"]["git"]) == {"commit", "dirty"}
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


def test_a_completed_run_has_a_complete_result(tiny, run, results, tmp_path):
    result, out, _ = run(tiny(), "sgd/projection_0.2", "--seed", "3")
    _check_complete(result)
    assert (result["status"], result["stopped_by"]) == ("completed", "its own rule")
    assert result["divergence"] is None
    assert (result["schema"], result["seed"]) == (1, 3)
    assert (result["config"], result["cell"]) == ("tiny", "sgd/projection_0.2")
    assert (result["iterations"], result["epochs"]) == (28, 2.0)
    assert result["overrides"] == {}
    assert result["curves"]["epochs"]["epoch"] == [1.0, 2.0]
    # Windows of 5 iterations, and what is left.
    assert result["curves"]["iterations"]["iteration"] == [5, 10, 15, 20, 25, 28]
    assert result["certificate"]["checks"] == 6
    (path,) = results()
    digest = result["conditions_sha256"][:8]
    assert path == tmp_path / "results/tiny/sgd/projection_0.2" / f"seed3-{digest}/result.json"
    assert "completed after 28 iterations" in out
    assert sorted(p.name for p in path.parent.iterdir()) == ["result.json"]


def test_the_losses_of_a_run_go_down(tiny, run):
    result, _, _ = run(tiny(epochs=4), "sgd/clipping_5")
    losses = result["curves"]["epochs"]["validation_loss"]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] < math.log(50)


def test_the_cap_is_kept_by_each_projection_where_it_acts(tiny, run):
    for projection in ("naive", "truncated"):
        result, _, _ = run(
            tiny(learning_rate=4.0, projection=projection, layers=2, units=12),
            "sgd/projection_0.2",
        )
        _check_complete(result)
        capped = np.array(result["curves"]["iterations"]["capped"])
        assert capped.shape[1] == 2
        assert capped.max() > 0
        assert result["certificate"]["cap"] == 1.8
        assert result["certificate"]["largest_sigma_1"] == pytest.approx(1.8, rel=1e-5)


def test_both_projections_give_the_same_curves_nearly(tiny, run):
    one, two = (
        run(tiny(projection=projection, learning_rate=2.0, epochs=1))[0]
        for projection in ("naive", "truncated")
    )
    a, b = (r["curves"]["epochs"]["validation_loss"] for r in (one, two))
    np.testing.assert_allclose(a, b, rtol=1e-3)


@pytest.mark.parametrize("cell", ["sgd/projection_0.2", "sgd/clipping_5", "sgd/none"])
@pytest.mark.parametrize("rate", ["1e300", "1e38"])
def test_divergence_is_a_result_and_no_error(tiny, run, cell, rate):
    result, out, err = run(tiny(), cell, "--set", f"learning_rate={rate}")
    _check_complete(result)
    assert (result["status"], result["stopped_by"]) == (
        "diverged",
        "a value that is not finite",
    )
    assert result["divergence"]["iteration"] == result["iterations"] < 28
    assert result["divergence"]["quantity"] in {"loss", "gradient", "W_hh", "validation loss"}
    assert result["divergence"]["message"] in out
    assert "success: no" in out
    assert "Warning" not in err


def test_a_diverged_run_did_the_iterations_that_it_says(tiny, run):
    result, _, _ = run(tiny(), "sgd/none", "--set", EXPLODES)
    assert result["epochs"] == pytest.approx(result["iterations"] / 14, abs=1e-6)


def test_losses_too_large_for_a_perplexity_are_no_success(tiny, run):
    _, out, _ = run(tiny(), "sgd/clipping_5", "--set", "learning_rate=1e5")
    assert "success: no" in out


def test_a_validation_loss_that_is_not_finite_is_divergence(tiny, run, monkeypatch):
    evaluate = SequenceEvaluator.evaluate

    def infinite_second_time(self):
        observation = evaluate(self)
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 2 and self.name == "validation":
            return {"validation/main/loss": math.inf}
        return observation

    monkeypatch.setattr(SequenceEvaluator, "evaluate", infinite_second_time)
    result, _, _ = run(tiny(epochs=5))
    _check_complete(result)
    assert result["status"] == "diverged"
    assert result["divergence"]["quantity"] == "validation loss"
    assert result["curves"]["epochs"]["validation_loss"][1:] == [None]
    assert result["best"]["epoch"] == 1.0


def test_a_test_loss_that_is_not_finite_does_not_lose_the_run(tiny, run, monkeypatch):
    evaluate = SequenceEvaluator.evaluate

    def infinite(self):
        observation = evaluate(self)
        return observation if self.name == "validation" else {"test/main/loss": math.inf}

    monkeypatch.setattr(SequenceEvaluator, "evaluate", infinite)
    result, _, _ = run(tiny())
    assert result["status"] == "completed"
    assert result["best"]["test_loss"] is None


@pytest.mark.parametrize("iterations", [1, 5, 14, 20])
def test_max_iterations_leaves_a_partial_result(tiny, run, iterations):
    result, out, _ = run(tiny(), "sgd/projection_0.2", "--max-iterations", iterations)
    _check_complete(result)
    assert result["status"] == "interrupted"
    assert result["stopped_by"] == f"--max-iterations {iterations}"
    assert result["iterations"] == iterations
    assert result["curves"]["iterations"]["iteration"][-1] == iterations
    # What it reached is evaluated, once.
    evaluated = result["curves"]["epochs"]["iteration"]
    assert evaluated == sorted({*range(14, iterations + 1, 14), iterations})
    assert "success" not in out


def test_max_iterations_beyond_the_end_change_nothing(tiny, run):
    result, _, _ = run(tiny(), "sgd/projection_0.2", "--max-iterations", "28")
    assert (result["status"], result["iterations"]) == ("completed", 28)


# Seeds


@pytest.mark.parametrize("task", ["language", "music"])
def test_one_seed_fixes_every_number_and_another_changes_them(tiny, tiny_music, run, task):
    make = tiny if task == "language" else tiny_music
    config = make(dropout=0.3, dropout_after=["input", "gru"], layers=2, epochs=1)
    first, _, _ = run(config)
    np.random.seed(99)
    np.random.rand(7)
    again, _, _ = run(config, "sgd/projection_0.2", "--force")
    other, _, _ = run(config, "sgd/projection_0.2", "--seed", "1")
    assert _curves(again) == _curves(first)
    assert again["best"] == first["best"]
    assert (
        other["curves"]["epochs"]["validation_loss"] != first["curves"]["epochs"]["validation_loss"]
    )


def test_numpys_global_state_is_left_alone(tiny, run):
    np.random.seed(5)
    expected = np.random.RandomState(5).rand(3)
    run(tiny(dropout=0.3, dropout_after=["input", "gru"], epochs=1))
    np.testing.assert_array_equal(np.random.rand(3), expected)


def test_runs_of_one_seed_start_alike_whatever_the_method(tiny, run):
    config = tiny(dropout=0.3, dropout_after=["input"], monitor_interval=1)
    losses = [
        run(config, cell, "--max-iterations", "1")[0]["curves"]["iterations"]["loss"][0]
        for cell in ("sgd/none", "sgd/clipping_5", "sgd/projection_0.2")
    ]
    assert len(set(losses)) == 1


def test_the_interval_of_the_monitor_changes_no_loss(tiny, run):
    one, two = (run(tiny(monitor_interval=interval))[0] for interval in (1, 28))
    key = "validation_loss"
    assert one["curves"]["epochs"][key] == two["curves"]["epochs"][key]
    mean = np.mean(one["curves"]["iterations"]["loss"])
    assert two["curves"]["iterations"]["loss"] == pytest.approx([mean], rel=1e-5)
    top = max(one["curves"]["iterations"]["gradient_norm"])
    assert two["curves"]["iterations"]["gradient_norm_max"] == [top]


# What is there already


def test_a_finished_result_is_not_run_again(tiny, run, results, never_run, store, tmp_path):
    from experiments.config import load_config

    config = tiny()
    path = store(load_config(config).cell("sgd/none"))
    before = path.read_bytes()
    _, out, _ = run(config, "sgd/none")
    assert "done already" in out
    assert path.read_bytes() == before
    assert results() == [path]


@pytest.mark.parametrize("status", ["completed", "diverged"])
def test_force_runs_a_finished_result_again(tiny, run, store, status):
    from experiments.config import load_config

    config = tiny(epochs=1)
    path = store(load_config(config).cell("sgd/none"), status=status)
    run(config, "sgd/none", "--force")
    assert json.loads(path.read_text())["iterations"] == 14


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 7}'])
def test_a_damaged_result_is_reported_and_force_replaces_it(tiny, run, call, store, damage):
    from experiments.config import load_config

    config = tiny(epochs=1)
    path = store(load_config(config).cell("sgd/none"))
    path.write_text(damage)
    words = ("run", config, "--cell", "sgd/none", "--out", path.parents[4])
    code, _, err = call(*words)
    assert code == 2
    assert "result.json" in err
    assert path.read_text() == damage
    assert call(*words, "--force")[0] == 0
    assert json.loads(path.read_text())["status"] == "completed"


def test_other_overrides_or_seeds_are_other_results(tiny, run, results):
    config = tiny(epochs=1)
    run(config, "sgd/none")
    run(config, "sgd/none", "--seed", "1")
    run(config, "sgd/none", "--set", "learning_rate=0.25")
    assert len(results()) == 3
    overrides = [json.loads(path.read_text())["overrides"] for path in results()]
    assert sorted(map(str, overrides)) == ["{'learning_rate': 0.25}", "{}", "{}"]


def test_a_longer_partial_result_replaces_a_shorter_one(tiny, run, results):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "3")
    run(config, "sgd/none", "--max-iterations", "6")
    (path,) = results()
    assert json.loads(path.read_text())["iterations"] == 6
    run(config, "sgd/none")
    assert json.loads(path.read_text())["status"] == "completed"


def test_a_shorter_partial_result_goes_elsewhere(tiny, run, results, tmp_path):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "6")
    _, out, _ = run(config, "sgd/none", "--max-iterations", "3")
    (path,) = results()
    assert json.loads(path.read_text())["iterations"] == 6
    (aside,) = (tmp_path / "runs").rglob("result.json")
    assert json.loads(aside.read_text())["iterations"] == 3
    assert "a longer partial result stays in place" in out


def test_a_partial_result_gives_way_to_divergence(tiny, run, results):
    config = tiny(learning_rate=1e300)
    run(config, "sgd/none", "--max-iterations", "1")
    run(config, "sgd/none")
    (path,) = results()
    assert json.loads(path.read_text())["status"] == "diverged"


# Interruptions


@pytest.fixture
def interrupt_at(monkeypatch):
    """Press Ctrl-C during an update."""

    def at(iteration):
        update = BPTTUpdater.update_core
        count = itertools.count(1)

        def update_core(self):
            if next(count) == iteration:
                raise KeyboardInterrupt
            update(self)

        monkeypatch.setattr(BPTTUpdater, "update_core", update_core)

    return at


@pytest.mark.parametrize("iteration", [2, 15, 20])
def test_an_interruption_writes_what_there_is_and_exits_130(tiny, run, interrupt_at, iteration):
    interrupt_at(iteration)
    result, out, err = run(tiny(), "sgd/projection_0.2", code=130)
    _check_complete(result)
    assert result["status"] == "interrupted"
    assert result["iterations"] == iteration - 1
    assert len(result["curves"]["epochs"]["epoch"]) == (iteration - 1) // 14
    assert "interrupted" in out + err


def test_an_interruption_in_the_first_iteration_leaves_a_whole_result(tiny, run, interrupt_at):
    interrupt_at(1)
    result, _, _ = run(tiny(), "sgd/projection_0.2", code=130)
    assert (result["status"], result["iterations"], result["best"]) == ("interrupted", 0, None)
    _check_complete(result)


def test_an_interruption_during_an_evaluation_keeps_the_epochs_before(tiny, run, monkeypatch):
    evaluate = SequenceEvaluator.evaluate
    count = itertools.count(1)

    def interrupted(self):
        if next(count) == 4:  # twice an epoch while it improves: the test data of the second
            raise KeyboardInterrupt
        return evaluate(self)

    monkeypatch.setattr(SequenceEvaluator, "evaluate", interrupted)
    result, _, _ = run(tiny(epochs=3), code=130)
    assert result["status"] == "interrupted"
    _check_complete(result)  # among others, that the best epoch is the best of the curve


PROGRAM = """
import sys
from pathlib import Path
import grustab.datasets
import experiments.run
from experiments.cli import main
made = grustab.datasets.synthetic_corpus(n_tokens=1500)
grustab.datasets.synthetic_corpus = lambda: made
experiments.run.RUNS = Path(sys.argv.pop(1))
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_real_signal_leaves_a_partial_result(tiny, results, tmp_path, name):
    out = tmp_path / "results"
    command = [sys.executable, "-c", PROGRAM, tmp_path / "runs", "run", tiny(epochs=10**6)]
    process = subprocess.Popen(
        [*map(str, command), "--cell", "sgd/projection_0.2", "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 30
        while not list((tmp_path / "runs").rglob("log")):  # written after the first epoch
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(getattr(signal, name))
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1] == "interrupted"
    (path,) = results()
    result = json.loads(path.read_text())
    _check_complete(result)
    assert result["status"] == "interrupted"
    assert result["iterations"] >= 14
    assert f"after {result['iterations']} iterations" in stdout


# Optimizers, schedules, stopping rules


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize(
    "method",
    [
        "method=projection delta=0.2 projection=naive",
        "method=projection delta=0.2 projection=truncated",
        "method=clipping threshold=0.5",
        "method=elementwise_clipping threshold=0.003",
        "method=none",
    ],
)
def test_every_optimizer_runs_with_every_method(tiny, run, optimizer, method):
    result, _, _ = run(
        tiny(learning_rate=1e-3),
        "sgd/none",
        "--max-iterations",
        "4",
        *("--set", f"optimizer={optimizer}", *method.split()),
    )
    _check_complete(result)
    assert result["iterations"] == 4
    capped = result["curves"]["iterations"]["capped"][-1]
    assert (capped == [None]) == ("projection" not in method)


def test_clipping_bounds_the_step_and_not_what_is_recorded(tiny, run):
    config = tiny(learning_rate=1.0)
    loose, _, _ = run(config, "sgd/clipping_5", "--set", "threshold=1e6", "epochs=1")
    none, _, _ = run(config, "sgd/none", "--set", "epochs=1")
    tight, _, _ = run(config, "sgd/clipping_5", "--set", "threshold=1e-6", "epochs=1")
    assert _curves(loose) == _curves(none)
    assert tight["gradient_mean"]["norm"] > 0.1
    losses = tight["curves"]["epochs"]["validation_loss"]
    assert losses[0] == pytest.approx(math.log(50), abs=0.05)


def test_exponential_schedule_has_full_rate_and_then_divides_each_epoch(tiny, run):
    result, _, _ = run(tiny(schedule="exponential", decay_after=3, decay_divisor=1.25, epochs=6))
    rates = result["curves"]["epochs"]["learning_rate"]
    full = 0.5
    expected = [full, full, full, full / 1.25, full / 1.25**2, full / 1.25**3]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_exponential_schedule_longer_than_the_run_never_divides(tiny, run):
    result, _, _ = run(tiny(schedule="exponential", decay_after=10, decay_divisor=1.1))
    assert result["curves"]["epochs"]["learning_rate"] == [0.5, 0.5]


def test_exponential_schedule_moves_adams_alpha(tiny, run):
    result, _, _ = run(
        tiny(schedule="exponential", decay_after=1, decay_divisor=2, optimizer="adam", epochs=3)
    )
    np.testing.assert_allclose(result["curves"]["epochs"]["learning_rate"], [0.5, 0.25, 0.125])


@pytest.fixture
def validation_losses(monkeypatch):
    """Pretend that the validation losses are these, the last one for ever."""

    def pretend(*losses):
        evaluate = SequenceEvaluator.evaluate
        left = list(losses)

        def made_up(self):
            observation = evaluate(self)
            if self.name == "validation":
                loss = left.pop(0) if len(left) > 1 else left[0]
                observation = dict.fromkeys(observation, loss)
            return observation

        monkeypatch.setattr(SequenceEvaluator, "evaluate", made_up)

    return pretend


def test_plateau_schedule_divides_and_stops_below_the_smallest_rate(tiny, run, validation_losses):
    validation_losses(5.0, 4.0, 4.5, 4.0, 4.2)
    result, out, _ = run(
        tiny(
            schedule="plateau",
            decay_after=2,
            decay_divisor=2,
            min_learning_rate=0.2,
            epochs=50,
        )
    )
    rates = result["curves"]["epochs"]["learning_rate"]
    # Best at 2; divided after 3 and 4, and again after 5 and 6: 0.125 < 0.2 ends it.
    assert rates == [0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert (result["status"], result["best"]["epoch"]) == ("completed", 2.0)
    assert "completed" in out


def test_a_rate_equal_to_the_smallest_one_goes_on(tiny, run):
    result, _, _ = run(tiny(min_learning_rate=0.5))
    assert result["iterations"] == 28


def test_a_rate_below_the_smallest_one_is_refused(tiny, run, refused, tmp_path):
    sentence = refused(
        *("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results"),
        *("--set", "min_learning_rate=0.6"),
    )
    assert "min_learning_rate" in sentence


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_ends_a_run_after_so_many_epochs_without_improvement(
    tiny, run, validation_losses, patience
):
    validation_losses(5.0, 4.0, 4.5, 4.0, 4.2)
    result, _, _ = run(tiny(stop_patience=patience, epochs=50))
    assert result["epochs"] == 2 + patience
    assert (result["status"], result["best"]["epoch"]) == ("completed", 2.0)


def test_patience_counts_from_the_last_improvement(tiny, run, validation_losses):
    validation_losses(5.0, 5.5, 4.0, 4.5, 3.0, 3.5, 3.1)
    result, _, _ = run(tiny(stop_patience=2, epochs=50))
    assert result["epochs"] == 7.0


def test_epochs_end_a_run_before_its_patience(tiny, run):
    result, _, _ = run(tiny(stop_patience=50, epochs=3))
    assert result["epochs"] == 3.0


# Music


@pytest.mark.parametrize("batching", ["tunes", "stream"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_music_runs_with_both_batchings(tiny_music, run, small_data, batching, optimizer):
    result, out, _ = run(
        tiny_music(batching=batching, optimizer=optimizer, learning_rate=0.05, layers=2)
    )
    _check_complete(result)
    assert result["epochs"] == 2.0
    assert "loss" in out
    assert "perplexity" not in out
    steps = sum(len(tune) for tune in small_data[1].train) - 1
    if batching == "stream":
        assert result["iterations"] == 2 * (steps // 2 // 10)
    assert len(result["curves"]["iterations"]["sigma_1"][0]) == 2


def test_the_loss_may_be_averaged_over_the_steps(tiny, run):
    by_sum, by_mean = (
        run(tiny(loss=loss, learning_rate=rate))[0]
        for loss, rate in (("sum_over_steps", 0.05), ("mean_over_steps", 0.5))
    )
    # 10 steps a batch: a tenth of the gradient at ten times the rate.
    np.testing.assert_allclose(
        by_sum["curves"]["epochs"]["validation_loss"],
        by_mean["curves"]["epochs"]["validation_loss"],
        rtol=1e-4,
    )
    assert by_sum["gradient_mean"]["norm"] == pytest.approx(
        10 * by_mean["gradient_mean"]["norm"], rel=1e-3
    )


# What cannot be used


def test_a_results_folder_that_is_a_file_is_refused_before_training(
    tiny, refused, never_run, tmp_path
):
    (tmp_path / "results").write_text("")
    sentence = refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert "results" in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_results_folder_is_refused_before_training(tiny, refused, never_run, tmp_path):
    (tmp_path / "results").mkdir(mode=0o500)
    refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")


def test_a_folder_for_logs_that_is_a_file_is_one_sentence(tiny, call, tmp_path):
    (tmp_path / "runs").write_text("")
    code, _, err = call("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert code == 2
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "runs" in line
    assert "None" not in line


@pytest.mark.parametrize("device", ["foo", "gpu", "-1", "0x", "", "cuda:0", "²", "1.0"])
def test_an_unknown_device_is_refused(tiny, refused, never_run, device):
    sentence = refused("run", tiny(), "--cell", "sgd/none", f"--device={device}")
    assert f"--device {device}: expected cpu, or the number of a GPU" in sentence


@pytest.mark.parametrize("device", ["0", "99"])
def test_a_gpu_that_is_not_there_is_refused(tiny, refused, never_run, device):
    from chainer.backends import cuda

    if device == "0" and cuda.available and cuda.cupy.cuda.is_available():
        pytest.skip("there is a GPU")
    sentence = refused("run", tiny(), "--cell", "sgd/none", "--device", device)
    assert f"--device {device}: " in sentence


@pytest.mark.gpu
def test_a_run_on_a_gpu_is_complete(tiny, run):
    pytest.importorskip("cupy")
    result, _, _ = run(tiny(), "sgd/projection_0.2", "--device", "0")
    _check_complete(result)
    assert result["environment"]["device"] != "cpu"


@pytest.mark.parametrize(
    "settings", [("batch_size=5000",), ("bptt_steps=5000",), ("batch_size=100", "bptt_steps=100")]
)
def test_data_too_short_for_the_batches_is_one_sentence(tiny, call, tmp_path, settings):
    words = ("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    code, _, err = call(*words, "--set", *settings)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "too short" in err


def test_missing_data_is_one_sentence(tiny, refused, tmp_path, monkeypatch):
    from grustab.errors import DataError

    def missing():
        raise DataError("cannot read ptb.train.txt")

    monkeypatch.setattr(grustab.datasets, "load_ptb", missing)
    words = ("run", tiny(dataset="ptb"), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert refused(*words) == "cannot read ptb.train.txt"


# What a person reads


def test_the_announcement_says_what_will_run_and_where_to(tiny, run, results):
    _, out, _ = run(tiny(), "sgd/clipping_5", "--seed", "7")
    assert "tiny sgd/clipping_5, seed 7, on cpu" in out
    assert "1 x 8 units" in out
    assert "clipping threshold 5" in out
    assert "at most 2 epochs" in out
    assert "best validation perplexity" in out
    assert "a unigram predictor: perplexity" in out


@pytest.mark.parametrize("cell", ["sgd/clipping_5", "sgd/none", "sgd/projection_0.2"])
def test_no_line_ends_in_a_blank(tiny, run, cell):
    _, out, _ = run(tiny(), cell)
    assert [line for line in out.splitlines() if line != line.rstrip()] == []


def test_one_iteration_is_no_plural(tiny, run):
    _, out, _ = run(tiny(), "sgd/none", "--max-iterations", "1")
    assert "1 iterations" not in out


@pytest.mark.parametrize(
    ("options", "awkward"),
    [(("--set", EXPLODES), "diverged by divergence"), ((), "interrupted by an interruption")],
)
def test_the_end_of_a_run_is_not_told_twice(tiny, run, interrupt_at, options, awkward):
    if not options:
        interrupt_at(3)
    _, out, _ = run(tiny(), "sgd/none", *options, code=0 if options else 130)
    assert awkward not in out


def test_the_package_of_experiments_can_be_imported_on_its_own():
    done = subprocess.run(
        [sys.executable, "-c", "import experiments.run"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr.splitlines()[-1]
