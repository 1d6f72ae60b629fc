"""Sizes of the data, where they are needed without reading it."""


def n_symbols(task: str, dataset: str) -> int:
    """Words of the vocabulary, or notes of the keyboard.

    Args:
        task: ``language`` or ``music``.
        dataset: Name of the data in a config.
    """
    if task == "music":
        return 88
    return {"ptb": 10_000, "synthetic": 50}[dataset]
