"""Ctrl-C, a batch system's SIGTERM and a closed terminal: all the same, and only once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for the first of SIGINT, SIGTERM and SIGHUP, and ignore the others.

    After the first there is a result to write, which a second one is not to prevent. A signal
    that is ignored already, as under ``nohup``, stays so.
    """
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in signals}
    taken = [number for number in signals if before[number] is not signal.SIG_IGN]

    def interrupt(*_: Any) -> None:
        for number in taken:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
