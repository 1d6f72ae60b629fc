"""Decompositions that try a second routine of LAPACK where the first does not converge.

LAPACK's fast routines give up on a finite matrix now and then; the slower ones go another way.
"""

from typing import Any

import numpy as np
import scipy.linalg


def svd(matrix: np.ndarray, **options: Any) -> Any:
    """``numpy.linalg.svd`` of a finite matrix.

    Args:
        matrix: In main memory, float32 or float64.
        options: ``full_matrices`` and ``compute_uv``.

    Raises:
        numpy.linalg.LinAlgError: If neither routine converges.
    """
    try:
        return np.linalg.svd(matrix, **options)
    except np.linalg.LinAlgError:
        return scipy.linalg.svd(matrix, **options, lapack_driver="gesvd")


def eigh(matrix: np.ndarray, above: float = -np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, ascending, and eigenvectors of a finite symmetric matrix.

    Args:
        matrix: In main memory, float32 or float64.
        above: Only the eigenvalues above this, which is faster where they are few.

    Raises:
        numpy.linalg.LinAlgError: If neither routine converges.
    """
    try:
        if above > -np.inf:
            return scipy.linalg.eigh(matrix, driver="evr", subset_by_value=(above, np.inf))
        return np.linalg.eigh(matrix)
    except np.linalg.LinAlgError:
        values, vectors = scipy.linalg.eigh(matrix, driver="ev")
        return values[values > above], vectors[:, values > above]
