"""What our functions say where their gradient's graph is asked for."""

import chainer


def refuse_double_backprop(name: str) -> None:
    """Call first in a ``backward`` that computes arrays, not a graph; ``name``: the function's.

    Raises:
        NotImplementedError: If asked for a graph of the gradient: without this, second derivatives
            would be lost silently.
    """
    if chainer.config.enable_backprop:
        raise NotImplementedError(
            f"{name} has no second derivative: call backward() and grad() with "
            "enable_double_backprop=False"
        )
