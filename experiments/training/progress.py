"""A progress bar with the time left."""

import json
import math
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainer import training
from tqdm import tqdm

from experiments.config.conditions import Conditions
from experiments.system.lock import PROGRESS
from experiments.system.storage import StorageError, remove, write_file
from experiments.training.announcement import score


class TrainingBar(training.Extension):
    """What is done of all epochs, or iterations if given, losses, and the time left, on stderr."""

    def __init__(self, conditions: Conditions, iterations: int | None = None) -> None:
        # Into a log file, a line every half minute is enough.
        interval = 0.2 if sys.stderr and sys.stderr.isatty() else 30
        count = "epoch {n:.2f} of {total}" if iterations is None else "iteration {n} of {total}"
        layout = (
            "{percentage:3.0f}% |{bar:24}| " + count + " [{elapsed}, {remaining} left{postfix}]"
        )
        self.task = conditions.task
        self.counts_epochs = iterations is None
        self.begun = False
        self.bar = tqdm(
            total=conditions.epochs if iterations is None else iterations,
            bar_format=layout,
            mininterval=interval,
            delay=1e-9,  # say nothing before it is known where a resumed run stands
            disable=sys.stderr is None,
        )
        self.shown: dict[str, str] = {}

    def __call__(self, trainer: training.Trainer) -> None:
        """Move the bar."""
        self.take(trainer.observation)
        shown = ", ".join(f"{name} {value}" for name, value in self.shown.items())
        self.bar.set_postfix_str(shown, refresh=False)
        updater = trainer.updater
        done = updater.epoch_detail if self.counts_epochs else updater.iteration
        if not self.begun:  # a resumed run does not begin at 0
            self.begun = True
            self.bar.initial = self.bar.n = self.bar.last_print_n = self._before(updater)
        try:
            self.bar.update(min(done, self.bar.total) - self.bar.n)
        except OSError:  # nobody reads any more: no reason to end a run
            self.bar.disable = True

    def take(self, seen: dict[str, Any]) -> None:
        """Show losses that were observed."""
        for key, name in (("main/loss", "train"), ("validation/main/loss", "validation")):
            if key in seen:
                self.shown[name] = score(self.task, float(seen[key]))

    def _before(self, updater: training.Updater) -> float:
        done = updater.previous_epoch_detail if self.counts_epochs else updater.iteration - 1
        return min(max(done, 0), self.bar.total)

    def finalize(self) -> None:
        """Leave the line as it is."""
        with suppress(OSError):
            self.bar.close()


class ProgressFile(training.Extension):
    """How far a run is, for whoever watches it: ``progress.json``, every five seconds."""

    def __init__(self, folder: Path, epochs: int, iterations: int | None = None) -> None:
        self.path = folder / PROGRESS
        self.epochs, self.iterations = epochs, iterations
        self.validation: float | None = None
        self._first: tuple[float, float] | None = None
        self._last = -math.inf

    def __call__(self, trainer: training.Trainer) -> None:
        """Write the file, if it is time."""
        if "validation/main/loss" in trainer.observation:
            self.validation = float(trainer.observation["validation/main/loss"])
        now, updater = time.monotonic(), trainer.updater
        share = updater.epoch_detail / self.epochs
        if self.iterations:
            share = max(share, updater.iteration / self.iterations)
        if self._first is None:
            self._first = now, share
        if now - self._last < 5:
            return
        self._last = now
        began, before = self._first
        left = (1 - share) * (now - began) / (share - before) if share > before else None
        state = {
            "epoch": updater.epoch_detail,
            "validation_loss": self.validation,
            "seconds_left": left,
            "process": f"process {os.getpid()} on {socket.gethostname()}",
        }
        with suppress(StorageError):  # no reason to end a run
            write_file(self.path, json.dumps(state).encode())

    def finalize(self) -> None:
        """Remove the file: the run goes on no more."""
        remove([self.path])
