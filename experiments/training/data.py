"""Data of a run: iterators for training, validation and test, and the unigram baseline."""

from typing import NamedTuple, assert_never

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
        case "text":
            return datasets.load_text(conditions.path)
        case "tunes":
            return datasets.load_tunes(conditions.path)
        case "synthetic":
            language = conditions.task == "language"
            return datasets.synthetic_corpus() if language else datasets.synthetic_tunes()
    assert_never(conditions.dataset)


def _load(c: Conditions, order: np.random.Generator) -> RunData:
    data, carry = load_dataset(c), c.state == "carried"
    parts, language = data[:3], c.task == "language"
    if language:
        parts = [[words] for words in parts]
    as_streams = language or c.validation == "stream"
    for part in parts[1:] if as_streams else ():  # what is missing would be made of padding
        if c.eval_batch_size > (most := sum(map(len, part)) - 1):
            raise ValueError(
                f"eval_batch_size {c.eval_batch_size}: expected at most {most}, the steps to "
                "predict"
            )
    if c.batching == "stream":
        rng = None if language else order
        needed, there = c.batch_size * c.bptt_steps, sum(map(len, parts[0])) - 1
        if needed > there:
            raise ValueError(
                f"batch_size {c.batch_size} times bptt_steps {c.bptt_steps}: expected at most "
                f"{there}, the steps to learn"
            )
        train = StreamIterator(parts[0], c.batch_size, c.bptt_steps, rng=rng, carry_state=carry)
    else:
        if c.batch_size > len(data.train):
            raise ValueError(
                f"batch_size {c.batch_size}: expected at most {len(data.train)}, the number of "
                "training tunes"
            )
        train = TuneIterator(
            data.train,
            c.batch_size,
            c.bptt_steps,
            rng=order,
            by_length=c.batching == "tunes_by_length",
            count_padding=c.padding == "counted",
            carry_state=carry,
        )
    size, steps = c.eval_batch_size, c.bptt_steps
    if as_streams:  # how it is cut has no effect
        held_out = (StreamIterator(part, size, steps or 35, repeat=False) for part in parts[1:])
    else:  # each from h = 0, however training cuts them
        held_out = (TuneIterator(p, size, steps, repeat=False, by_length=True) for p in parts[1:])
    if language:
        return RunData(train, *held_out, len(data.vocabulary), _word_loss(data))
    return RunData(train, *held_out, data.train[0].shape[1], _note_loss(data, c.validation))


def _word_loss(corpus: datasets.Corpus) -> float:
    counts = np.bincount(corpus.train, minlength=len(corpus.vocabulary)) + 1.0
    return float(-np.log(counts / counts.sum())[corpus.valid[1:]].mean())


def _note_loss(tunes: datasets.Tunes, validation: str) -> float:
    train = np.concatenate(tunes.train)
    parts = tunes.valid if validation == "tunes" else [np.concatenate(tunes.valid)]
    valid = np.concatenate([part[1:] for part in parts])  # a first step is never predicted
    p = (train.sum(axis=0) + 1.0) / (len(train) + 2.0)
    q = valid.mean(axis=0)
    return float(-(q * np.log(p) + (1 - q) * np.log(1 - p)).sum())
