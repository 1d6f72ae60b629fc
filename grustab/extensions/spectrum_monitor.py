"""Watch the spectrum that decides whether gradients explode."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

import chainer
import numpy as np
from chainer import training
from chainer.backends import cuda

from grustab.links.matrices import recurrent_matrices
from grustab.stability import jacobian, largest_singular_value, spectral_radius

#: ``(sigma_1, spectral radius)`` by layer.
Spectra = dict[str, tuple[float, float]]


class SpectrumMonitor(training.Extension):
    """Report ``sigma_1(W_hh)`` and the spectral radius of the Jacobian at the fixed point.

    Both exact, in float64 on the CPU: some 0.4 s for 650 units, so give it a trigger of a hundred
    iterations or so. Reported for each GRU under its path: ``spectrum/gru/0/sigma_1`` and
    ``spectrum/gru/0/spectral_radius`` (``|lambda_1(W_hh / 4 + I / 2)|``, below 1 where the fixed
    point is locally stable, Lemma 2).

    Args:
        target: Model with one or more GRUs, as of
            :class:`grustab.extensions.SpectralProjection`.

    Attributes:
        matrices: What is watched, by path.

    Raises:
        ValueError: If the model holds no GRU.
    """

    trigger = (100, "iteration")
    priority = training.PRIORITY_WRITER

    def __init__(self, target: chainer.Link) -> None:
        self.matrices = recurrent_matrices(target)
        if not self.matrices:
            raise ValueError("the model holds no GRU")

    def __call__(self, trainer: training.Trainer | None = None) -> None:
        """Compute and report."""
        for name, (sigma_1, radius) in self.observe().items():
            chainer.report(
                {f"spectrum{name}/sigma_1": sigma_1, f"spectrum{name}/spectral_radius": radius}
            )

    def observe(self) -> Spectra:
        """``(sigma_1, spectral radius)`` of each layer.

        NaN where ``W_hh`` is not finite, or LAPACK does not converge: a monitor must not end
        a training.
        """
        return self.begin()()

    def begin(self) -> Callable[[], Spectra]:
        """Start :meth:`observe` on the weights as they are now; call the result to get its values.

        Where all are on a GPU, they are copied, and a thread computes while the training goes on.
        """
        now = {name: cuda.to_cpu(matrix.array) for name, matrix in self.matrices.items()}
        if all(matrix.parameter.xp is not np for matrix in self.matrices.values()):
            return _beside().submit(_spectra, now).result
        spectra = _spectra(now)
        return lambda: spectra


@cache
def _beside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def _spectra(matrices: dict[str, np.ndarray]) -> Spectra:
    in_float64 = {name: w.astype(np.float64) for name, w in matrices.items()}
    return {
        name: (_or_nan(largest_singular_value, w), _or_nan(spectral_radius, jacobian(w)))
        for name, w in in_float64.items()
    }


def _or_nan(compute: Callable[[np.ndarray], float], matrix: np.ndarray) -> float:
    with suppress(np.linalg.LinAlgError):
        return compute(matrix) if np.isfinite(matrix).all() else math.nan
    return math.nan
