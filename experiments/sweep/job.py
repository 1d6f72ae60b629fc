"""One run of a sweep in a process of its own, on this machine or on a worker's."""

import os
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

LOG = "log.txt"

_running: set[subprocess.Popen] = set()


class Job(NamedTuple):
    """A run to be done.

    Attributes:
        command: The words of the command line, Python's path first.
        folder: Where its log and its progress are.
        data: Folder of the data, absolute, where the environment names none.
    """

    name: str
    command: list[str]
    root: str
    folder: str
    data: str | None = None

    def on(self, device: str) -> "Job":
        """The same on a device, ``cpu`` or the number of a GPU."""
        return self._replace(command=[*self.command, "--device", device])


def run_job(job: Job) -> tuple[int, str]:
    """Run a job to its end.

    The process gets a group of its own, so that Ctrl-C reaches it only through whoever runs the
    sweep. It gets no session of its own: Linux shares the cores out by sessions, so that ``nice``
    in front of a sweep would not reach its runs. It stops by itself, with a snapshot, when this
    process is gone, as its standard input then ends.

    Returns:
        The process's exit code, negative for the signal that killed it, and the last lines of
        its log.
    """
    os.makedirs(job.folder, exist_ok=True)
    log = Path(job.folder) / LOG
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if job.data and not os.path.isabs(environment.get("GRUSTAB_DATA", "")):
        environment["GRUSTAB_DATA"] = job.data
    with open(log, "ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            job.command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=job.root,
            env=environment,
            process_group=0,
        )
        _running.add(process)
        try:
            code = process.wait()
        finally:
            _running.discard(process)
            process.stdin.close()
    return code, _tail(log, start)


def stop_jobs() -> None:
    """Ask all jobs of this process, once, to save a snapshot and end."""
    for process in list(_running):
        _running.discard(process)
        process.send_signal(signal.SIGTERM)


def _tail(log: Path, start: int, lines: int = 12) -> str:
    """The last lines written since ``start``; of a progress bar its last state."""
    with open(log, "rb") as file:
        file.seek(max(start, log.stat().st_size - 20_000))
        text = file.read().decode(errors="replace")
    kept = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    return "\n".join([line for line in kept if line][-lines:])
