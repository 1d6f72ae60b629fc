"""The progress bar of a run."""

import io
import re
import sys
from types import SimpleNamespace

import pytest

from experiments.training.progress import TrainingBar


class Watched:
    """A bar of 1000 epochs whose clock is set by hand, and what it has written."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.file = io.StringIO()
        monkeypatch.setattr(sys, "stderr", self.file)
        c = SimpleNamespace(epochs=1000, model_dump=lambda: {"task": "language"})
        self.training_bar = TrainingBar(c)
        bar = self.training_bar.bar
        monkeypatch.setattr(bar, "_time", lambda: self.now)
        monkeypatch.setattr(bar, "mininterval", 1)
        bar.start_t = bar.last_print_t = self.now

    def move(self, epoch, before, now):
        self.now = now
        updater = SimpleNamespace(epoch_detail=epoch, previous_epoch_detail=before, iteration=1)
        self.training_bar(SimpleNamespace(observation={"main/loss": 2.5}, updater=updater))


@pytest.fixture
def bar(monkeypatch):
    bar = Watched(monkeypatch)
    yield bar
    bar.training_bar.finalize()


def test_it_says_nothing_before_the_first_iteration(bar):
    assert bar.file.getvalue() == ""
    bar.move(0.5, 0.0, now=5)
    assert "epoch 0.50 of 1000" in bar.file.getvalue()
    assert "train perplexity 12.18" in bar.file.getvalue()


@pytest.mark.parametrize("done", [0, 160, 900])
def test_the_time_left_counts_only_what_was_done_since_the_run_went_on(bar, done):
    for step in range(1, 11):  # an epoch in ten seconds
        bar.move(done + step, done + step - 1, now=10.0 * step)
    found = re.findall(r"(?:(\d+):)?(\d+):(\d+) left", bar.file.getvalue())
    hours, minutes, seconds = found[-1]
    left = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    assert left == pytest.approx(10 * (1000 - done - 10), rel=0.02)
