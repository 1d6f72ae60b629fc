"""Settings of Chainer and NumPy that decide a result: fixed, whatever the environment says."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import chainer
import numpy as np

SETTINGS: dict[str, Any] = {
    "dtype": np.dtype(np.float32),  # of all weights
    "train": True,
    "enable_backprop": True,
    "lazy_grad_sum": False,  # another order of summation
    "use_ideep": "never",  # other products
    "debug": False,  # would end a run that diverges with an error of its own
    "keep_graph_on_report": False,  # takes more memory with every iteration
}


@contextmanager
def fixed_settings() -> Iterator[None]:
    """Chainer's configuration as our results are made with, and NumPy's floating-point errors.

    ``CHAINER_DTYPE`` and the like are no conditions of a run, so that they must not change it. An
    explosion overflows, or an initial_std beyond float32; the checks of loss and gradient say so,
    once.
    """
    with ExitStack() as stack:
        for key, value in SETTINGS.items():
            stack.enter_context(chainer.using_config(key, value))
        stack.enter_context(np.errstate(all="ignore", divide="warn"))
        yield
