"""Data of a run: iterators for training, validation and test, and the unigram baseline."""

from typing import NamedTuple

import numpy as np

from experiments.config.conditions import Conditions
from grustab import datasets
from grustab.errors import DataError
from grustab.iterators import StreamIterator, TuneIterator


class RunData(NamedTuple):
    """What a run reads.

    Attributes:
        train, valid, test: Iterators of :class:`grustab.iterators.SequenceBatch`.
        n_symbols: Words of the vocabulary, or notes.
        unigram_loss: Validation loss in nats per step of the best predictor that always says the
            same: each symbol's frequency in the training data (one added to each count).
    """

    train: StreamIterator | TuneIterator
    valid: StreamIterator | TuneIterator
    test: StreamIterator | TuneIterator
    n_symbols: int
    unigram_loss: float


def load_data(conditions: Conditions, order: np.random.Generator) -> RunData:
    """Load the data set and cut it as the conditions say; ``order`` is that of tunes, not of words.

    Raises:
        grustab.errors.DataError: If a file is missing or damaged, or the data is too short for
            the batches asked for.
    """
    try:
        return _load(conditions, order)
    except ValueError as error:
        raise DataError(f"data set {conditions.dataset}: {error}") from None


def load_dataset(conditions: Conditions) -> datasets.Corpus | datasets.Tunes:
    """The data set that conditions name, downloaded where it is not there yet.

    Raises:
        grustab.errors.DataError: If a file is missing or damaged.
    """
    match conditions.dataset:
        case "ptb":
            return datasets.load_ptb()
        case "nottingham":
            return datasets.load_nottingham()
        case "nottingham_pickle":
            return datasets.load_nottingham(filename="Nottingham.pickle")
        case "text":
            return datasets.load_text(conditions.path)
        case "tunes":
            return datasets.load_tunes(conditions.path)
    if conditions.task == "language":
        return datasets.synthetic_corpus()
    return datasets.synthetic_tunes()


def _load(c: Conditions, order: np.random.Generator) -> RunData:
    carry = c.state == "carried"
    if c.task == "language":
        corpus = load_dataset(c)
        for part in (corpus.valid, corpus.test):  # what is missing would be made of padding
            if c.eval_batch_size > (words := len(part) - 1):
                raise ValueError(
                    f"eval_batch_size {c.eval_batch_size}: expected at most {words}, the words to "
                    "predict"
                )
        train = StreamIterator([corpus.train], c.batch_size, c.bptt_steps, carry_state=carry)
        valid, test = (
            StreamIterator([part], c.eval_batch_size, c.bptt_steps, repeat=False)
            for part in (corpus.valid, corpus.test)
        )
        n_symbols = len(corpus.vocabulary)
        return RunData(train, valid, test, n_symbols, _word_loss(corpus, n_symbols))
    tunes = load_dataset(c)
    if c.batching == "stream":
        train = StreamIterator(
            tunes.train, c.batch_size, c.bptt_steps, rng=order, carry_state=carry
        )
    else:
        if c.batch_size > len(tunes.train):
            raise ValueError(
                f"batch_size {c.batch_size}: expected at most {len(tunes.train)}, the number of "
                "training tunes"
            )
        train = TuneIterator(
            tunes.train,
            c.batch_size,
            c.bptt_steps,
            rng=order,
            by_length=c.batching == "tunes_by_length",
            count_padding=c.padding == "counted",
            carry_state=carry,
        )
    if c.validation == "stream":
        steps = c.bptt_steps or 35  # how it is cut has no effect
        valid, test = (
            StreamIterator(part, c.eval_batch_size, steps, repeat=False)
            for part in (tunes.valid, tunes.test)
        )
    else:  # each from h = 0, however training cuts them
        valid, test = (
            TuneIterator(part, c.eval_batch_size, c.bptt_steps, repeat=False, by_length=True)
            for part in (tunes.valid, tunes.test)
        )
    return RunData(train, valid, test, tunes.train[0].shape[1], _note_loss(tunes, c.validation))


def _word_loss(corpus: datasets.Corpus, n_words: int) -> float:
    counts = np.bincount(corpus.train, minlength=n_words) + 1.0
    return float(-np.log(counts / counts.sum())[corpus.valid[1:]].mean())


def _note_loss(tunes: datasets.Tunes, validation: str) -> float:
    train = np.concatenate(tunes.train)
    parts = tunes.valid if validation == "tunes" else [np.concatenate(tunes.valid)]
    valid = np.concatenate([part[1:] for part in parts])  # a first step is never predicted
    p = (train.sum(axis=0) + 1.0) / (len(train) + 2.0)
    q = valid.mean(axis=0)
    return float(-(q * np.log(p) + (1 - q) * np.log(1 - p)).sum())
