"""What counts as a success, and as divergence: our rules, because the paper states none.

ASSUMPTION. A run succeeds if it was finite to its end and its best validation loss is below that
of a constant unigram predictor. All of it can be read off a result file at any time, so another
rule needs no new run.
"""

import math
from typing import Any

from experiments.sizes import n_symbols

RULE = (
    "success (our assumption, the paper states no rule): finite to the end, and the best "
    "validation loss below that of a constant unigram predictor"
)


def succeeded(result: dict[str, Any]) -> bool | None:
    """Whether a run succeeded; ``None`` for one that has not ended by its own rule.

    Args:
        result: Contents of a ``result.json``.
    """
    if result["status"] == "interrupted":
        return None
    losses = [loss for loss in result["curves"]["epochs"]["validation_loss"] if loss is not None]
    return (
        result["status"] == "completed"
        and bool(losses)
        and min(losses) < result["unigram_validation_loss"]
    )


def diverged(result: dict[str, Any]) -> bool:
    """Whether a run diverged. ASSUMPTION: the supplement says only "diverged".

    That is: a value that is not finite, or a last validation loss above that of a uniform
    predictor, where training starts. So a run that is merely slow has not diverged.

    Args:
        result: Contents of a ``result.json`` of a run that has ended.
    """
    losses = [loss for loss in result["curves"]["epochs"]["validation_loss"] if loss is not None]
    if result["status"] == "diverged" or not losses:
        return True
    return losses[-1] > _uniform_loss(result["conditions"])


def _uniform_loss(conditions: dict[str, Any]) -> float:
    """Loss of a predictor to which all words, or all sets of notes, are equally likely."""
    task = conditions["task"]
    n = n_symbols(task, conditions["dataset"])
    return n * math.log(2) if task == "music" else math.log(n)
