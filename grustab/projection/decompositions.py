"""Decompositions that try a second routine of LAPACK where the first does not converge.

LAPACK's fast routines give up on a finite matrix now and then; the slower ones go another way.
SciPy's serve only then: they bring a second BLAS, whose threads get in the way of NumPy's, so that
they and the GRU's products after them take longer (seen by ``time`` at commit a97387e).
"""

from typing import Any

import numpy as np
import scipy.linalg


def svd(matrix: np.ndarray, **options: Any) -> Any:
    """``numpy.linalg.svd`` of a finite matrix, float32 or float64, with options of it.

    Raises:
        numpy.linalg.LinAlgError: If neither routine converges.
    """
    try:
        return np.linalg.svd(matrix, **options)
    except np.linalg.LinAlgError:
        return scipy.linalg.svd(matrix, **options, lapack_driver="gesvd")


def eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``numpy.linalg.eigh`` of a finite symmetric matrix.

    Raises:
        numpy.linalg.LinAlgError: If neither routine converges.
    """
    try:
        return np.linalg.eigh(matrix)
    except np.linalg.LinAlgError:
        return scipy.linalg.eigh(matrix, driver="ev")
