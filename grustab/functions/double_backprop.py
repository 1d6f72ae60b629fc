"""What our functions say where their gradient's graph is asked for."""

import chainer


def refuse_double_backprop(name: str, instead: str = "") -> None:
    """Call first in a ``backward`` that computes arrays, not a graph.

    Args:
        name: The function, for the message.
        instead: What to use where a second derivative is wanted.

    Raises:
        NotImplementedError: If asked for a graph of the gradient: without this, second derivatives
            would be lost silently.
    """
    if chainer.config.enable_backprop:
        raise NotImplementedError(
            f"{name} has no second derivative: call backward() and grad() with "
            f"enable_double_backprop=False{instead and f', or use {instead}'}"
        )
