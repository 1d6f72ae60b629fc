"""Iterators of truncated back-propagation through time."""

from grustab.iterators.batch import SequenceBatch
from grustab.iterators.stream_iterator import StreamIterator
from grustab.iterators.tune_iterator import TuneIterator

__all__ = ["SequenceBatch", "StreamIterator", "TuneIterator"]
