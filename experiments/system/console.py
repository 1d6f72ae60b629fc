"""Words to the person who started a run."""

from contextlib import suppress


def print_safely(text: str) -> None:
    """Print, if anybody still reads: a full disk or a closed pipe must not end a run."""
    with suppress(OSError):  # what is not written yet is tried again with the next words
        print(text, flush=True)
