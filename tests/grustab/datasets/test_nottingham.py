"""The two readers of the Nottingham tunes."""

import os
import pickle

import numpy as np
import pytest
from scipy.io import savemat

from grustab.datasets import load_nottingham
from grustab.datasets.nottingham import read_mat, read_pickle
from grustab.errors import DataError
from tests.hostile import NUMPY_STEPS


def _rolls(rng, tunes):
    return [(rng.random((rng.integers(1, 9), 88)) < 0.1).astype(np.uint8) for _ in range(tunes)]


def _write_mat(path, splits):
    cells = {}
    for split, rolls in splits.items():
        cells[f"{split}data"] = np.empty((1, len(rolls)), object)
        cells[f"{split}data"][0, :] = rolls
    savemat(path, cells)


def _notes(splits, step=tuple):
    return {
        split: [[step((np.flatnonzero(row) + 21).tolist()) for row in roll] for roll in rolls]
        for split, rolls in splits.items()
    }


@pytest.fixture
def splits():
    rng = np.random.default_rng(0)
    return {split: _rolls(rng, tunes) for split, tunes in (("train", 5), ("valid", 1), ("test", 2))}


def _assert_holds(tunes, splits):
    for split, rolls in tunes._asdict().items():
        assert len(rolls) == len(splits[split])
        for roll, expected in zip(rolls, splits[split], strict=True):
            assert roll.dtype == np.uint8
            assert roll.flags.c_contiguous
            np.testing.assert_array_equal(roll, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16])
def test_mat(path, splits, dtype):
    _write_mat(path, {key: [roll.astype(dtype) for roll in value] for key, value in splits.items()})
    _assert_holds(read_mat(path), splits)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("step", [tuple, list])
def test_pickle_holds_the_same_tunes(path, splits, protocol, step):
    path.write_bytes(pickle.dumps(_notes(splits, step), protocol))
    _assert_holds(read_pickle(path), splits)


@pytest.mark.parametrize("step", [b"(I60\nI64\ntp4\n", *NUMPY_STEPS])
def test_pickle_of_python_2(path, step):
    # cPickle.dumps({"train": [[(60, 64), ()]], ...}, 0) of Python 2 writes such lines.
    tune = b"(lp2\n(lp3\n" + step + b"a(taa"
    path.write_bytes(
        b"(dp1\nS'train'\n" + tune + b"sS'valid'\n" + tune + b"sS'test'\n" + tune + b"s."
    )
    tunes = read_pickle(path)
    roll = np.zeros((2, 88), np.uint8)
    roll[0, [39, 43]] = 1
    for rolls in tunes:
        np.testing.assert_array_equal(rolls, [roll])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tunes.mat"


_ROLL = np.zeros((3, 88), np.uint8)


@pytest.mark.parametrize("bad", [
    np.zeros((3, 87), np.uint8), np.zeros((0, 88), np.uint8), np.full((3, 88), 2, np.uint8),
    np.full((3, 88), np.nan), np.full((3, 88), 0.5), np.full((3, 88), 1j), "text",
])  # fmt: skip
def test_mat_of_another_form(path, bad):
    _write_mat(path, {"train": [_ROLL], "valid": [_ROLL, bad], "test": [_ROLL]})
    with pytest.raises(DataError, match=r"tunes\.mat: validdata, tune 1 is not a \(steps, 88\)"):
        read_mat(path)


def test_mat_without_a_split_or_damaged(path):
    _write_mat(path, {"train": [_ROLL], "valid": [_ROLL]})
    with pytest.raises(DataError, match="testdata is missing, expected traindata"):
        read_mat(path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:200], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"tunes\.mat"):
            read_mat(path)


def _with_train(train):
    return {"train": train, "valid": [[[60]]], "test": [[[60]]]}


_ENDLESS: list = []
_ENDLESS.append(_ENDLESS)


@pytest.mark.parametrize(("content", "message"), [
    ([1], "not a dict"),
    ({"train": [[[60]]], "valid": [[[60]]]}, "not a dict"),
    (_with_train([]), "train is not a filled list"),
    (_with_train("abc"), "train is not a filled list"),
    (_with_train([[[60]], []]), "train, tune 1 is not a filled list"),
    (_with_train([[60]]), "train, tune 0, step 0 is not a list"),
    (_with_train([[[60], [20]]]), "train, tune 0, step 1 holds 20 "),
    (_with_train([[[109]]]), "holds 109 "),
    (_with_train([[["60"]]]), "holds a str "),
    (_with_train([[[60] * 89]]), "has 89 notes"),
    (_with_train([[[60]]] * 10_001), "too long"),
    (_with_train([[[60]] * 20_000] * 9_000), "tune 50 is too long"),  # 180,000,000 steps
    (_with_train(_ENDLESS), "step 0 holds a list"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_pickle_of_another_form(path, content, message):
    path.write_bytes(pickle.dumps(content, 2))
    with pytest.raises(DataError, match=message):
        read_pickle(path)


@pytest.mark.skipif(not os.environ.get("GRUSTAB_DATA"), reason="GRUSTAB_DATA is not set")
def test_real_file(tmp_path):
    tunes = load_nottingham()
    assert [len(rolls) for rolls in tunes] == [694, 173, 170]
    assert [sum(map(len, rolls)) for rolls in tunes] == [176_561, 45_513, 44_463]
    splits = tunes._asdict()
    (tmp_path / "Nottingham.pickle").write_bytes(pickle.dumps(_notes(splits), 2))
    _assert_holds(read_pickle(tmp_path / "Nottingham.pickle"), splits)
