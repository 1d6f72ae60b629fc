"""What the iterators hand out: every step once, targets one later, flags, masks and snapshots."""

import functools
import itertools

import chainer
import numpy as np
import pytest

from grustab.iterators import StreamIterator, TuneIterator

LENGTHS = (9, 2, 17, 6, 9, 3, 6)
KINDS = {
    "stream": StreamIterator,
    "tunes": TuneIterator,
    "by length": functools.partial(TuneIterator, by_length=True),
    "padding counts": functools.partial(TuneIterator, count_padding=True),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def tunes(lengths=LENGTHS):
    """Tunes whose steps can be told apart: (tune, step, 1)."""
    return [
        np.array([[i, step, 1] for step in range(n)], dtype=np.uint8) for i, n in enumerate(lengths)
    ]


def words(n):
    return np.arange(n, dtype=np.int64)


def one_pass(iterator):
    """All batches of one epoch."""
    batches = [next(iterator)]
    while not iterator.is_new_epoch:
        batches.append(next(iterator))
    return batches


def columns(batches):
    """What counts in each column, from one ``first`` to the next, with the last target."""
    found = []
    for batch in batches:
        assert batch.xs.dtype == batch.ts.dtype == np.float32
        assert batch.xs.shape == batch.ts.shape
        assert batch.mask is None or not batch.mask.all()
        steps, width, _ = batch.xs.shape
        mask = np.ones((steps, width)) if batch.mask is None else batch.mask
        assert mask.sum() == batch.n_steps
        assert (np.diff(mask, axis=0) <= 0).all()  # padding stays padding,
        if batch.mask is not None:
            assert (batch.xs[1:][mask[:-1] == 0] == 0).all()  # and silent
        if batch.first:
            found += [[] for _ in range(width)]
        for column, xs, ts, length in zip(
            found[-width:], batch.xs.swapaxes(0, 1), batch.ts.swapaxes(0, 1), mask.sum(axis=0)
        ):
            for x, t in zip(xs[: int(length)].tolist(), ts[: int(length)].tolist()):
                column[:] = column or [x]
                assert column[-1] == x
                column.append(t)
    return found


def expected_columns(kind, order, batch_size, n_steps, repeat):
    if kind == "stream":
        stream, n = np.concatenate([tunes()[i] for i in order]), sum(LENGTHS) - 1
        length = n // batch_size if repeat else -(-n // batch_size)
        read = length // n_steps * n_steps if repeat else length
        starts = length * np.arange(batch_size)
        return [stream[s : min(s + read, n) + 1].tolist() if s < n else [] for s in starts]
    if kind == "by length":
        rising = sorted(order, key=lambda i: LENGTHS[i])
        batches = [rising[i : i + batch_size] for i in range(0, len(rising), batch_size)]
        order = itertools.chain(*sorted(batches, key=lambda batch: order.index(batch[0])))
    read = [tunes()[i].tolist() for i in order]
    if kind == "padding counts":  # as silence to the end of the longest of the batch
        for i in range(0, len(read), batch_size):
            longest = max(map(len, read[i : i + batch_size]))
            for tune in read[i : i + batch_size]:
                tune += [[0, 0, 0]] * (longest - len(tune))
    return read


@pytest.mark.parametrize("repeat", [True, False])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("n_steps", [1, 4, 35, None])
@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_every_column_reads_on_until_a_first_flag_in_an_order_that_the_seed_fixes(
    kind, seed, n_steps, batch_size, repeat
):
    if kind == "stream":
        n_steps = n_steps or 12
        if repeat and (sum(LENGTHS) - 1) // batch_size < n_steps:
            with pytest.raises(ValueError, match="too short"):
                StreamIterator(tunes(), batch_size, n_steps)
            return
    rng, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    iterator = KINDS[kind](tunes(), batch_size, n_steps, repeat, None if seed is None else rng)
    for _ in range(3):
        batches = one_pass(iterator)
        order = [*range(len(LENGTHS))] if seed is None else twin.permutation(len(LENGTHS)).tolist()
        expected = expected_columns(kind, order, batch_size, n_steps, repeat)
        assert columns(batches) == expected
        lengths = [len(batch.xs) for batch in batches]
        assert max(lengths) <= (n_steps or max(LENGTHS))
        assert n_steps or all(batch.first for batch in batches)
        if kind == "stream":
            assert {batch.xs.shape[1] for batch in batches} == {batch_size}
            assert set(lengths) == {n_steps} or not repeat
        else:
            widths = [batch.xs.shape[1] for batch in batches if batch.first]
            assert sorted(widths)[1:] == [batch_size] * (len(widths) - 1)
        if not repeat:
            assert next(iterator, None) is None
            iterator.reset()


def test_words_come_as_int32():
    batch = next(StreamIterator(np.split(words(20), [8]), 2, 3))
    assert batch.xs.dtype == batch.ts.dtype == np.int32
    assert batch.xs.flags.c_contiguous
    np.testing.assert_array_equal(batch.xs, [[0, 9], [1, 10], [2, 11]])
    np.testing.assert_array_equal(batch.ts, batch.xs + 1)


@pytest.mark.parametrize("seed", [None, 0])
@kinds
def test_a_carried_state_is_reset_only_for_another_number_of_sequences(make, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    iterator = make(tunes(), 3, 4, rng=rng, carry_state=True)
    batches = [batch for _ in range(4) for batch in one_pass(iterator)]
    widths = [0] + [batch.xs.shape[1] for batch in batches]
    assert [b.first for b in batches] == [a != b for a, b in itertools.pairwise(widths)]


@kinds
def test_epochs_are_counted_and_detail_rises_evenly_after_a_reset(make):
    iterator = make(tunes(), 3, 4)
    per_epoch = len(one_pass(iterator))
    next(iterator)
    iterator.reset()
    details = [iterator.epoch_detail]
    assert (iterator.epoch, iterator.is_new_epoch, details[0]) == (0, False, 0)
    for i in range(1, 3 * per_epoch + 1):
        next(iterator)
        assert iterator.previous_epoch_detail == pytest.approx(details[-1])
        details.append(iterator.epoch_detail)
        assert iterator.epoch == i // per_epoch
        assert iterator.is_new_epoch == (i % per_epoch == 0)
    np.testing.assert_allclose(details, np.arange(3 * per_epoch + 1) / per_epoch)


@pytest.mark.parametrize(("make", "said"), [
    *(
        (lambda n=n, repeat=repeat: StreamIterator([words(n)], 1, 1, repeat), "too short")
        for n in (0, 1) for repeat in (True, False)
    ),
    (lambda: StreamIterator(words(60), 4, 5), "a list of sequences"),
    (lambda: StreamIterator([np.linspace(0, 1, 60)], 4, 5), "word numbers"),
    *((lambda n=n: StreamIterator([[1, n, 2]], 1, 1), "from 0 to 2.31 - 1") for n in (-1, 2**31)),
    (lambda: TuneIterator([words(60)], 4, 5), r"tune 0: expected \(steps, notes\)"),
    (lambda: TuneIterator([], 2, 3), "at least one tune"),
    (lambda: TuneIterator(tunes((5, 1)), 2, 3), r"tune 1: .* at least 2 steps, got \(1, "),
])  # fmt: skip
def test_what_makes_no_batch_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize("read", [0, 3, 11, 40])
@kinds
def test_a_snapshot_goes_on_to_the_bit(make, read, tmp_path):
    rngs = [np.random.default_rng(seed) for seed in (1, 2)]
    one, two = make(tunes(), np.int64(2), 4, rng=rngs[0]), make(tunes(), 2, 4, rng=rngs[1])
    for _ in range(read):
        next(one)
    chainer.serializers.save_npz(tmp_path / "iterator.npz", one)
    chainer.serializers.load_npz(tmp_path / "iterator.npz", two)
    rngs[1].bit_generator.state = rngs[0].bit_generator.state
    for _ in range(40):
        for ours, theirs in zip(next(two), next(one), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert two.epoch_detail == one.epoch_detail


def stream(n=61, batch_size=4, n_steps=5, repeat=True, parts=1):
    return StreamIterator(np.array_split(words(n), parts), batch_size, n_steps, repeat)


def whole_tunes(lengths=LENGTHS, batch_size=2, by_length=False):
    return TuneIterator(tunes(lengths), batch_size, 5, by_length=by_length)


@pytest.mark.parametrize(("here", "there", "named"), [
    (stream(), stream(parts=2), "sequences 2 there, 1 here"),
    (stream(), stream(n=62), "steps 62 there, 61 here"),
    (stream(), stream(batch_size=3), "batch_size 3 there, 4 here"),
    (stream(), stream(n_steps=6), "n_steps 6 there, 5 here"),
    (stream(), stream(repeat=False), "repeat False there, True here"),
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
