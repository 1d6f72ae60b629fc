"""A progress bar with the time left."""

import sys

from chainer import training
from tqdm import tqdm


class EpochBar(training.Extension):
    """Epochs done of those planned, the losses, and the time left, on standard error.

    Args:
        epochs: How many the run may take.
    """

    trigger = (1, "iteration")
    priority = training.PRIORITY_READER

    def __init__(self, epochs: float) -> None:
        # Into a log file, a line every half minute is enough.
        interval = 0.2 if sys.stderr.isatty() else 30
        layout = (
            "{percentage:3.0f}% |{bar:24}| epoch {n:.2f} of {total:.4g} "
            "[{elapsed}, {remaining} left{postfix}]"
        )
        self.bar = tqdm(total=epochs, bar_format=layout, mininterval=interval, leave=True)
        self.shown: dict[str, str] = {}

    def __call__(self, trainer: training.Trainer) -> None:
        """Move the bar."""
        for key, name in (("main/loss", "train"), ("validation/main/loss", "validation")):
            if key in trainer.observation:
                self.shown[name] = f"{float(trainer.observation[key]):.3f}"
        self.bar.set_postfix(self.shown, refresh=False)
        self.bar.update(min(trainer.updater.epoch_detail, self.bar.total) - self.bar.n)

    def finalize(self) -> None:
        """Leave the line as it is."""
        self.bar.close()
