"""grustab: keep the training of gated recurrent units from exploding."""

# First of all: Chainer does not import on today's NumPy and setuptools without it.
from grustab import _chainer_compat  # noqa: F401

__version__ = "0.1.0"
