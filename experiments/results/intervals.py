"""95 % t-intervals: how far the mean over a few runs can be trusted."""

import math
import statistics
from collections.abc import Sequence

from scipy.special import stdtrit


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """``mean ± t s / sqrt(n)``: s the sample standard deviation, t Student's for ``n - 1``.

    Without bounds for a single value, or where one is not finite.
    """
    n = len(values)
    if n < 2 or not all(map(math.isfinite, values)):
        return -math.inf, math.inf
    half = float(stdtrit(n - 1, 0.975)) * statistics.stdev(values) / math.sqrt(n)
    mean = statistics.fmean(values)
    return mean - half, mean + half


def mean_and_interval(values: Sequence[float]) -> str:
    """The mean of at least one value, with its interval in brackets where it has one."""
    if not all(map(math.isfinite, values)):
        return "not finite"
    low, high = t_interval(values)
    mean = digits(statistics.fmean(values))
    return f"{mean} [{digits(low)}, {digits(high)}]" if math.isfinite(low) else mean


def digits(value: float, form: str = "#.4g") -> str:
    """A number with all its digits: 4.200, not 4.2."""
    return format(value, form).rstrip(".")
