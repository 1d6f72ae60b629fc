"""Words to the person who started a run."""

from contextlib import suppress


def print_safely(text: str) -> None:
    """Print to whoever may still be there: no full disk and no closed pipe is to end a run."""
    with suppress(OSError):  # what is not written yet is tried again with the next words
        print(text, flush=True)
