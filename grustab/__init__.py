"""grustab: keep the training of gated recurrent units from exploding.

P_delta (Lemmas 5 and 6) is in :mod:`grustab.projection`, and applied after each update by
:class:`grustab.extensions.SpectralProjection`. The GRU of eqs. (1)-(4) is in
:mod:`grustab.functions.gru`, a link around it in :mod:`grustab.links.gru`, its stability (Lemmas 1
to 4) in :mod:`grustab.stability`. Updaters, iterators, optimizer hooks and the other extensions
make a training of it that can stop at any iteration and go on to the bit.
"""

# First of all: Chainer does not import on today's NumPy and setuptools without it.
from grustab import _chainer_compat  # noqa: F401

__version__ = "0.1.0"
