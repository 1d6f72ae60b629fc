"""Errors a person can act on.

Every message is one sentence that names what was wrong (file, key, value) and what was
expected. The command line prints it without a traceback; its exit code is 2, unless
``experiments/cli.py`` names another.
"""

from numbers import Integral, Real


class GrustabError(Exception):
    """Base of every error that this package raises on purpose."""


class DataError(GrustabError):
    """A data file is missing, damaged, of the wrong form, or could not be downloaded."""


class NonFiniteMatrixError(GrustabError, ValueError):
    """A matrix to project holds NaN or Inf."""


class DivergenceError(GrustabError):
    """Training left the finite numbers: a result of the run, not a mistake of the person.

    Attributes:
        quantity: What was not finite, ``"loss"``, ``"gradient"`` or ``"validation loss"``.
        value: Its value, ``nan`` or ``inf``.
    """

    def __init__(self, quantity: str, value: float) -> None:
        super().__init__(quantity, value)
        self.quantity, self.value = quantity, value

    def __str__(self) -> str:
        return f"the {self.quantity} is no longer finite ({self.value})"


def require_above_zero(**numbers: float) -> None:
    """Raise ``ValueError`` if an argument, given with its name, is no number above 0."""
    for name, value in numbers.items():
        if not isinstance(value, Real) or not value > 0:  # NaN neither
            raise ValueError(f"{name} must be a number above 0, got {value!r}")


def require_counts(**numbers: int) -> None:
    """Raise ``ValueError`` if an argument, given with its name, is no whole number above 0."""
    for name, value in numbers.items():
        if not isinstance(value, Integral) or not value > 0:
            raise ValueError(f"{name} must be a whole number above 0, got {value!r}")


def require_dropout(ratio: float) -> None:
    """Raise ``ValueError`` if a probability to drop an element is not in [0, 1)."""
    if not 0 <= ratio < 1:  # NaN neither
        raise ValueError(f"dropout must lie in [0, 1), got {ratio}")
