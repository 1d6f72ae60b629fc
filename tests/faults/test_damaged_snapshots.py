"""A truncated and a bit-flipped snapshot: the one before it is used, or none."""

import random
import shutil

import pytest

from tests.faults import runs

FIRST, LAST = 12, 15
TRUNCATIONS, FLIPS = 30, 60


@pytest.fixture(scope="module")
def do(config, small_data):
    """Do the run in this process, up to an iteration."""

    def run(call, out, stop):
        words = ["--cell", runs.CELL, "--out", out, "--max-iterations", stop]
        return call("run", config("short"), *words)

    return run


@pytest.fixture
def begun(do, call, tmp_path):
    """A run's folder as it was left at iteration ``FIRST``, with the snapshot before that."""
    out = tmp_path / "begun"
    for stop in (FIRST - 1, FIRST):  # a snapshot each
        assert do(call, out, stop).code == 0
    assert [runs.iteration(path) for path in runs.snapshots(out)] == [FIRST - 1, FIRST]
    return out


@pytest.fixture
def whole(do, call, tmp_path):
    """Result of the run that nothing happens to."""
    assert do(call, tmp_path / "whole", LAST).code == 0
    return runs.the_result(tmp_path / "whole")


@pytest.fixture
def go_on(do, call, whole):
    """Go on with a run of whose snapshots so many are damaged."""

    def check(out, row, resumed_at, notes):
        row.tried += 1
        ended = do(call, out, LAST)
        row.watch(ended.err)
        assert ended.code == 0, ended.err
        assert ended.resumed_at == resumed_at
        assert ended.out.count("is damaged (its checksum is wrong) and is passed over") == notes
        row.compare(runs.the_result(out), whole)
        row.survived += 1

    return check


def truncations(size, chance):
    """Lengths of what is left: none of it, all but a byte, a block, and any."""
    yield from (0, 1, size - 1, size // 2, 4096, size - size % 4096)
    while True:
        yield chance.randrange(size)


def damages(size):
    chance = random.Random("damage")
    lengths = truncations(size, chance)
    for _ in range(TRUNCATIONS):
        length = next(lengths)
        yield "truncated", lambda content, length=length: content[:length]
    for number in range(FLIPS):
        # All over the file, its first and its last byte among them.
        at = number * (size - 1) // (FLIPS - 1)
        bit = 1 << chance.randrange(8)

        def flip(content, at=at, bit=bit):
            return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]

        yield "with a flipped bit", flip


def test_the_older_snapshot_is_used(begun, go_on, tally, tmp_path):
    size = runs.snapshots(begun)[-1].stat().st_size
    for number, (kind, damage) in enumerate(damages(size)):
        out = tmp_path / str(number)
        shutil.copytree(begun, out)
        newest = runs.snapshots(out)[-1]
        newest.write_bytes(damage(newest.read_bytes()))
        go_on(out, tally(f"newest snapshot {kind}"), FIRST - 1, notes=1)
        shutil.rmtree(out)


def test_without_a_whole_one_the_run_begins_anew(begun, go_on, tally, tmp_path):
    for number, length in enumerate((0, 1, 1000)):
        out = tmp_path / str(number)
        shutil.copytree(begun, out)
        for path in runs.snapshots(out):
            path.write_bytes(path.read_bytes()[:length])
        go_on(out, tally("both snapshots damaged"), 0, notes=2)
