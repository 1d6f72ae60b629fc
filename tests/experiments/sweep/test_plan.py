"""What a sweep has to do, what is done already, and what finished runs tell of those to come."""

import re
import shlex
import sys
from unittest.mock import Mock

import pytest

import grustab.datasets
from experiments.config.load import load_config
from experiments.estimates import epochs_taken, iterations_an_epoch
from experiments.system.paths import PROGRAM
from grustab.datasets import synthetic_tunes
from grustab.errors import DataError
from tests.experiments.sweep.conftest import planned


@pytest.mark.parametrize(("seeds", "expected"), [
    ("7", [7]),
    ("0-1,5", [0, 1, 5]),
    ("3-3", [3]),
    ("5,1,5", [5, 1]),  # given twice, run once
    ("4294967295", [2**32 - 1]),
    (None, [0, 1, 2]),
])  # fmt: skip
def test_a_plan_goes_seed_by_seed_through_the_cells(sweep, b, seeds, expected):
    text = sweep("demo", "--dry-run", *(["--seeds", seeds] if seeds else []))
    cells = ["sgd/clipping_20", "sgd/clipping_5", "sgd/projection_0.2"]
    assert planned(text) == [f"{cell} seed {seed}" for seed in expected for cell in cells]
    assert (
        f"{3 * len(expected)} to run, 0 done; one after the other on this CPU at most about "
        in text
    )
    assert not b.exists()


def test_a_plan_says_how_many_at_a_time(sweep):
    assert "at a time" not in sweep("demo", "--dry-run")
    assert sweep("demo", "--dry-run", "--jobs", "3").endswith("; here 3 at a time\n")
    gpus = ("--device", "0,1", "--jobs-per-device", "2")
    assert sweep("demo", "--dry-run", *gpus).endswith("; here 4 at a time\n")


def test_what_is_done_is_not_run_again(tiny, sweep, store, fake_jobs, tmp_path, b):
    config = load_config(tiny())
    store(config.cell("sgd/none"), 0)
    store(config.cell("sgd/none"), 1, status="diverged")
    store(config.cell("sgd/clipping_5"), 0, status="interrupted")
    other = config.cell("sgd/clipping_5").override(["units=9"])
    store(other, 1)
    (tmp_path / "results").rename(b)
    text = sweep(tiny())
    assert "4 to run, 2 done" in text
    assert "about under" not in text
    names = [f"sgd/{name} seed {s}" for s in (0, 1) for name in ("clipping_5", "projection_0.2")]
    assert [job.name for job in fake_jobs[0]] == planned(text) == names
    assert (
        planned(sweep(tiny(), "--dry-run", "--set", "units=9", "--cells", "*/clip*")) == names[:1]
    )


def test_a_partial_result_is_done_where_it_has_the_iterations(
    tiny, sweep, store, fake_jobs, tmp_path, b
):
    store((tiny(), "sgd/none"), 0, status="interrupted", validation=(5.0, 4.0))
    (tmp_path / "results").rename(b)
    some = (tiny(), "--cells", "sgd/none", "--seeds", "0", "--max-iterations")
    assert "0 to run, 1 done\ndone: sgd/none, seed 0\n" in sweep(*some, "20")
    assert fake_jobs[0] == []
    assert "1 to run, 0 done" in sweep(*some, "21")
    (job,) = fake_jobs[0]
    assert job.command[job.command.index("--max-iterations") + 1] == "21"


def test_where_all_is_done_nothing_is_written(tiny, call, store, no_jobs, tmp_path):
    store((tiny(), "sgd/none"), 0)
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = call("sweep", tiny(), "--cells", "sgd/none", "--seeds", "0")
    assert (code, out.splitlines()[-2]) == (0, "done: sgd/none, seed 0")
    assert out.endswith("; to do them again beside them: another --out\n")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("how", ["--jobs=1", "--dry-run", "--emit-slurm"])
def test_what_cannot_be_planned_is_one_sentence_before_anything_starts(
    tiny, refused, store, no_jobs, tmp_path, how
):
    path = store((tiny(), "sgd/none"), 1)
    path.write_text("{")
    before = sorted(tmp_path.rglob("*"))
    assert f"{path}: not valid JSON" in refused("sweep", tiny(), how)
    assert "epochs" in refused("sweep", "demo", "--set", "epochs=0", how)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_tells_which_go_on_from_a_snapshot(tiny, run, sweep, small_data, b):
    run(tiny(), "sgd/none", "--max-iterations", "3", "--out", b)
    text = sweep(tiny(), "--dry-run", "--seeds", "0")
    lines = [line for line in text.splitlines() if line.endswith(", from a snapshot")]
    assert planned("\n".join(lines)) == ["sgd/none seed 0"]


def test_a_dry_run_lists_what_is_done_and_how_to_see_it(tiny, call, store):
    cell = load_config(tiny()).cell("sgd/none").override(["units=9"])
    for seed in (0, 1):
        store(cell, seed)
    words = ("sweep", tiny(), "--set", "units=9", "--dry-run", "--cells")
    _, out, _ = call(*words, "sgd/none")
    title, count, done, see = out.splitlines()
    assert (title, count) == ("tiny:", "0 to run, 2 done")
    assert done == "done: sgd/none, seed 0, 1"
    command = see.removeprefix(f"to see these: {PROGRAM} ").partition("; ")[0]
    text = call(*shlex.split(command))[1]
    assert "| 2 |" in text and "sgd/clipping_5" not in text
    _, out, _ = call(*words, "*")
    assert "done: sgd/none, seed 0, 1" in out
    assert len(planned(out)) == 4
    assert "done: " not in call(*words, "sgd/clipping_5")[1]


def test_how_to_see_what_is_done_has_settings_that_the_first_cell_has_anyway(call, store):
    store(("table3_music", "adam_1e-2/clipping_15"))
    words = ("--cells", "adam_1e-[23]/clipping_15", "--set", "learning_rate=1e-2")
    text = call("sweep", "table3_music", *words, "--seeds", "0", "--dry-run")[1]
    assert "done: adam_1e-2/clipping_15, seed 0" in text
    assert " --set learning_rate=0.01; " in text


def test_a_plan_of_extreme_sizes_tells_years(tiny, sweep, call):
    sizes = ("units=2147483647", "epochs=2147483647", "layers=1000")
    text = sweep(tiny(), "--dry-run", "--jobs", 2**31 - 1, "--set", *sizes)
    assert re.search(r"at most about [\d.]+e\+\d+ years; here 6 at a time$", text.rstrip())
    assert max(map(len, text.splitlines())) < 100
    assert " years" in call("list", tiny(), "--set", *sizes)[1]


@pytest.mark.parametrize("command", [("run", "--cell=sgd/none"), ("sweep",)], ids=" ".join)
def test_missing_data_is_one_sentence_before_anything_starts(
    tiny, refused, no_jobs, tmp_path, monkeypatch, command
):
    missing = Mock(side_effect=DataError("cannot read ptb.train.txt"))
    monkeypatch.setattr(grustab.datasets, "load_ptb", missing)
    words = (*command, tiny(dataset="ptb"), "--out", tmp_path / "b")
    assert refused(*words) == "cannot read ptb.train.txt"
    assert not list(tmp_path.rglob("result.json"))


def test_a_machine_without_dask_is_told_what_to_install(refused, tiny, b, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "experiments.sweep.cluster", raising=False)
    monkeypatch.delattr("experiments.sweep.cluster", raising=False)  # is put back, too
    sentence = refused("sweep", tiny(), "--scheduler", "tcp://127.0.0.1:1", "--out", b)
    assert "requirements-cluster.txt" in sentence


CUT = {"status": "interrupted", "validation": (5.0,) * 9}
DIVERGED = {"status": "diverged", "validation": (5.0, 4.0, None), "epochs": 2.5}


@pytest.mark.parametrize(("epochs", "settings", "runs", "expected"), [
    (10**6, [], [], None),
    (10**6, [], [CUT], None),
    (10**6, [], [None], None),  # damaged: that is left to whoever needs it
    (10**6, [], [{}], 2),
    (10**6, [], [{}, DIVERGED, CUT], 3),  # the longest that ended
    (2, [], [{}], None),  # all its epochs: that tells nothing new
    (10**6, ["units=9"], [{}], None),  # under other conditions
])  # fmt: skip
def test_the_longest_finished_run_tells_the_epochs(tiny, store, epochs, settings, runs, expected):
    cell = load_config(tiny(epochs=epochs)).cell("sgd/none")
    for seed, run in enumerate(runs):
        path = store(cell.override(settings), seed, **run or {})
        if run is None:
            path.write_text("{")
    assert epochs_taken(cell) == expected


def test_made_up_tunes_are_not_taken_for_made_up_words(tiny_music):
    cut = {"batching": "stream", "batch_size": 20, "bptt_steps": 35}
    cell = load_config(tiny_music(**cut)).cell("sgd/none")
    steps = sum(map(len, synthetic_tunes().train))
    assert iterations_an_epoch(cell.conditions) == steps // (20 * 35)
    whole = tiny_music(batching="tunes", batch_size=3, bptt_steps=2**31 - 1)  # 40 tunes
    assert iterations_an_epoch(load_config(whole).cell("sgd/none").conditions) == 14


def test_the_estimates_say_it(tiny, store, call, run, small_data, tmp_path):
    path = tiny(epochs=10**6)
    store((path, "sgd/none"))
    elsewhere = ("--out", tmp_path / "b")
    _, header, *lines, total = call("list", path, *elsewhere)[1].splitlines()[:-1]
    assert header.endswith("  as long as ours")
    assert {line.split()[0] for line in lines if line.endswith(", 2 epochs")} == {"sgd/none"}
    assert total.endswith(" if as long as ours")
    text = call("sweep", path, "--seeds", "5", "--dry-run", *elsewhere)[1]
    for line in text.splitlines():
        assert (" if as long as ours" in line) == ("sgd/none" in line or "to run" in line)
    _, said, _ = run(path, "sgd/none", "--seed", "1", "--max-iterations", "1")
    assert "at most 1000000 epochs (ours: 2), each of about" in said
