"""The conditions of a run: every key that a config, a cell or --set may set."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Divisor = Annotated[float, Field(gt=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
#: Optional keys of the first results. Any other one, such as one that you add, came later.
FIRST = ("initial_std", "decay_divisor", "decay_after", "min_learning_rate", "stop_patience",
         "delta", "threshold")  # fmt: skip
#: Data of one's own.
OWN = ("text", "tunes")


class Conditions(BaseModel):
    """All that decides a run's numbers, apart from its seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # Data
    task: Literal["language", "music"]
    dataset: Literal["ptb", "nottingham", "synthetic", "text", "tunes"]
    path: str | None = None
    """text: a folder with train.txt, valid.txt and test.txt; tunes: a .mat or .pickle file.
    From the config's folder, or with --set from the current one."""
    data_sha256: str | None = None
    """Of what is there; it is found by itself."""
    batching: Literal["stream", "tunes", "tunes_by_length"]
    """One stream cut into ``batch_size`` parts; or (music) whole tunes with masks, put together as
    they come or by length."""
    batch_size: Count
    eval_batch_size: Count
    bptt_steps: Count | None
    """Steps of truncated back-propagation through time; null: whole tunes."""
    padding: Literal["masked", "counted"] = "masked"
    """Steps after the end of a shorter tune: left out, or counted as silence to be predicted."""
    state: Literal["reset", "carried"] = "reset"
    """Where new tunes begin, or an epoch of a stream: h = 0, or the state that was left there."""
    validation: Literal["tunes", "stream"] = "tunes"
    """Of music: each tune by itself from h = 0, or all joined to one stream."""

    # Model
    units: Count
    layers: Annotated[int, Field(ge=1, le=1000)]
    """Bounded: each takes memory by itself, so far too many would end without a word."""
    input_scale: Positive
    """Factor on the output of the first layer."""
    initial_std: Positive | None = None
    """Standard deviation of the initial weights but W_hh; null: ``1 / sqrt(units)``."""
    input_std: Positive | None = None
    """The same of the first linear layer alone; null: as ``initial_std``."""
    output_std: Positive | None = None
    """The same of the output layer alone; null: as ``initial_std``."""
    output_bias: bool
    dropout: Share
    dropout_after: list[Literal["input", "gru"]]

    # Optimizer
    loss: Literal["sum_over_steps", "mean_over_steps"]
    """Over the steps of a batch."""
    loss_over_batch: Literal["mean", "sum"] = "mean"
    """Over the sequences of a batch."""
    optimizer: Literal["sgd", "adam", "rmsprop"]
    learning_rate: Positive
    """SGD's and RMSprop's eta, Adam's alpha."""
    adam_beta1: Share
    adam_beta2: Share
    rmsprop_beta: Share
    epsilon: Annotated[float, Field(ge=1.2e-38, allow_inf_nan=False)]
    """Adam's and RMSprop's; no smaller than float32 has numbers for."""
    schedule: Literal["constant", "exponential", "plateau"]
    decay_divisor: Divisor | None = None
    """exponential, plateau: what the learning rate is divided by."""
    decay_after: Count | None = None
    """exponential: epochs before the first division, which then comes every epoch;
    plateau: epochs without improvement before a division."""
    min_learning_rate: Positive | None = None
    """Training ends when the learning rate falls below it."""
    spike_norm: Positive | None = None
    """After an iteration whose gradient has a larger norm, at most once per epoch, ..."""
    spike_divisor: Divisor | None = None
    """... the learning rate is divided by this."""
    epochs: Count
    """Epochs at most."""
    stop_patience: Count | None = None
    """Training ends after so many epochs without improvement of the validation loss."""

    # What keeps the gradient from exploding
    method: Literal["projection", "clipping", "elementwise_clipping", "none"]
    delta: Annotated[float, Field(gt=0, lt=2)] | None = None
    """projection: singular values of W_hh are capped at ``2 - delta``."""
    projected: Literal["candidate", "all"] = "candidate"
    """projection: W_hh alone, as in the paper; or W_hz and W_hr, too."""
    projection: Literal["naive", "truncated", "auto"]
    """projection: how the singular values are computed; the result is the same."""
    threshold: Positive | None = None
    """clipping: of the gradient's norm; elementwise_clipping: of its elements; projection: of the
    norm, before the update (ours), null: no clipping."""

    # What is recorded
    monitor_interval: Count
    """Iterations summed up in one point of the recorded curves."""

    @model_validator(mode="after")
    def _fit_together(self) -> "Conditions":
        if self.method == "projection" and self.delta is None:
            raise ValueError("method 'projection' needs delta, a number between 0 and 2")
        if self.method.endswith("clipping") and self.threshold is None:
            raise ValueError(f"method '{self.method}' needs threshold, a positive number")
        if self.method != "projection" and self.delta is not None:
            raise ValueError(
                f"delta belongs to method 'projection', for '{self.method}' it is null"
            )
        if self.method == "none" and self.threshold is not None:
            raise ValueError("threshold does not belong to method 'none'")
        if self.schedule != "constant" and None in (self.decay_divisor, self.decay_after):
            raise ValueError(f"schedule '{self.schedule}' needs decay_divisor and decay_after")
        if self.schedule == "constant" and (self.decay_divisor or self.decay_after):
            raise ValueError("decay_divisor and decay_after do not belong to schedule 'constant'")
        if (self.spike_norm is None) != (self.spike_divisor is None):
            raise ValueError("spike_norm and spike_divisor belong together, only one is set")
        if self.spike_norm is not None and self.schedule == "exponential":
            raise ValueError(
                "spike_norm does not fit schedule 'exponential', which sets the rate anew per epoch"
            )
        if self.method != "projection" and self.projected != "candidate":
            raise ValueError(f"projected belongs to method 'projection', not to '{self.method}'")
        if (self.min_learning_rate or 0) > self.learning_rate:
            raise ValueError(
                f"learning_rate {self.learning_rate:g} lies below min_learning_rate "
                f"{self.min_learning_rate:g}, so training would end before it begins"
            )
        if self.task == "language" and self.batching != "stream":
            raise ValueError("task 'language' needs batching 'stream'")
        whole = self.batching != "stream"
        if self.bptt_steps is None and not whole:
            raise ValueError("bptt_steps null, whole tunes, needs batching 'tunes' or its like")
        if self.padding == "counted" and not whole:
            raise ValueError("padding 'counted' needs batching 'tunes' or its like")
        if self.task == "language" and self.validation != "tunes":
            raise ValueError("validation 'stream' belongs to task 'music'")
        if not (self.path is None) == (self.data_sha256 is None) == (self.dataset not in OWN):
            raise ValueError(
                "dataset 'text' or 'tunes' needs path; to others belong neither path nor "
                f"data_sha256, got dataset '{self.dataset}' with path {self.path!r}"
            )
        of_words = self.dataset in ("ptb", "text")
        if self.dataset != "synthetic" and of_words != (self.task == "language"):
            raise ValueError(f"dataset '{self.dataset}' does not fit task '{self.task}'")
        return self

    @property
    def largest_norm(self) -> float | None:
        """What the gradient's norm is clipped at; None: it is not."""
        return None if self.method == "elementwise_clipping" else self.threshold

    def digest(self) -> str:
        """SHA-256 of all conditions: what tells runs under different conditions apart.

        A key that came later counts only where it is set: results from before keep their hash.
        Of data of one's own its hash counts, not where it is.
        """
        text = json.dumps(self.model_dump(exclude=self.later_unset() | {"path"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def later_unset(self) -> set[str]:
        """Keys that came later than the first results and have their default."""
        return {
            key
            for key, field in type(self).model_fields.items()
            if not field.is_required() and key not in FIRST and getattr(self, key) == field.default
        }
