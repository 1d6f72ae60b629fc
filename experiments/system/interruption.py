"""Ctrl-C, a batch system's SIGTERM and a closed terminal: all the same."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Signals so close together are one: a terminal and a parent process may both send theirs.
TOGETHER = 1.0


class Interruption:
    """What a signal does.

    Attributes:
        patient: Whether somebody looks at ``requested`` every now and then; the first signal then
            only sets it.
        requested: Whether there was a signal.
    """

    def __init__(self) -> None:
        self.patient = False
        self.requested = False


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Raise KeyboardInterrupt for SIGINT, SIGTERM or SIGHUP, once.

    While the :class:`Interruption` is ``patient``, the first signal waits for whoever looks, and
    only a second one, later than :data:`TOGETHER` seconds, raises. After that there is something to
    write, which no further signal is to prevent. A signal that is ignored already, as under
    ``nohup``, stays so.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    state = Interruption()
    first = 0.0

    def interrupt(*_: Any) -> None:
        nonlocal first
        if state.patient and not state.requested:
            state.requested, first = True, time.monotonic()
            with suppress(OSError):
                os.write(2, b"\nstopping after this iteration; once more stops at once\n")
            return
        if state.requested and (not state.patient or time.monotonic() - first < TOGETHER):
            return
        for number in taken:
            # Not SIG_IGN, which processes started from here would inherit.
            signal.signal(number, lambda *_: None)
        state.requested = True
        raise KeyboardInterrupt

    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield state
    finally:
        for number in taken:
            signal.signal(number, before[number])


def interrupt_at_end_of_input() -> None:
    """Send this process a SIGTERM when its standard input ends: whoever started it is gone."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
