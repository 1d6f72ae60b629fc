"""Damaged snapshots are passed over."""

import pytest

from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.common import number, snapshots

pytestmark = pytest.mark.usefixtures("small_data")

DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "a bit flipped": lambda content: content[:900] + bytes([content[900] ^ 4]) + content[901:],
    "empty": lambda content: b"",
    "a folder": None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_is_passed_over_for_the_one_before(stopped, go_on, whole, damage):
    newest = snapshots(stopped(10, 20))[-1]
    reason = "is damaged (its checksum is wrong)"
    if DAMAGES[damage]:
        newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    else:
        newest.unlink()
        newest.mkdir()
        reason = "cannot be read (Is a directory)"
    result, out = go_on()
    assert f"{newest.name} {reason} and is passed over" in out
    assert "resumed at iteration 10" in out
    assert timeless(result) == timeless(whole())
    assert [path for path in snapshots(newest.parent) if path.is_file()] == []


def test_where_all_snapshots_are_damaged_the_run_begins_anew(stopped, go_on, whole):
    folder = stopped(10, 20)
    for path in snapshots(folder):
        path.write_bytes(path.read_bytes()[:-100])
    result, out = go_on()
    assert out.count("passed over") == 2
    assert "resumed" not in out
    assert result["resumed"] == []
    assert timeless(result) == timeless(whole())
    assert snapshots(folder) == []


def test_a_damaged_snapshot_takes_no_good_ones_place(stopped, go_on):
    folder = stopped(10, 20)
    newest = snapshots(folder)[-1]
    newest.write_bytes(b"")
    for iteration in (12, 14):
        (folder / "result.json").unlink()
        go_on("--max-iterations", iteration)
    whole = [number(path) for path in snapshots(folder) if path.stat().st_size]
    assert whole == [12, 14]
