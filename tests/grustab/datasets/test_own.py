"""Texts and tunes of your own."""

import hashlib

import numpy as np
import pytest
from scipy.io import savemat

from grustab.datasets import load_text, load_tunes
from grustab.datasets.own import data_sha256
from grustab.errors import DataError

TEXT = {"train": b"b a\na c\n", "valid": b"c new\n", "test": b"a\n"}


@pytest.fixture
def folder(tmp_path):
    """Make a folder of three texts."""

    def make(**texts):
        for name, text in {**TEXT, **texts}.items():
            (tmp_path / f"{name}.txt").write_bytes(text)
        return tmp_path

    return make


@pytest.mark.parametrize(("train", "words"), [
    (b"b a\na c\n", ["b", "a", "<eos>", "c", "<unk>"]),
    (b"\xef\xbb\xbfb a\r\na c\r\n", ["b", "a", "<eos>", "c", "<unk>"]),
    (b"<unk> a\n", ["<unk>", "a", "<eos>"]),
], ids=["plain", "BOM and CRLF", "its own <unk>"])  # fmt: skip
def test_the_training_text_decides_what_is_known(folder, train, words):
    corpus = load_text(folder(train=train, valid=b"new a newer\n"))
    assert corpus.vocabulary == words
    assert [words[i] for i in corpus.valid] == ["<unk>", "a", "<unk>", "<eos>"]


@pytest.mark.parametrize(("load", "name", "said"), [
    (load_tunes, "a.midi", "ends with .mat, .pickle"),
    (load_tunes, "a.mat", "there is no file"),
    (load_text, ".", r"there is no .*train\.txt"),
    (load_tunes, f"{'a' * 300}.mat", "there is no file"),
    (load_text, "a" * 300, "there is no "),
])  # fmt: skip
def test_what_is_not_there_is_one_sentence(tmp_path, load, name, said):
    with pytest.raises(DataError, match=said):
        load(tmp_path / name)


def test_tunes_are_read_from_a_mat_file(tmp_path):
    cell = np.empty((1, 1), object)
    cell[0, 0] = np.eye(3, 88)
    savemat(tmp_path / "a.mat", {f"{split}data": cell for split in TEXT})
    for tunes in load_tunes(tmp_path / "a.mat"):
        np.testing.assert_array_equal(tunes, [cell[0, 0]])


def test_the_hash_is_of_all_that_is_read(folder, tmp_path):
    whole = data_sha256("text", folder())
    assert {data_sha256("text", folder(**{name: b"x\n"})) for name in TEXT} & {whole} == set()
    (tmp_path / "a.mat").write_bytes(b"tunes")
    assert data_sha256("tunes", tmp_path / "a.mat") == hashlib.sha256(b"tunes").hexdigest()
