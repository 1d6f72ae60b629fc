"""What is timed: one iteration of a model, the same for all implementations."""

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    """Sizes of an iteration: forward, backward, norm clipping, SGD step.

    Attributes:
        task: ``language`` (word vectors, softmax) or ``music`` (linear, logistic).
        units: Units of each GRU layer, and of the first layer.
        layers: Number of GRU layers.
        symbols: Words, or notes.
        steps, batch: Length and number of the sequences.
    """

    task: str
    units: int
    layers: int
    symbols: int
    steps: int = 35
    batch: int = 20

    def flops(self) -> int:
        """Floating-point operations of the matrix products, forward and backward."""
        inputs = 0 if self.task == "language" else 2 * self.symbols * self.units  # no gradient of x
        weights = 6 * self.layers * self.units**2 + self.symbols * self.units
        return 2 * self.steps * self.batch * (3 * weights + inputs)

    def batches(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Made-up inputs and targets; words by Zipf's law, as in a text."""
        rng = np.random.default_rng(0)
        shape = (self.steps, self.batch)
        if self.task == "language":
            p = 1 / np.arange(1, self.symbols + 1)
            words = [rng.choice(self.symbols, (2, *shape), p=p / p.sum()) for _ in range(count)]
            return [tuple(w.astype(np.int32)) for w in words]
        shape = (2, *shape, self.symbols)
        return [tuple((rng.random(shape) < 0.05).astype(np.float32)) for _ in range(count)]


#: The paper's two models (main paper, unverified).
PAPER = {"language": Workload("language", 650, 1, 10_000), "music": Workload("music", 200, 2, 88)}
THRESHOLD = {"language": 5, "music": 15}
LEARNING_RATE = 0.1
DROPOUT = 0.5
INPUT_SCALE = 0.01
