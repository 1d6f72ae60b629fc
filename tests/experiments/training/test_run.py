"""One run from the command line to its result.json, on data of a few batches."""

import io
import math
import re
import shlex
import sys
from types import SimpleNamespace

import chainer
import numpy as np
import pytest
from chainer.optimizers import SGD

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.system.paths import PROGRAM
from experiments.training.progress import TrainingBar
from experiments.training.run import Run
from tests.experiments.checks import check_complete, timeless

pytestmark = pytest.mark.usefixtures("small_data")

#: With ``few_large_values`` a first step has something to do.
CAPPING = ("sgd/projection_0.2", "--set", "delta=0.6")


def test_a_completed_run_has_a_complete_result(tiny, run, out):
    result, said, _ = run(tiny(learning_rate=0.1), "sgd/projection_0.2", "--seed", "3")
    check_complete(result)
    assert (result["schema"], result["seed"], result["overrides"]) == (1, 3, {})
    assert (result["config"], result["cell"]) == ("tiny", "sgd/projection_0.2")
    assert (result["status"], result["stopped_by"]) == ("completed", "its own rule")
    assert (result["iterations"], result["epochs"], result["divergence"]) == (28, 2.0, None)
    assert result["curves"]["epochs"]["epoch"] == [1.0, 2.0]
    first, last = result["curves"]["epochs"]["validation_loss"]
    assert math.log(50) > first > last
    assert result["best"]["test_loss"] != last == result["best"]["validation_loss"]
    # Windows of 5 iterations, and what is left.
    assert result["curves"]["iterations"]["iteration"] == [5, 10, 15, 20, 25, 28]
    assert result["certificate"]["checks"] == 6
    (path,) = out.rglob("result.json")
    digest = result["conditions_sha256"][:8]
    assert path == out / "tiny/sgd/projection_0.2" / f"seed3-{digest}/result.json"
    assert "completed after 28 iterations" in said
    assert sorted(p.name for p in path.parent.iterdir()) == ["result.json"]


def test_the_epoch_is_chosen_by_the_validation_data_and_tested_on_the_test_data(
    tiny, run, small_data, out
):
    config = tiny(learning_rate=1e-30, epochs=1, eval_batch_size=1)
    best = run(config)[0]["best"]
    cell = load_config(config).cell("sgd/clipping_5")
    model = Run(RunSpec(cell, 0, out), chainer.get_device("@numpy")).model
    for key, words in (("validation_loss", small_data[0].valid), ("test_loss", small_data[0].test)):
        model.reset_state()
        loss = model(words[:-1, None], words[1:, None]).array / (len(words) - 1)
        assert best[key] == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize("projection", ["naive", "truncated", "auto"])
def test_the_cap_is_kept_by_each_projection_where_it_acts(tiny, run, few_large_values, projection):
    config = tiny(projection=projection, layers=2, units=12, monitor_interval=1, learning_rate=0.01)
    result, _, _ = run(config, *CAPPING)
    check_complete(result)
    capped = result["curves"]["iterations"]["capped"]
    assert capped[0] == [3, 3]
    assert {len(layers) for layers in capped} == {2}
    assert result["certificate"]["cap"] == 1.4
    assert result["certificate"]["largest_sigma_1"] == pytest.approx(1.4, rel=1e-5)


@pytest.mark.parametrize("cell", ["sgd/projection_0.2", "sgd/clipping_5", "sgd/none"])
@pytest.mark.parametrize("rate", ["1e300", "1e38"])
def test_divergence_is_a_result_and_no_error(tiny, run, cell, rate):
    result, out, err = run(tiny(), cell, "--set", f"learning_rate={rate}")
    check_complete(result)
    assert (result["status"], result["stopped_by"]) == ("diverged", "a value that is not finite")
    assert result["divergence"]["iteration"] == result["iterations"] < 28
    assert result["divergence"]["quantity"] in {"loss", "gradient", "W_hh", "validation loss"}
    assert result["divergence"]["message"] in out
    assert result["epochs"] == pytest.approx(result["iterations"] / 14, abs=1e-6)
    assert "success: no" in out
    assert "Warning" not in err


def test_a_w_hh_that_is_not_finite_is_named_with_its_layer_and_iteration(tiny, run, monkeypatch):
    update = SGD.update

    def ruin_at_the_third(self, *args):
        update(self, *args)
        if self.t == 3:
            self.target.gru[1].W_hh[2, 3] = math.nan

    monkeypatch.setattr(SGD, "update", ruin_at_the_third)
    result, out, _ = run(tiny(layers=2))
    assert result["divergence"] == {
        "iteration": 3,
        "quantity": "W_hh",
        "message": "cannot project W_hh of layer /gru/1 with NaN or Inf: 1 of its 64 entries are "
        "not finite, after iteration 3",
    }
    assert result["divergence"]["message"] in out


@pytest.mark.parametrize("iterations", [1, 14, 20, 28])
def test_max_iterations_leaves_a_partial_result(tiny, run, iterations):
    result, out, _ = run(tiny(), "sgd/projection_0.2", "--max-iterations", iterations)
    check_complete(result)
    assert result["iterations"] == result["curves"]["iterations"]["iteration"][-1] == iterations
    whole = iterations == 28
    stopped_by = "its own rule" if whole else f"--max-iterations {iterations}"
    assert (result["status"] == "completed", result["stopped_by"]) == (whole, stopped_by)
    # What it reached is evaluated, once.
    evaluated = result["curves"]["epochs"]["iteration"]
    assert evaluated == sorted({*range(14, iterations + 1, 14), iterations})
    assert ("success" in out) == whole


def test_a_finished_run_says_whether_its_weights_are_those_in_results(tiny, run, call, tmp_path):
    config = tiny()
    environment = run(config, "sgd/none")[0]["environment"]
    threads = environment["blas"][0]["num_threads"]
    (path,) = (tmp_path / "results").rglob("result.json")

    def say(*more, out=f"{tmp_path}/mine"):
        return call("run", config, "--cell=sgd/none", f"--out={out}", "--force", *more)[1]

    assert "weights:" not in say("--max-iterations=3")
    assert "weights: equal to the repository's, to the bit" in say()
    assert "weights: equal to the repository's, to the bit" in say(out=tmp_path / "results")
    path.write_text(path.read_text().replace('"weights_sha256": "', '"weights_sha256": "other'))
    assert "weights: not equal to the repository's (no difference known)" in say()
    path.write_text(path.read_text().replace(f'"num_threads": {threads}', '"num_threads": 77'))
    assert f"(the repository's had BLAS threads 77, this run has BLAS threads {threads})" in say()
    path.write_text(path.read_text().replace('"status": "completed"', '"status": "interrupted"'))
    assert "weights:" not in say()
    whole = path.read_text().replace("interrupted", "completed")
    path.write_text(re.sub('.*"weights_sha256".*', "", whole))
    assert "weights:" not in say()
    path.write_text("{")
    assert "weights:" not in say()


@pytest.mark.parametrize("task", ["language", "music"])
def test_one_seed_fixes_every_number_and_another_changes_them(tiny, tiny_music, run, task):
    make = tiny if task == "language" else tiny_music
    config = make(dropout=0.3, dropout_after=["input", "gru"], layers=2, epochs=1)
    first, out, _ = run(config)
    assert ("perplexity" in out) == (task == "language")
    np.random.seed(99)
    expected = np.random.RandomState(99).rand(3)
    again, _, _ = run(config, "sgd/projection_0.2", "--force")
    np.testing.assert_array_equal(np.random.rand(3), expected)  # it is left alone, too
    assert timeless(again) == timeless(first)
    other, _, _ = run(config, "sgd/projection_0.2", "--seed", "1")
    losses = [r["curves"]["epochs"]["validation_loss"] for r in (first, other)]
    assert losses[0] != losses[1]
    assert first["weights_sha256"] != other["weights_sha256"]


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
    means = {}
    for key in ("loss", "gradient_norm", "gradient_mean_abs"):
        values = one["curves"]["iterations"][key]
        means[key] = np.mean([value for value in values if value is not None])
        assert two["curves"]["iterations"][key] == pytest.approx([means[key]], rel=1e-5)
    top = max(one["curves"]["iterations"]["gradient_norm"])
    assert two["curves"]["iterations"]["gradient_norm_max"] == [top]
    expected = {"norm": means["gradient_norm"], "mean_abs": means["gradient_mean_abs"]}
    assert two["gradient_mean"] == pytest.approx(expected, rel=1e-5)


def test_the_command_repeats_the_run_and_names_no_folder_of_this_machine(tiny, run, tmp_path):
    first, _, _ = run(tiny(), "sgd/none", "--seed", "3", "--set", "dropout_after=[gru]")
    command = shlex.split(first["command"])
    assert command[:3] == PROGRAM.split()
    assert str(tmp_path) not in first["command"]
    assert command[3:5] == ["run", "tiny.yaml"]
    again, _, _ = run(tiny(), "sgd/none", *command[7:], "--force")
    assert timeless(again) == timeless(first)
    assert again["command"] == first["command"]


@pytest.fixture
def bar(monkeypatch):
    """Move a bar of 1000 epochs on by a clock set by hand; ``bar.file`` has its words."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    made = TrainingBar(SimpleNamespace(epochs=1000, task="language"))
    made.bar.mininterval, made.bar.start_t, made.bar.last_print_t = 1, 0.0, 0.0

    def move(epoch, before, now):
        made.bar._time = lambda: now
        updater = SimpleNamespace(epoch_detail=epoch, previous_epoch_detail=before, iteration=1)
        made(SimpleNamespace(observation={"main/loss": 2.5}, updater=updater))

    yield SimpleNamespace(move=move, file=file)
    made.finalize()


def test_it_says_nothing_before_the_first_iteration(bar):
    assert bar.file.getvalue() == ""
    bar.move(0.5, 0.0, now=5)
    assert "epoch 0.50 of 1000" in bar.file.getvalue()
    assert "train perplexity 12.18" in bar.file.getvalue()


@pytest.mark.parametrize("done", [0, 160, 900])
def test_the_time_left_counts_only_what_was_done_since_the_run_went_on(bar, done):
    for step in range(1, 11):  # an epoch in ten seconds
        bar.move(done + step, done + step - 1, now=10.0 * step)
    found = re.findall(r"(?:(\d+):)?(\d+):(\d+) left", bar.file.getvalue())
    hours, minutes, seconds = found[-1]
    left = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    assert left == pytest.approx(10 * (1000 - done - 10), rel=0.02)
