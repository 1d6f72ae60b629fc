"""The two kinds of data the paper trains on."""

from typing import NamedTuple

import numpy as np


class Corpus(NamedTuple):
    """A text as three streams of word numbers over one vocabulary.

    Attributes:
        train, valid, test: int32, ``(tokens,)``, each number an index into ``vocabulary``.
        vocabulary: The words; the position is the number.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    vocabulary: list[str]


class Tunes(NamedTuple):
    """Piano rolls, one array per tune.

    Attributes:
        train, valid, test: Arrays of shape ``(steps, notes)``, uint8, 1 where the note sounds at
            the step and 0 elsewhere; column 0 is the lowest note.
    """

    train: list[np.ndarray]
    valid: list[np.ndarray]
    test: list[np.ndarray]
