"""The Penn Treebank reader."""

import os

import numpy as np
import pytest

from grustab.datasets import load_ptb
from grustab.datasets.ptb import read_corpus
from grustab.errors import DataError


@pytest.fixture
def read(tmp_path):
    def read(*texts):
        paths = [tmp_path / name for name in ("train.txt", "valid.txt", "test.txt")]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_corpus(*paths)

    return read


def test_numbers_words_in_order_of_first_appearance(read):
    corpus = read(" b a \n a c \n", "c b\n", "a\n")
    assert corpus.vocabulary == ["b", "a", "<eos>", "c"]
    assert corpus.train.tolist() == [0, 1, 2, 1, 3, 2]
    assert corpus.valid.tolist() == [3, 0, 2]
    assert corpus.test.tolist() == [1, 2]
    assert {stream.dtype for stream in corpus[:3]} == {np.dtype(np.int32)}


@pytest.mark.parametrize(("text", "words"), [
    ("a\n\na\n", "a <eos> <eos> a <eos>"),
    ("a\na", "a <eos> a <eos>"),
    ("a\r\na\r\n", "a <eos> a <eos>"),
    ("\ufeffa b\n", "a b <eos>"),
    ("a\tb\r\n", "a b <eos>"),
    ("a\0b\n", "a\0b <eos>"),
    ("a\u0085b c\n", "a\u0085b c <eos>"),
    ("a\u2028b\u2029c\u00a0d\u3000e\x1cf\n", "a\u2028b\u2029c\u00a0d\u3000e\x1cf <eos>"),
    ("שלום a\n", "שלום a <eos>"),
])  # fmt: skip
def test_ascii_blanks_part_words_and_an_eos_ends_each_line(read, text, words):
    corpus = read(text, text, text)
    assert " ".join(corpus.vocabulary[i] for i in corpus.valid) == words


@pytest.mark.parametrize(("train", "valid", "said"), [
    ("a b\n", "a\n\nb zebra\n", r"valid\.txt, line 3: the word 'zebra'"),
    ("a\n", "a \x1b[2J\u202e" + "x" * 10**5, r"the word '\\x1b\[2J\\u202exxx"),
    ("a\n", "a <eos>\n", r"valid\.txt holds the word <eos>"),
    ("a\n", " \r\n\n", r"valid\.txt holds no words"),
    *((train, "a\n", r"train\.txt") for train in ("", " \n\n", "\ufeff\n", b"caf\xe9\n",
                                                   "a".encode("utf-16"))),
], ids=range(9))  # fmt: skip
def test_what_cannot_be_used_is_one_short_sentence(read, train, valid, said):
    with pytest.raises(DataError, match=said) as error:
        read(train, valid, "a\n")
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


def test_other_files_and_none_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere"):
        read_corpus(tmp_path / "nowhere", tmp_path, tmp_path)
    (tmp_path / "ptb.train.txt").write_text("a b\n")
    with pytest.raises(DataError, match=r"ptb\.train\.txt is not the known file"):
        load_ptb(tmp_path)


@pytest.mark.skipif(not os.environ.get("GRUSTAB_DATA"), reason="GRUSTAB_DATA is not set")
def test_real_files():
    corpus = load_ptb()
    assert [len(stream) for stream in corpus[:3]] == [929_589, 73_760, 82_430]
    assert len(corpus.vocabulary) == len(set(corpus.vocabulary)) == 10_000
    assert corpus.vocabulary[:3] == ["aer", "banknote", "berlitz"]
    assert {(stream.min() >= 0, stream.max() < 10_000) for stream in corpus[:3]} == {(True, True)}
    eos = corpus.vocabulary.index("<eos>")
    assert [int((stream == eos).sum()) for stream in corpus[:3]] == [42_068, 3_370, 3_761]
