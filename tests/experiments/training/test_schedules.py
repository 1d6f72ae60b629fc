"""Optimizers, schedules, stopping rules and music, as whole runs."""

import math

import numpy as np
import pytest

from grustab.extensions import SequenceEvaluator
from tests.experiments.checks import check_complete, curves_of

pytestmark = pytest.mark.usefixtures("small_data")


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
    check_complete(result)
    assert result["iterations"] == 4
    capped = result["curves"]["iterations"]["capped"][-1]
    assert (capped == [None]) == ("projection" not in method)


def test_clipping_bounds_the_step_and_not_what_is_recorded(tiny, run):
    config = tiny(learning_rate=1.0)
    loose, _, _ = run(config, "sgd/clipping_5", "--set", "threshold=1e6", "epochs=1")
    none, _, _ = run(config, "sgd/none", "--set", "epochs=1")
    tight, _, _ = run(config, "sgd/clipping_5", "--set", "threshold=1e-6", "epochs=1")
    assert curves_of(loose) == curves_of(none)
    assert tight["gradient_mean"]["norm"] > 0.1
    losses = tight["curves"]["epochs"]["validation_loss"]
    assert losses[0] == pytest.approx(math.log(50), abs=0.05)


@pytest.mark.parametrize(
    ("decay_after", "epochs", "optimizer", "rates"),
    [
        # Full rate, and then divided at the end of each epoch.
        (3, 6, "sgd", [0.5, 0.5, 0.5, 0.5 / 2, 0.5 / 4, 0.5 / 8]),
        (1, 3, "adam", [0.5, 0.25, 0.125]),
        (10, 2, "sgd", [0.5, 0.5]),
    ],
)
def test_exponential_schedule(tiny, run, decay_after, epochs, optimizer, rates):
    schedule = {"schedule": "exponential", "decay_after": decay_after, "decay_divisor": 2}
    result, _, _ = run(tiny(**schedule, epochs=epochs, optimizer=optimizer))
    np.testing.assert_allclose(result["curves"]["epochs"]["learning_rate"], rates, rtol=1e-12)


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


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "end"),
    [
        ([5.0, 4.0, 4.5, 4.0, 4.2], 1, 50, 3),
        ([5.0, 4.0, 4.5, 4.0, 4.2], 3, 50, 5),
        ([5.0, 5.5, 4.0, 4.5, 3.0, 3.5, 3.1], 2, 50, 7),  # from the last improvement on
        ([5.0], 50, 3, 3),  # epochs end it before
    ],
)
def test_patience_ends_a_run_after_so_many_epochs_without_improvement(
    tiny, run, validation_losses, losses, patience, epochs, end
):
    validation_losses(*losses)
    result, _, _ = run(tiny(stop_patience=patience, epochs=epochs))
    assert (result["status"], result["epochs"]) == ("completed", end)
    assert result["best"]["epoch"] == 1 + losses.index(min(losses[:end]))


@pytest.mark.parametrize("batching", ["tunes", "tunes_by_length", "stream"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_music_runs_with_every_batching(tiny_music, run, small_data, batching, optimizer):
    result, out, _ = run(
        tiny_music(batching=batching, optimizer=optimizer, learning_rate=0.05, layers=2)
    )
    check_complete(result)
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
    # 10 steps per batch: a tenth of the gradient at ten times the rate.
    np.testing.assert_allclose(
        by_sum["curves"]["epochs"]["validation_loss"],
        by_mean["curves"]["epochs"]["validation_loss"],
        rtol=1e-4,
    )
    assert by_sum["gradient_mean"]["norm"] == pytest.approx(
        10 * by_mean["gradient_mean"]["norm"], rel=1e-3
    )
