"""Sizes of data and models, computed without loading either."""

from typing import Any


def n_symbols(task: str, dataset: str) -> int:
    """Words of the vocabulary, or notes of the keyboard."""
    if task == "music":
        return 88
    return {"ptb": 10_000, "synthetic": 50}[dataset]


def n_parameters(conditions: dict[str, Any], symbols: int | None = None) -> int:
    """Number of a model's weights, from its conditions: see :mod:`experiments.training.models`.

    ``symbols`` is needed for a text of one's own.
    """
    symbols = symbols or n_symbols(conditions["task"], conditions["dataset"])
    units = conditions["units"]
    output = symbols * units + (symbols if conditions["output_bias"] else 0)
    return symbols * units + 6 * conditions["layers"] * units**2 + output
