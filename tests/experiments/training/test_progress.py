"""The progress bar of a run."""

import io
import re
import sys
from types import SimpleNamespace

import pytest

from experiments.training.progress import TrainingBar


@pytest.fixture
def bar(monkeypatch):
    """Move a bar of 1000 epochs on by a clock set by hand; ``bar.file`` has its words."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    made = TrainingBar(SimpleNamespace(epochs=1000, model_dump=lambda: {"task": "language"}))
    made.bar.mininterval, made.bar.start_t, made.bar.last_print_t = 1, 0.0, 0.0

    def move(epoch, before, now):
        made.bar._time = lambda: now
        updater = SimpleNamespace(epoch_detail=epoch, previous_epoch_detail=before, iteration=1)
        made(SimpleNamespace(observation={"main/loss": 2.5}, updater=updater))

    yield SimpleNamespace(move=move, file=file)
    made.finalize()


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
