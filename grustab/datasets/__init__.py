"""Penn Treebank (language), Nottingham (music), made-up data of both kinds, and your own."""

from grustab.datasets.nottingham import load_nottingham
from grustab.datasets.own import load_text, load_tunes
from grustab.datasets.ptb import load_ptb
from grustab.datasets.synthetic import synthetic_corpus, synthetic_tunes
from grustab.datasets.types import Corpus, Tunes

__all__ = [
    "Corpus",
    "Tunes",
    "load_nottingham",
    "load_ptb",
    "load_text",
    "load_tunes",
    "synthetic_corpus",
    "synthetic_tunes",
]
