"""A stopped run goes on as if it never was, to the bit; damage costs no good snapshot."""

import errno
import os

import pytest

import experiments.training.snapshots
from tests.experiments.checks import timeless
from tests.experiments.training.snapshots.conftest import number, snapshots

pytestmark = pytest.mark.usefixtures("small_data")

#: Iterations to stop at, of 42: the first, the end of an epoch, and one after the other.
STOPS = (1, 13, 14, 15, 17, 41)
#: Moves no weight: validation losses are equal to the bit, whatever rounds them.
STILL = "learning_rate=1e-30"
PROJECTION = "method=projection learning_rate=1e-3"
#: Settings by case.
CASES = {
    "sgd": "",
    "dropout": "dropout=0.5 dropout_after=[input,gru] layers=2",
    "adam": "optimizer=adam learning_rate=0.01",
    "rmsprop": "optimizer=rmsprop learning_rate=0.01 loss=mean_over_steps",
    "naive": f"{PROJECTION} delta=0.9 projection=naive",
    "naive, clipped": f"{PROJECTION} delta=0.9 projection=naive threshold=0.5",
    "truncated": f"{PROJECTION} delta=0.9 projection=truncated units=48",
    "auto": f"{PROJECTION} delta=0.9 projection=auto units=96",
    "auto, nothing to do": f"{PROJECTION} delta=0.2 projection=auto units=96",
    "exponential": "schedule=exponential decay_after=1 decay_divisor=1.5",
    "plateau": f"schedule=plateau decay_after=1 decay_divisor=2 {STILL}",
    "spike": f"spike_norm=1e-9 spike_divisor=2 {PROJECTION} delta=0.9 projected=all units=96 "
    "schedule=plateau decay_after=9 decay_divisor=2",
    "patience": f"stop_patience=2 epochs=9 {STILL}",
    "clipping": "method=clipping threshold=0.5",
    "elementwise": "method=elementwise_clipping threshold=0.003",
    "tunes": "task=music batching=tunes batch_size=2 eval_batch_size=2 learning_rate=0.01",
    "tunes_by_length": "task=music batching=tunes_by_length batch_size=2 eval_batch_size=2 "
    "learning_rate=0.01",
    "stream": "task=music batching=stream batch_size=2 eval_batch_size=2 learning_rate=0.01",
}


def ways(result):
    return result["projection_ways"]["/gru/0"]


#: That a case went the way that it is to try.
WENT = {
    "plateau": lambda r: r["curves"]["epochs"]["learning_rate"] == [1e-30, 1e-30, 5e-31],
    # Every iteration is a spike, and every epoch has one division.
    "spike": lambda r: r["curves"]["epochs"]["learning_rate"] == [5e-4, 2.5e-4, 1.25e-4],
    "patience": lambda r: (r["status"], r["epochs"]) == ("completed", 3.0),
    # The first step has none to follow.
    "auto": lambda r: (ways(r)["exact"], ways(r)["subspace"]) == (1, 41),
    "auto, nothing to do": lambda r: (ways(r)["exact"], ways(r)["skipped"]) == (1, 41),
}


@pytest.mark.parametrize("case", CASES)
def test_resuming_equals_never_having_stopped(tiny, run, tmp_path, few_large_values, case):
    words = ["--set", "epochs=3", "dropout_after=[input]", *CASES[case].split()]
    config = tiny()
    whole, _, _ = run(config, "sgd/none", *words)
    assert WENT.get(case, lambda r: r["epochs"] == 3.0)(whole)
    stops = [iteration for iteration in STOPS if iteration < whole["iterations"]]
    out = ("--out", tmp_path / "stopped")
    for iteration in stops:
        run(config, "sgd/none", *words, *out, "--max-iterations", str(iteration))
    resumed, text, _ = run(config, "sgd/none", *words, *out)
    assert timeless(resumed) == timeless(whole)
    assert [session["iteration"] for session in resumed["resumed"]] == stops
    assert f"resumed at iteration {stops[-1]}" in text
    assert not list(tmp_path.rglob("snapshot-*"))


def test_a_partial_run_that_is_there_already_keeps_its_snapshot(stopped, go_on):
    stopped(5)
    stopped(5)
    assert "resumed at iteration 5" in go_on()[1]


def test_two_are_kept_and_none_when_the_run_is_complete(stopped, go_on, whole, monkeypatch):
    folder = stopped(5, 10, 15)
    written = []
    write_file = experiments.training.snapshots.write_file

    def watched(path, content):
        write_file(path, content)
        written.append((number(path), len(snapshots(folder))))

    monkeypatch.setattr(experiments.training.snapshots, "write_file", watched)
    result, _ = go_on("--snapshot-interval", "0")
    assert [iteration for iteration, _ in written] == list(range(16, result["iterations"] + 1))
    assert {count for _, count in written} == {3}  # before the oldest goes
    assert timeless(result) == timeless(whole())
    assert {path.name for path in folder.iterdir()} <= {"result.json", ".lock"}


def test_none_is_written_before_it_is_time(run, tiny, monkeypatch):
    monkeypatch.setattr(experiments.training.snapshots, "write_file", None)
    run(tiny(), "sgd/none", "--snapshot-interval", "1e6")


def test_force_begins_anew_and_removes_the_snapshots_before_it_writes_new_ones(stopped, go_on):
    folder = stopped(10, 20)
    _, out = go_on("--force", "--max-iterations", "5")
    assert "resumed" not in out
    assert [number(path) for path in snapshots(folder)] == [5]


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "a bit flipped": lambda content: content[:900] + bytes([content[900] ^ 4]) + content[901:],
    "empty": lambda content: b"",
    "a folder": None,
}


@pytest.mark.parametrize(
    ("damage", "damaged"), [*((damage, 1) for damage in DAMAGES), ("truncated", 2)]
)
def test_a_damaged_snapshot_is_passed_over_for_the_one_before(
    stopped, go_on, whole, damage, damaged
):
    folder = stopped(10, 20)
    for path in snapshots(folder)[-damaged:]:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(DAMAGES[damage](content)) if DAMAGES[damage] else path.mkdir()
    result, out = go_on()
    reason = "is damaged (its checksum is wrong)"
    if damage == "a folder":
        reason = "cannot be read (Is a directory)"
    assert f"{path.name} {reason} and is passed over" in out
    assert out.count("passed over") == damaged
    assert [session["iteration"] for session in result["resumed"]] == [10][: 2 - damaged]
    assert ("resumed" in out) == (damaged == 1)  # where all are damaged, the run begins anew
    assert timeless(result) == timeless(whole())
    assert [path for path in snapshots(folder) if path.is_file()] == []


def test_a_damaged_snapshot_takes_no_good_ones_place(stopped, go_on):
    folder = stopped(10, 20)
    newest = snapshots(folder)[-1]
    newest.write_bytes(b"")
    for iteration in (12, 14):
        (folder / "result.json").unlink()
        go_on("--max-iterations", iteration)
    whole = [number(path) for path in snapshots(folder) if path.stat().st_size]
    assert whole == [12, 14]


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("full", "last", "kept"),
    [([True] * 11, 20, [10]), ([True, True, False, True, False], 14, [13, 14])],
    ids=["always", "at times"],
)
def test_a_full_disk_keeps_the_earlier_snapshots_and_the_run_goes_on(
    stopped, go_on, whole, monkeypatch, full, last, kept
):
    folder, tries = stopped(10), iter(full)
    write_file = experiments.training.snapshots.write_file

    def write(path, content):
        with monkeypatch.context() as patch:
            if next(tries):
                patch.setattr(os, "fsync", no_space)
            write_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(experiments.training.snapshots, "write_file", write)
        result, out = go_on("--max-iterations", last, "--snapshot-interval", "0")
    assert (result["iterations"], result["stopped_by"]) == (last, f"--max-iterations {last}")
    assert out.count("warning: no snapshot, the earlier ones are kept: ") == sum(full)
    assert "cannot be written: No space left on device" in out
    assert [number(path) for path in snapshots(folder)] == kept
    assert not list(folder.glob(".partial*"))
    result, out = go_on()
    assert f"resumed at iteration {kept[-1]}" in out
    assert timeless(result) == timeless(whole())


def test_a_disk_that_takes_nothing_at_all_is_exit_code_3(tiny, run, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    _, _, err = run(tiny(), "sgd/none", "--max-iterations", "3", code=3)
    sentence = err.splitlines()[-1]
    assert "result.json: cannot be written: No space left on device" in sentence
    assert sentence.endswith("; this result could not be kept anywhere")
