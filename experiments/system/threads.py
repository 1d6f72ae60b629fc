"""BLAS threads of a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import threadpoolctl

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """One, as our results had, so that the number of cores changes none; or what a variable says.

    More threads round differently, and gain little: the matrices are small. Enter it when NumPy and
    SciPy are loaded.
    """
    if any(map(os.environ.get, VARIABLES)):
        yield
    else:
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            yield
