"""Penn Treebank (language), Nottingham (music), and made-up data of both kinds."""

from grustab.datasets.nottingham import load_nottingham
from grustab.datasets.ptb import load_ptb
from grustab.datasets.synthetic import synthetic_corpus, synthetic_tunes
from grustab.datasets.types import Corpus, Tunes

__all__ = [
    "Corpus",
    "Tunes",
    "load_nottingham",
    "load_ptb",
    "synthetic_corpus",
    "synthetic_tunes",
]
