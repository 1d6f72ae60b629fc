"""Texts and tunes of your own."""

import hashlib
import os
from os import PathLike
from pathlib import Path

from grustab.datasets.download import sha256_of
from grustab.datasets.nottingham import read_mat, read_pickle
from grustab.datasets.ptb import read_corpus
from grustab.datasets.types import Corpus, Tunes
from grustab.errors import DataError

TEXT_FILES = ("train.txt", "valid.txt", "test.txt")
UNKNOWN = "<unk>"
_READERS = {".mat": read_mat, ".pickle": read_pickle, ".pkl": read_pickle}


def load_text(folder: str | PathLike[str]) -> Corpus:
    """Load a text: one sentence per line, words parted by ASCII blanks, in UTF-8.

    The vocabulary is that of ``train.txt`` with ``<eos>``, which ends each line, and ``<unk>``,
    which takes the place of all other words in ``valid.txt`` and ``test.txt``. To train ``<unk>``,
    write it in ``train.txt`` for rare words.

    Args:
        folder: Holds ``train.txt``, ``valid.txt`` and ``test.txt``.

    Raises:
        DataError: If a file is missing, is empty, is not UTF-8 or holds ``<eos>``.
    """
    return read_corpus(*_text_files(Path(folder)), unknown=UNKNOWN)


def load_tunes(path: str | PathLike[str]) -> Tunes:
    """Load tunes in the form of one of Boulanger-Lewandowski's sets.

    These are JSB Chorales, MuseData, Nottingham and Piano-midi; notes are MIDI 21 to 108.

    Args:
        path: A ``.mat`` file, see :func:`grustab.datasets.nottingham.read_mat`; or a ``.pickle`` or
            ``.pkl`` file, see :func:`grustab.datasets.nottingham.read_pickle`.

    Raises:
        DataError: If the file is missing or has another form.
    """
    file = _tunes_file(Path(path))
    return _READERS[file.suffix](file)


def data_sha256(kind: str, path: str | PathLike[str]) -> str:
    """SHA-256 of what :func:`load_text` (``"text"``) or :func:`load_tunes` (``"tunes"``) reads.

    Of tunes: the file's. Of a text: that of its three files' digests in hex, one per line.

    Raises:
        DataError: If a file is missing or cannot be read.
    """
    if kind == "tunes":
        return sha256_of(_tunes_file(Path(path)))
    digests = map(sha256_of, _text_files(Path(path)))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _text_files(folder: Path) -> list[Path]:
    files = [folder / name for name in TEXT_FILES]
    for file in files:
        if not os.path.isfile(file):
            raise DataError(f"there is no {file}, expected a folder with {', '.join(TEXT_FILES)}")
    return files


def _tunes_file(path: Path) -> Path:
    if path.suffix not in _READERS:
        raise DataError(
            f"{path}: expected tunes in a file whose name ends with {', '.join(_READERS)}"
        )
    if not os.path.isfile(path):
        raise DataError(f"there is no file {path}, check the path")
    return path
