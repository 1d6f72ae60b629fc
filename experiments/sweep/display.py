"""What a person sees of a sweep: a line per run, how far it is, and what is left."""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from tqdm import tqdm

from experiments.estimates import human_time
from experiments.results.run_spec import RunSpec, command_line
from experiments.sweep.job import LOG
from experiments.system.lock import PROGRESS
from experiments.system.paths import shown
from experiments.training.announcement import score
from grustab.text import printable, printable_lines

#: Seconds between two reports where nothing can be overwritten, such as in a log file.
REPORT = 60.0
LINES = 8
#: Letters of a line of a log.
WIDTH = 300
LAST_WORDS = "completed", "diverged", "interrupted", "best validation", "weights: ", "note: "


class Display:
    """A bar of the runs that ended, and a line for each that goes on; ``device``: to repeat one."""

    def __init__(self, runs: Sequence[RunSpec], device: str) -> None:
        self.device = device
        self.runs = {run.name: run for run in runs}
        self.waiting: dict[str, str] = {}
        self._began = time.time()
        self.total = len(runs)
        self.ended_count = self.failed_count = 0
        self.live = bool(sys.stderr and sys.stderr.isatty())
        self._reported = time.monotonic()
        self._bars: list[tqdm] = []

    def __enter__(self) -> "Display":
        if self.live:
            self._bars = [
                tqdm(total=0, bar_format="{desc}", position=number, leave=False)
                for number in range(min(self.total, LINES) + 1)
            ]
        self.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        for bar in reversed(self._bars):
            bar.close()

    def say(self, text: str) -> None:
        """Print a line that stays; a full disk must not end a sweep."""
        with suppress(OSError):
            tqdm.write(printable_lines(text))
            print(end="", flush=True)  # there may be no standard output

    def waits(self, run: RunSpec, tail: str) -> None:
        """Another process has the run: say so, and which one, now and in each report."""
        text = f"{run.name}: waiting for another process; {_refusal(tail)}"
        if run.name not in self.waiting:
            self.say(text)
        self.waiting[run.name] = text

    def ended(self, run: RunSpec, code: int | None, tail: str) -> None:
        """A run ended, well or not; ``None``: it could not be run."""
        for runs in (self.runs, self.waiting):
            runs.pop(run.name, None)
        self.ended_count += 1
        if code == 0:
            self.say(f"{run.name}: {_last_words(tail)}")
            return
        self.failed_count += 1
        if code is None:
            self.say(f"{run.name}: FAILED (could not be run):")
        else:
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            log = shown(run.folder / LOG)
            self.say(f"{run.name}: FAILED ({how}), see {log}, which ends:")
        self.say("\n".join(f"    {printable(line, WIDTH)}" for line in tail.split("\n")))
        for path in sorted(run.folder.glob("result-aside*.json")):
            if path.stat().st_mtime >= self._began:
                self.say(f"  a result that could not go to its place: {shown(path)}")
        self.say(f"  to repeat it: {command_line(run.words(), self.device)}")

    def refresh(self) -> None:
        """Show how far all are."""
        lines = self._lines()
        if self.live:
            for bar, line in zip(self._bars, [*lines, *[""] * len(self._bars)], strict=False):
                bar.set_description_str(line)
        elif time.monotonic() - self._reported >= REPORT:
            self._reported = time.monotonic()
            self.say("\n".join(line for line in lines if line))

    def _lines(self) -> list[str]:
        waiting, lines = [], []
        for run in self.runs.values():
            state, text = self._state(run), self.waiting.get(run.name)
            if text and (state is None or state["process"] in text):
                waiting.append(f"  {printable(text, WIDTH)}")
            elif state:
                self.waiting.pop(run.name, None)  # ours has it now
                lines.append(f"  {run.name}: {state['text']}")
        lines = waiting + lines
        failed = f", {self.failed_count} failed" if self.failed_count else ""
        more = len(lines) - LINES
        hidden = f", {more} of them not shown" if more > 0 else ""
        number = len(lines) - len(waiting)
        going_on = f", {number} going on" if number else ""  # one that has just begun tells nothing
        head = f"{self.ended_count} of {self.total} runs ended{failed}{going_on}{hidden}"
        return [head, *lines[:LINES]]

    def _state(self, run: RunSpec) -> dict[str, str] | None:
        """How far a run is and which process has it; ``None``: nobody has it, or it is not told."""
        path = run.folder / PROGRESS
        try:
            if path.stat().st_mtime < self._began:
                return None  # a killed process left it
            state = json.loads(path.read_text())
            loss, task = state["validation_loss"], run.cell.conditions.task
            text = f"epoch {state['epoch']:.2f}"
            text += f", validation {score(task, loss)}" if loss is not None else ""
            if (left := state["seconds_left"]) is not None:
                text += f", at most {human_time(left)} left"
            return {"process": str(state["process"]), "text": text}
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None  # not there yet, or damaged


def _refusal(tail: str) -> str:
    """Why a run did not begin: which process has it, since when, and what can be done."""
    sentences = [line for line in tail.splitlines() if line.startswith("error: ")]
    return sentences[-1].removeprefix("error: ") if sentences else "its log does not say which"


def _last_words(tail: str) -> str:
    """From the log of a run that ended well: its status and best value."""
    lines = [line.strip() for line in tail.splitlines()]
    wanted = [line for line in lines if line.startswith(LAST_WORDS) or " already, see " in line]
    return "; ".join(wanted) or "ended"
