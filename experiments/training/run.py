"""A run in memory: its parts, and its training to the end, an interruption or a divergence."""

import datetime
import gc
import time
from contextlib import suppress
from typing import Any

import chainer
from chainer import training

from experiments.config.conditions import Conditions
from experiments.results.run_spec import RunSpec
from experiments.system.console import print_safely
from experiments.system.environment import describe_environment
from experiments.system.fixed_settings import fixed_settings
from experiments.system.interruption import Interruption
from experiments.training import optimization
from experiments.training.data import RunData, load_data
from experiments.training.models import LanguageModel, MusicModel, SequenceModel
from experiments.training.recorder import EpochRecorder, IterationRecorder
from grustab.errors import DivergenceError, NonFiniteMatrixError
from grustab.extensions import SequenceEvaluator, SpectrumMonitor
from grustab.generators import Generators
from grustab.serialization import serialize_json

BY_RULE = "its own rule"
BY_INTERRUPTION = "an interruption"


class Run:
    """One cell with one seed, ready to train.

    Args:
        spec: What to run.
        device: Where to run.
        interruption: Where to look for a signal that asks for an end.

    Attributes:
        trainer: The Chainer trainer with all extensions.
        model: The model.
        data: The iterators.
        sessions: When, at which iteration and in which environment the run was begun and resumed.
        status: ``completed``, ``diverged`` or ``interrupted``.
        stopped_by: What ended training.
        divergence: Where and how it diverged, or ``None``.
        failure: An unexpected exception that ended training, or ``None``.
    """

    @fixed_settings()
    def __init__(
        self,
        spec: RunSpec,
        device: chainer.backend.Device,
        interruption: Interruption | None = None,
    ) -> None:
        self.spec, self.device = spec, device
        self.interruption = interruption or Interruption()
        c = spec.cell.conditions
        self.generators = Generators(spec.seed)
        self.data = load_data(c, self.generators.order)
        self.model = make_model(c, self.data, self.generators)
        self.model.to_device(device)
        self.optimizer = optimization.make_optimizer(c, self.model)
        self.updater = optimization.make_updater(c, self.data.train, self.optimizer)
        self.trainer = training.Trainer(self.updater, self._stop, out=str(spec.folder))
        self.validation = SequenceEvaluator(self.data.valid, self.model)
        self.test = SequenceEvaluator(self.data.test, self.model, name="test")
        self.iterations = IterationRecorder(SpectrumMonitor(self.model), c.monitor_interval)
        self.epochs = EpochRecorder(self.validation, self.test, self.elapsed)
        self.projection = optimization.make_projection(c, self.model, self.generators)
        for extension in (self.projection, self.iterations, self.epochs):
            if extension is not None:
                self.trainer.extend(extension)
        optimization.add_schedule(c, self.trainer)
        self.updater.receivers = [self.iterations.take]
        self.status, self.stopped_by = "interrupted", BY_INTERRUPTION
        self.divergence: dict[str, Any] | None = None
        self.failure: Exception | None = None
        self._elapsed, self._start = 0.0, time.perf_counter()
        self.sessions = [self._session(device)]

    def _session(self, device: chainer.backend.Device) -> dict[str, Any]:
        # Now, because files may change while a long run goes on.
        return {
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "iteration": self.updater.iteration,
            "environment": describe_environment(device),
        }

    def elapsed(self) -> float:
        """Seconds that the run has taken, over all its sessions."""
        return self._elapsed + time.perf_counter() - self._start

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load all that decides how the run goes on."""
        self.generators.serialize(serializer["generators"])
        self.trainer.serialize(serializer["trainer"])
        # Chainer's optimizers do not save it, and its schedules not once they are finished.
        rate = optimization.learning_rate_name(self.optimizer)
        setattr(self.optimizer, rate, serializer("learning_rate", getattr(self.optimizer, rate)))
        self._elapsed = serializer("elapsed", self.elapsed())
        self._start = time.perf_counter()
        sessions = serialize_json(serializer, "sessions", self.sessions)
        if isinstance(serializer, chainer.serializer.Deserializer):
            this = {**self.sessions[-1], "iteration": self.updater.iteration}
            self.sessions = [*sessions, this]

    def _stop(self, trainer: training.Trainer) -> bool:
        losses = self.epochs.curves["validation_loss"]
        if optimization.is_over(self.spec.cell.conditions, trainer.updater, losses):
            self.stopped_by = BY_RULE
        elif (most := self.spec.max_iterations) and trainer.updater.iteration >= most:
            self.stopped_by = f"--max-iterations {most}"
        elif self.interruption.requested:
            self.stopped_by = BY_INTERRUPTION
        else:
            return False
        return True

    @fixed_settings()
    def train(self) -> bool:
        """Train to the end, to divergence, or to an interruption.

        Returns:
            Whether the run stands between two iterations, so that it can be saved.
        """
        self.interruption.patient = True
        gc.freeze()  # or each collection looks through all imports: 7 % of an iteration on a GPU
        try:
            self.trainer.run(show_loop_exception_msg=False)
            if self.stopped_by == BY_RULE:
                self.status = "completed"
            return True
        except (DivergenceError, NonFiniteMatrixError) as error:
            self._diverged(error)
        except KeyboardInterrupt:
            self.stopped_by = BY_INTERRUPTION
        except Exception as error:  # whatever it is, the epochs before it are not to be lost
            self.stopped_by = f"{type(error).__name__}: {error}"
            self.failure = error
        finally:
            gc.unfreeze()
            self.interruption.patient = False
        return False

    @property
    def reached_limit(self) -> bool:
        """Whether ``--max-iterations`` ended training."""
        return self.stopped_by.startswith("--")

    @fixed_settings()
    def finish(self) -> None:
        """Evaluate the weights where training ended within an epoch, and close the curves."""
        try:
            if self.reached_limit and self.epochs.curves["iteration"][-1:] != [
                self.updater.iteration
            ]:
                print_safely("evaluating")
                self.epochs(self.trainer)
        except DivergenceError:
            pass  # a run of full length would not have looked here; the curve has it
        except KeyboardInterrupt:
            self.stopped_by = BY_INTERRUPTION
        with suppress(Exception):
            self.iterations.close(self.trainer)

    def _diverged(self, error: Exception) -> None:
        self.status, self.stopped_by = "diverged", "a value that is not finite"
        self.divergence = {
            "iteration": self.updater.iteration,
            "quantity": getattr(error, "quantity", "W_hh"),
            "message": f"{error}, after iteration {self.updater.iteration}",
        }


def make_model(c: Conditions, data: RunData, generators: Generators) -> SequenceModel:
    """The model of the task, as the conditions say."""
    model = LanguageModel if c.task == "language" else MusicModel
    return model(
        data.n_symbols,
        c.units,
        c.layers,
        c.input_scale,
        c.initial_std,
        c.dropout,
        c.dropout_after,
        c.output_bias,
        generators,
        c.input_std,
        c.output_std,
    )
