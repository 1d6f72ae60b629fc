"""Which snapshots an iterator goes on from."""

import chainer
import numpy as np
import pytest

from grustab.iterators import StreamIterator, TuneIterator
from tests.grustab.test_iterators import numbers, tunes


def stream(n=61, batch_size=4, n_steps=5, repeat=True, parts=1):
    return StreamIterator(np.array_split(numbers(n), parts), batch_size, n_steps, repeat)


def whole_tunes(lengths=(9, 2, 17, 6), batch_size=2, n_steps=5, by_length=False):
    return TuneIterator(tunes(lengths), batch_size, n_steps, by_length=by_length)


@pytest.mark.parametrize(("here", "there", "named"), [
    (stream(), stream(parts=2), "sequences 2 there, 1 here"),
    (stream(parts=3), stream(), "sequences 1 there, 3 here"),
    (stream(), stream(n=62), "steps 62 there, 61 here"),
    (stream(), stream(batch_size=3), "batch_size 3 there, 4 here"),
    (stream(), stream(n_steps=6), "n_steps 6 there, 5 here"),
    (stream(), stream(repeat=False), "repeat False there, True here"),
    (whole_tunes(), whole_tunes((9, 2, 17)), "sequences 3 there, 4 here"),
    (whole_tunes(), whole_tunes((9, 2, 17, 7)), "steps 35 there, 34 here"),
    (whole_tunes(), whole_tunes(by_length=True), "by_length True there, False here"),
    (whole_tunes((61,), 4), stream(), "by_length None there, False here"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_a_snapshot_of_other_data_or_batches_is_refused(tmp_path, here, there, named):
    for iterator in (here, there):
        iterator.reset()
        next(iterator)
    chainer.serializers.save_npz(tmp_path / "iterator.npz", there)
    with pytest.raises(ValueError, match=f"snapshot of other data or batches.*{named}"):
        chainer.serializers.load_npz(tmp_path / "iterator.npz", here)
    assert (here.position, here.epoch) == (1, 0)


def test_a_snapshot_from_before_the_layout_was_saved_is_read(tmp_path):
    one, two = whole_tunes(batch_size=np.int64(2)), whole_tunes()
    next(one)
    chainer.serializers.save_npz(tmp_path / "iterator.npz", one)
    with np.load(tmp_path / "iterator.npz") as saved:
        parts = {key: value for key, value in saved.items() if key != "layout"}
    np.savez(tmp_path / "iterator.npz", **parts)
    chainer.serializers.load_npz(tmp_path / "iterator.npz", two)
    np.testing.assert_array_equal(next(two).xs, next(one).xs)
