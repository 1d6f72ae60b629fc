"""What the iterators hand out: every step once, targets one later, flags and masks."""

import itertools
from collections import Counter

import numpy as np
import pytest

from grustab.iterators import StreamIterator, TuneIterator
from grustab.iterators.batch import SequenceBatch


def one_pass(iterator):
    """All batches of one epoch."""
    batches = []
    while True:
        batches.append(next(iterator))
        if iterator.is_new_epoch:
            return batches


def counted(batch):
    """The (input, target) pairs that count, as tuples of numbers."""
    mask = np.ones(batch.ts.shape[:2]) if batch.mask is None else batch.mask
    keep = mask.astype(bool)
    return list(zip(batch.xs[keep].tolist(), batch.ts[keep].tolist(), strict=True))


def numbers(n):
    return np.arange(n, dtype=np.int32)


STREAMS = [(61, 4, 5), (61, 3, 7), (60, 1, 10), (10, 3, 100), (7, 1, 1), (5, 4, 1), (2, 1, 1),
           (3, 8, 2), (41, 4, 10)]  # fmt: skip


@pytest.mark.parametrize(("n", "batch_size", "n_steps"), STREAMS)
def test_stream_evaluation_counts_every_step_once(n, batch_size, n_steps):
    batches = list(StreamIterator([numbers(n)], batch_size, n_steps, repeat=False))
    pairs = [pair for batch in batches for pair in counted(batch)]
    assert sorted(pairs) == [(i, i + 1) for i in range(n - 1)]
    assert sum(batch.n_steps for batch in batches) == n - 1
    assert [batch.first for batch in batches] == [True] + [False] * (len(batches) - 1)
    assert all(batch.xs.shape[1] == batch_size for batch in batches)
    assert all(0 < batch.xs.shape[0] <= n_steps for batch in batches)


@pytest.mark.parametrize(("n", "batch_size", "n_steps"), [(61, 4, 5), (61, 3, 7), (100, 5, 4)])
def test_stream_training_reads_contiguous_parts_in_full_batches(n, batch_size, n_steps):
    iterator = StreamIterator([numbers(n)], batch_size, n_steps)
    for _ in range(3):
        batches = one_pass(iterator)
        assert {batch.xs.shape for batch in batches} == {(n_steps, batch_size)}
        assert all(batch.mask is None for batch in batches)
        assert [batch.first for batch in batches] == [True] + [False] * (len(batches) - 1)
        xs = np.concatenate([batch.xs for batch in batches])
        ts = np.concatenate([batch.ts for batch in batches])
        np.testing.assert_array_equal(ts, xs + 1)
        length = (n - 1) // batch_size
        np.testing.assert_array_equal(xs[0], length * np.arange(batch_size))
        np.testing.assert_array_equal(xs, xs[0] + np.arange(len(xs))[:, None])
        assert length - n_steps < len(xs) <= length


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_streams_of_rolls_come_as_float32_and_words_as_int32(dtype):
    rng = np.random.default_rng(0)
    rolls = [(rng.random((n, 5)) < 0.5).astype(dtype) for n in (11, 8, 4)]
    whole = np.concatenate(rolls)
    batch = next(StreamIterator(rolls, 2, 3))
    assert batch.xs.dtype == batch.ts.dtype == np.float32
    np.testing.assert_array_equal(batch.xs[:, 1], whole[11:14])
    np.testing.assert_array_equal(batch.ts[:, 1], whole[12:15])
    batch = next(StreamIterator([numbers(20).astype(np.int64)], 2, 3))
    assert batch.xs.dtype == batch.ts.dtype == np.int32
    assert batch.xs.flags.c_contiguous


def test_stream_joins_its_sequences_end_to_end():
    parts = [numbers(20)[:7], numbers(20)[7:8], numbers(20)[8:]]
    for a, b in zip(one_pass(StreamIterator(parts, 2, 3)),
                    one_pass(StreamIterator([numbers(20)], 2, 3)), strict=True):  # fmt: skip
        np.testing.assert_array_equal(a.xs, b.xs)
        np.testing.assert_array_equal(a.ts, b.ts)


def tunes(lengths=(9, 2, 17, 6, 12, 3, 8)):
    """Tunes whose steps can be told apart: (tune, step, 1)."""
    return [
        np.array([[i, step, 1] for step in range(n)], dtype=np.uint8) for i, n in enumerate(lengths)
    ]


def expected_steps(rolls):
    return Counter(
        (tuple(map(float, roll[i])), tuple(map(float, roll[i + 1])))
        for roll in rolls
        for i in range(len(roll) - 1)
    )


def steps_of(batches):
    return Counter((tuple(x), tuple(t)) for batch in batches for x, t in counted(batch))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("n_steps", [1, 4, 35, None])
@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("by_length", [False, True])
def test_tunes_count_every_step_once_an_epoch(by_length, seed, n_steps, batch_size):
    rng = None if seed is None else np.random.default_rng(seed)
    iterator = TuneIterator(tunes(), batch_size, n_steps, rng=rng, by_length=by_length)
    for _ in range(3):
        batches = one_pass(iterator)
        assert steps_of(batches) == expected_steps(tunes())
        assert sum(batch.n_steps for batch in batches) == sum(len(t) - 1 for t in tunes())
    single = list(TuneIterator(tunes(), batch_size, n_steps, repeat=False))
    assert steps_of(single) == expected_steps(tunes())


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_tunes_by_length_share_their_batch_with_the_next_in_length(batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    iterator = TuneIterator(tunes(), batch_size, 1000, rng=rng, by_length=True)
    for _ in range(3):
        batches = one_pass(iterator)  # a piece holds whole tunes
        lengths = [sorted({len(tunes()[int(n)]) for n in b.xs[0, :, 0]}) for b in batches]
        widths = [b.xs.shape[1] for b in batches]
        assert sorted(widths)[1:] == [batch_size] * (len(widths) - 1)
        ranges = sorted((lens[0], lens[-1]) for lens in lengths)
        for (_, longest), (shortest, _) in itertools.pairwise(ranges):
            assert longest <= shortest
        assert all(b.xs.shape[0] == lens[-1] - 1 for b, lens in zip(batches, lengths, strict=True))


@pytest.mark.parametrize("batch_size", [1, 3, 20])
@pytest.mark.parametrize("n_steps", [1, 4, 35, None])
def test_tunes_run_on_in_their_column_until_the_next_first_flag(n_steps, batch_size):
    position = None
    for batch in TuneIterator(tunes(), batch_size, n_steps, repeat=False):
        assert batch.xs.dtype == batch.ts.dtype == np.float32
        assert batch.xs.shape == batch.ts.shape
        if batch.first:
            position = batch.xs[0, :, 0], 0
            assert (batch.xs[0, :, 1] == 0).all()
        numbers_of_tunes, start = position
        mask = np.ones(batch.xs.shape[:2]) if batch.mask is None else batch.mask
        for t, b in zip(*np.nonzero(mask), strict=True):
            assert tuple(batch.xs[t, b]) == (numbers_of_tunes[b], start + t, 1)
        assert (batch.xs[1:][mask[:-1] == 0] == 0).all()  # what follows a tune's end is padding
        assert (np.diff(mask, axis=0) <= 0).all()  # and it stays so
        position = numbers_of_tunes, start + len(batch.xs)
        assert n_steps or batch.first


@pytest.mark.parametrize("n_steps", [4, None])
def test_padding_that_counts_is_silence_to_the_end_of_the_longest(n_steps):
    plain = TuneIterator(tunes(), 3, n_steps, repeat=False)
    counting = TuneIterator(tunes(), 3, n_steps, repeat=False, count_padding=True)
    for a, b in zip(plain, counting, strict=True):
        assert b.mask is None
        np.testing.assert_array_equal(a.xs, b.xs)
        np.testing.assert_array_equal(a.ts, b.ts)
        assert b.n_steps == b.ts.shape[0] * b.ts.shape[1]
        if a.mask is not None:
            assert (b.ts[a.mask == 0] == 0).all()


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("by_length", [False, True])
def test_a_carried_state_is_reset_only_for_another_number_of_tunes(by_length, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    iterator = TuneIterator(tunes(), 3, 4, rng=rng, by_length=by_length, carry_state=True)
    batches = [batch for _ in range(4) for batch in one_pass(iterator)]
    widths = [0] + [batch.xs.shape[1] for batch in batches]
    assert [b.first for b in batches] == [a != b for a, b in itertools.pairwise(widths)]


def test_a_stream_that_carries_its_state_over_epochs_begins_once():
    iterator = StreamIterator([numbers(61)], 4, 5, carry_state=True)
    firsts = [batch.first for _ in range(3) for batch in one_pass(iterator)]
    assert firsts == [True] + [False] * (len(firsts) - 1)


@pytest.mark.parametrize("make", [
    lambda rng: StreamIterator([numbers(9), numbers(30) + 9, numbers(14) + 39], 3, 4, rng=rng),
    lambda rng: TuneIterator(tunes(), 3, 4, rng=rng),
    lambda rng: TuneIterator(tunes(), 3, 4, rng=rng, by_length=True),
], ids=["stream", "tunes", "tunes by length"])  # fmt: skip
class TestBoth:
    def test_epochs_are_counted_and_detail_rises_evenly(self, make):
        iterator = make(None)
        per_epoch = len(one_pass(iterator))
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

    def test_one_seed_gives_one_order_and_each_epoch_another(self, make):
        np.random.seed(0)
        state = np.random.get_state()[1].copy()
        a, b, c = (make(np.random.default_rng(seed)) for seed in (1, 1, 2))
        epochs = [[np.concatenate([x.xs.ravel() for x in one_pass(it)]) for _ in range(3)]
                  for it in (a, b, c)]  # fmt: skip
        for x, y in zip(epochs[0], epochs[1], strict=True):
            np.testing.assert_array_equal(x, y)
        assert len({e.tobytes() for e in (*epochs[0], *epochs[2])}) > 3
        np.testing.assert_array_equal(np.random.get_state()[1], state)

    def test_without_an_rng_all_epochs_are_the_same(self, make):
        iterator = make(None)
        for x, y in zip(one_pass(iterator), one_pass(iterator), strict=True):
            np.testing.assert_array_equal(x.xs, y.xs)

    def test_reset_starts_anew(self, make):
        iterator = make(None)
        first = next(iterator)
        for _ in range(4):
            next(iterator)
        iterator.reset()
        again = next(iterator)
        assert again.first
        np.testing.assert_array_equal(again.xs, first.xs)


@pytest.mark.parametrize("make", [
    lambda: StreamIterator([numbers(20)], 3, 4, repeat=False),
    lambda: TuneIterator(tunes(), 3, 4, repeat=False),
], ids=["stream", "tunes"])  # fmt: skip
def test_a_single_pass_ends_and_can_be_repeated_after_a_reset(make):
    iterator = make()
    first = list(iterator)
    with pytest.raises(StopIteration):
        next(iterator)
    iterator.reset()
    for x, y in zip(iterator, first, strict=True):
        np.testing.assert_array_equal(x.xs, y.xs)


@pytest.mark.parametrize(("make", "said"), [
    *(
        (make, "batch_size and n_steps must be at least 1")
        for sizes in ((0, 5), (4, 0), (-1, 5))
        for make in (
            lambda sizes=sizes: StreamIterator([numbers(61)], *sizes),
            lambda sizes=sizes: StreamIterator([numbers(61)], *sizes, repeat=False),
            lambda sizes=sizes: TuneIterator(tunes(), *sizes),
        )
    ),
    *(
        (lambda a=a: StreamIterator([numbers(a[0])], *a[1:]), "too short")
        for a in ((0, 1, 1, True), (1, 1, 1, True), (1, 1, 1, False), (0, 1, 1, False),
                  (20, 4, 5, True), (5, 5, 1, True))
    ),
    *(
        (lambda a=a: TuneIterator([np.zeros((n, 3), np.uint8) for n in a], 2, 3), "at least")
        for a in ((), (5, 1), (0,))
    ),
])  # fmt: skip
def test_what_makes_no_batch_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_steps_of_a_batch_are_those_that_the_mask_lets_count():
    xs = np.zeros((3, 2), np.int32)
    assert SequenceBatch(xs, xs, None, True).n_steps == 6
    mask = np.array([[1, 1], [1, 0], [0, 0]], np.float32)
    assert SequenceBatch(xs, xs, mask, True).n_steps == 3
