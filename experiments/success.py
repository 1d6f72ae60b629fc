"""What counts as a success: one rule, ours, because the paper states none.

ASSUMPTION. A run succeeds if it was finite to its end and its best validation loss is below that
of a constant unigram predictor. Both can be read off a result file at any time, so another rule
needs no new run.
"""

from typing import Any

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
