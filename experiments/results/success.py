"""What counts as success, divergence and explosion: our rules, as the supplement states none.

ASSUMPTION, all of it. Each can be read off a result file at any time, so another rule needs no new
run.
"""

import math
from typing import Any

from experiments.config.model_size import n_symbols

#: A gradient exploded whose norm, before clipping, was above this: a hundred times the average that
#: the supplement states (section B: 10 and 30), the only size of a norm that it gives.
EXPLOSION = {"language": 1000.0, "music": 3000.0}

NOTES = (
    "Success by three rules (our assumptions; the supplement has none). *success*: finite to the "
    "end, and the best validation loss below that of a constant unigram predictor; means and "
    "differences are over these runs. *finite*: finite to the end, the laxest rule. *ends well*: a "
    "success whose last validation loss is below the unigram predictor's, too, the strictest. "
    "Where all three agree, the rule hardly matters.",
    "Exploded (our assumption): the gradient's norm, before clipping, was ever above "
    f"{EXPLOSION['language']:g} (language) or {EXPLOSION['music']:g} (music), a hundred times the "
    "average that the supplement states; or the run diverged.",
)


def succeeded(result: dict[str, Any]) -> bool | None:
    """Whether a run succeeded; ``None`` for one that has not ended by its own rule."""
    if result["status"] == "interrupted":
        return None
    losses = _finite_losses(result)
    return (
        result["status"] != "diverged"
        and bool(losses)
        and min(losses) < result["unigram_validation_loss"]
    )


#: Rules of success by the title of their column: ours, a laxer and a stricter one.
RULES = {
    "success": succeeded,
    "finite": lambda run: run["status"] == "completed",
    "ends well": lambda run: (
        bool(succeeded(run)) and _finite_losses(run)[-1] < run["unigram_validation_loss"]
    ),
}


def exploded(result: dict[str, Any], times: float = 1) -> bool:
    """Whether a gradient's norm was above ``times`` :data:`EXPLOSION`, or the run diverged."""
    norms = result["curves"]["iterations"]["gradient_norm_max"]
    bound = times * EXPLOSION[result["conditions"]["task"]]
    return result["status"] == "diverged" or any(n is None or n > bound for n in norms)


def diverged(result: dict[str, Any]) -> bool:
    """Whether a run diverged, or is where one that has diverged would be.

    That is (the supplement says only "diverged in the learning process"): a value that is not
    finite, or a last validation loss above that of a uniform predictor, where training starts. So
    a run that is merely slow has not diverged.
    """
    losses = _finite_losses(result)
    return result["status"] == "diverged" or not losses or losses[-1] > _uniform_loss(result)


def _finite_losses(result: dict[str, Any]) -> list[float]:
    return [loss for loss in result["curves"]["epochs"]["validation_loss"] if loss is not None]


def _uniform_loss(result: dict[str, Any]) -> float:
    """Loss of a predictor to which all words, or all sets of notes, are equally likely."""
    task = result["conditions"]["task"]
    n = result.get("n_symbols") or n_symbols(task, result["conditions"]["dataset"])
    return n * math.log(2) if task == "music" else math.log(n)
