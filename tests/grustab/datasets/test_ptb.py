"""The Penn Treebank reader."""

import os

import numpy as np
import pytest

from grustab.datasets import load_ptb
from grustab.datasets.ptb import read_corpus
from grustab.errors import DataError


def _files(folder, train, valid, test):
    paths = []
    for name, text in (("train", train), ("valid", valid), ("test", test)):
        paths.append(folder / f"{name}.txt")
        paths[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
    return paths


def test_numbers_words_in_order_of_first_appearance(tmp_path):
    corpus = read_corpus(*_files(tmp_path, " b a \n a c \n", "c b\n", "a\n"))
    assert corpus.vocabulary == ["b", "a", "<eos>", "c"]
    assert corpus.train.tolist() == [0, 1, 2, 1, 3, 2]
    assert corpus.valid.tolist() == [3, 0, 2]
    assert corpus.test.tolist() == [1, 2]
    assert {stream.dtype for stream in corpus[:3]} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("text", "ends"), [("a\n\na\n", 3), ("a\na", 2), ("a\r\na\r\n", 2), ("a", 1)]
)
def test_one_eos_a_line(tmp_path, text, ends):
    corpus = read_corpus(*_files(tmp_path, text, "a\n", "a\n"))
    assert (corpus.train == corpus.vocabulary.index("<eos>")).sum() == ends


def test_unknown_word_names_file_line_and_word(tmp_path):
    paths = _files(tmp_path, "a b\n", "a\n\nb zebra\n", "a\n")
    with pytest.raises(DataError, match=r"valid\.txt, line 3: the word 'zebra'"):
        read_corpus(*paths)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\u0085b c\n", ["a\u0085b", "c"]),
        ("a\u2028b\u2029c\u00a0d\u3000e\x1cf\n", ["a\u2028b\u2029c\u00a0d\u3000e\x1cf"]),
        ("\ufeffa b\n", ["a", "b"]),
        ("a\tb\r\n", ["a", "b"]),
        ("a\0b\n", ["a\0b"]),
        ("שלום a\n", ["שלום", "a"]),
    ],
)
def test_words_are_parted_by_ascii_blanks_only(tmp_path, text, words):
    corpus = read_corpus(*_files(tmp_path, text, text, text))
    assert corpus.vocabulary == [*words, "<eos>"]
    assert corpus.valid.tolist() == list(range(len(words) + 1))


def test_an_unknown_word_is_printable_and_short(tmp_path):
    paths = _files(tmp_path, "a\n", "a \x1b[2J\u202e" + "x" * 10**5, "a\n")
    with pytest.raises(DataError, match=r"the word '\\x1b\[2J\\u202exxx") as error:
        read_corpus(*paths)
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


@pytest.mark.parametrize("train", ["", " \n\n", "\ufeff\n", b"caf\xe9\n", "a".encode("utf-16")])
def test_files_without_words_are_refused(tmp_path, train):
    with pytest.raises(DataError, match=r"train\.txt"):
        read_corpus(*_files(tmp_path, train, "a\n", "a\n"))


def test_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere"):
        read_corpus(tmp_path / "nowhere", tmp_path, tmp_path)


def test_load_refuses_other_files(tmp_path):
    (tmp_path / "ptb.train.txt").write_text("a b\n")
    with pytest.raises(DataError, match=r"ptb\.train\.txt is not the known file"):
        load_ptb(tmp_path)


@pytest.mark.skipif(not os.environ.get("GRUSTAB_DATA"), reason="GRUSTAB_DATA is not set")
def test_real_files():
    corpus = load_ptb()
    assert [len(stream) for stream in corpus[:3]] == [929_589, 73_760, 82_430]
    assert len(corpus.vocabulary) == len(set(corpus.vocabulary)) == 10_000
    assert corpus.vocabulary[:3] == ["aer", "banknote", "berlitz"]
    for stream in corpus[:3]:
        assert stream.min() >= 0
        assert stream.max() < 10_000
    eos = corpus.vocabulary.index("<eos>")
    assert [int((stream == eos).sum()) for stream in corpus[:3]] == [42_068, 3_370, 3_761]
