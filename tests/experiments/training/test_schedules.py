"""What becomes of a run by its losses: schedules, stopping rules, divergence."""

import math

import chainer
import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.training.run import Run
from grustab.extensions import SequenceEvaluator
from tests.experiments.checks import check_complete

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.mark.parametrize(("decay_after", "epochs", "optimizer", "rates"), [
    # Full rate, and then divided at the end of each epoch.
    (3, 6, "sgd", [0.5, 0.5, 0.5, 0.5 / 2, 0.5 / 4, 0.5 / 8]),
    (1, 3, "adam", [0.5, 0.25, 0.125]),
    (10, 2, "sgd", [0.5, 0.5]),
])  # fmt: skip
def test_exponential_schedule(tiny, run, decay_after, epochs, optimizer, rates):
    schedule = {"schedule": "exponential", "decay_after": decay_after, "decay_divisor": 2}
    result, _, _ = run(tiny(**schedule, epochs=epochs, optimizer=optimizer))
    np.testing.assert_allclose(result["curves"]["epochs"]["learning_rate"], rates, rtol=1e-12)


@pytest.mark.parametrize(
    ("key", "method"), [("optimizer", "none"), ("schedule", "none"), ("method", "new")]
)
def test_a_name_without_a_branch_never_trains_as_another(tiny, tmp_path, key, method):
    cell = load_config(tiny()).cell("sgd/none")
    conditions = cell.conditions.model_copy(update={"method": method, key: "new"})
    spec = RunSpec(cell._replace(conditions=conditions), 0, tmp_path)
    with pytest.raises(AssertionError, match="'new'"):
        Run(spec, chainer.get_device("@numpy"))


@pytest.fixture
def losses_are(monkeypatch):
    """Pretend that the validation or test losses are these, the last one for ever."""

    def pretend(*losses, name="validation"):
        evaluate = SequenceEvaluator.evaluate
        left = list(losses)

        def made_up(self):
            observation = evaluate(self)
            if self.name != name:
                return observation
            return dict.fromkeys(observation, left.pop(0) if len(left) > 1 else left[0])

        monkeypatch.setattr(SequenceEvaluator, "evaluate", made_up)

    return pretend


def test_a_validation_loss_that_is_not_finite_is_divergence(tiny, run, losses_are):
    losses_are(5.0, math.inf)
    result, _, _ = run(tiny(epochs=5))
    check_complete(result)
    assert (result["status"], result["divergence"]["quantity"]) == ("diverged", "validation loss")
    assert result["curves"]["epochs"]["validation_loss"] == [5.0, None]
    assert result["best"]["epoch"] == 1.0


def test_a_look_that_only_a_cut_run_takes_decides_nothing(tiny, run, losses_are):
    losses_are(math.inf)
    result, _, _ = run(tiny(), "sgd/none", "--max-iterations", "3")
    assert (result["status"], result["divergence"]) == ("interrupted", None)
    assert result["curves"]["epochs"]["validation_loss"] == [None]


def test_a_test_loss_that_is_not_finite_does_not_lose_the_run(tiny, run, losses_are):
    losses_are(math.inf, name="test")
    result, _, _ = run(tiny())
    assert (result["status"], result["best"]["test_loss"]) == ("completed", None)


@pytest.mark.parametrize(("spikes", "rates", "best"), [
    # Best at 2; divided after 3 and 4, and again after 5 and 6: 0.125 < 0.25 ends it.
    ({}, [0.5, 0.5, 0.5, 0.5, 0.25, 0.25], 2.0),
    # Divided after the first iteration already; the epoch is still done to its end.
    ({"spike_norm": 1e-9, "spike_divisor": 4}, [0.125], 1.0),
    ({"spike_norm": 1e9, "spike_divisor": 4}, [0.5, 0.5, 0.5, 0.5, 0.25, 0.25], 2.0),
])  # fmt: skip
def test_plateau_schedule_divides_and_stops_below_the_smallest_rate(
    tiny, run, losses_are, spikes, rates, best
):
    losses_are(5.0, 4.0, 4.5, 4.0, 4.2)
    schedule = {"schedule": "plateau", "decay_after": 2, "decay_divisor": 2} | spikes
    result, _, _ = run(tiny(**schedule, min_learning_rate=0.25, epochs=50))
    assert result["curves"]["epochs"]["learning_rate"] == rates
    assert (result["status"], result["best"]["epoch"]) == ("completed", best)


@pytest.mark.parametrize(("losses", "patience", "epochs", "end"), [
    ([5.0, 4.0, 4.5, 4.0, 4.2], 1, 50, 3),
    ([5.0, 4.0, 4.5, 4.0, 4.2], 3, 50, 5),
    ([5.0, 5.5, 4.0, 4.5, 3.0, 3.5, 3.1], 2, 50, 7),  # from the last improvement on
    ([5.0], 50, 3, 3),  # epochs end it before
])  # fmt: skip
def test_patience_ends_a_run_after_so_many_epochs_without_improvement(
    tiny, run, losses_are, losses, patience, epochs, end
):
    losses_are(*losses)
    result, _, _ = run(tiny(stop_patience=patience, epochs=epochs))
    assert (result["status"], result["epochs"]) == ("completed", end)
    assert result["best"]["epoch"] == 1 + losses.index(min(losses[:end]))
