"""How many cores there are to share."""

import os


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on macOS; a sandbox may refuse it
        return os.cpu_count() or 1
