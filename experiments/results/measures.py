"""Numbers of a run that tables, claims and figures share."""

import math
from typing import Any

from experiments.config.model_size import n_parameters

Result = dict[str, Any]


def value(run: Result, loss: float | None) -> float:
    """A loss as its table shows it: a perplexity for language; NaN for one that is not finite."""
    if loss is None:
        return math.nan
    return perplexity(loss) if run["conditions"]["task"] == "language" else loss


def lowest_value(run: Result, iteration: float = math.inf) -> float | None:
    """Lowest validation value up to an iteration; ``None`` where there is none."""
    epochs = run["curves"]["epochs"]
    seen = zip(epochs["iteration"], epochs["validation_loss"], strict=True)
    losses = [loss for i, loss in seen if i <= iteration and loss is not None]
    return value(run, min(losses)) if losses else None


def environments(run: Result) -> list[dict[str, Any]]:
    """What each session of a run ran on: it may have been resumed elsewhere."""
    return [session["environment"] for session in (run, *run.get("resumed", []))]


def largest_norm(run: Result, iteration: float = math.inf) -> float:
    """Largest norm of the gradient, before clipping, up to an iteration; it may be infinite.

    The iteration in which loss or gradient were not finite is in the result, not in its curves.
    """
    curves = run["curves"]["iterations"]
    norms = [
        math.inf if norm is None else norm
        for i, norm in zip(curves["iteration"], curves["gradient_norm_max"], strict=True)
        if i <= iteration
    ]
    if run["iterations"] <= iteration and (end := run["divergence"]):
        norms += [math.inf] * (end.get("quantity") in ("gradient", "loss"))
    return max(norms, default=math.inf)


def largest_radius(run: Result) -> float:
    """Largest spectral radius seen in any layer; infinite where none was recorded."""
    looks = run["curves"]["iterations"]["spectral_radius"]
    return max((r for layers in looks for r in layers if r is not None), default=math.inf)


def gradient_mean(run: Result, quantity: str) -> float:
    """Mean over a run's iterations of the gradient's ``norm``, ``mean_abs`` or ``rms``.

    ``rms`` is the root mean square of its elements: the norm over the root of their number.
    Infinite where one overflowed.
    """
    if quantity == "rms":
        count = n_parameters(run["conditions"], run.get("n_symbols"))
        return gradient_mean(run, "norm") / math.sqrt(count)
    mean = run["gradient_mean"][quantity]
    return math.inf if mean is None else mean


def perplexity(loss: float) -> float:
    """``exp(loss)``, infinite where a float has no room for it."""
    return math.exp(loss) if loss < 700 else math.inf
