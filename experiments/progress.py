"""A progress bar with the time left."""

import sys
from contextlib import suppress

from chainer import training
from chainer.training import extensions
from tqdm import tqdm


class TrainingBar(training.Extension):
    """What is done of what is planned, the losses, and the time left, on standard error.

    Args:
        epochs: How many epochs the run may take.
        iterations: How many iterations, where that is its limit; the bar then counts these.
    """

    trigger = (1, "iteration")
    priority = training.PRIORITY_READER

    def __init__(self, epochs: int, iterations: int | None = None) -> None:
        # Into a log file, a line every half minute is enough.
        interval = 0.2 if sys.stderr and sys.stderr.isatty() else 30
        count = "epoch {n:.2f} of {total}" if iterations is None else "iteration {n} of {total}"
        layout = (
            "{percentage:3.0f}% |{bar:24}| " + count + " [{elapsed}, {remaining} left{postfix}]"
        )
        self.counts_epochs = iterations is None
        self.bar = tqdm(
            total=epochs if iterations is None else iterations,
            bar_format=layout,
            mininterval=interval,
            disable=sys.stderr is None,
        )
        self.shown: dict[str, str] = {}

    def __call__(self, trainer: training.Trainer) -> None:
        """Move the bar."""
        for key, name in (("main/loss", "train"), ("validation/main/loss", "validation")):
            if key in trainer.observation:
                self.shown[name] = f"{float(trainer.observation[key]):.3f}"
        self.bar.set_postfix(self.shown, refresh=False)
        updater = trainer.updater
        done = updater.epoch_detail if self.counts_epochs else updater.iteration
        try:
            self.bar.update(min(done, self.bar.total) - self.bar.n)
        except OSError:  # nobody reads any more: no reason to end a run
            self.bar.disable = True

    def finalize(self) -> None:
        """Leave the line as it is."""
        with suppress(OSError):
            self.bar.close()


class EpochLog(extensions.LogReport):
    """Chainer's log of each epoch, without which a run goes on if the disk does not take it."""

    def __call__(self, trainer: training.Trainer) -> None:
        """Write the log."""
        with suppress(OSError):
            super().__call__(trainer)
