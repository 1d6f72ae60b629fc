"""A run where results are there already."""

import json
from unittest.mock import Mock

import pytest

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.results.store import BEGUN_ANEW, is_begun_anew, is_done, keep_result
from experiments.system.storage import StorageError
from grustab.extensions import SpectrumMonitor
from tests.experiments.reports.made_result import make_result

pytestmark = pytest.mark.usefixtures("small_data")


def partial(iterations):
    return {"status": "interrupted", "iterations": iterations}


@pytest.mark.parametrize(("there", "max_iterations", "done"), [
    ({}, None, True),
    ({"status": "diverged"}, 99, True),
    (partial(20), None, False),
    (partial(20), 19, True),
    (partial(20), 20, True),
    (partial(20), 21, False),
    (partial(21), 21, False),  # without its last evaluation
    ({**partial(21), "validation": ()}, 20, False),  # without any
])  # fmt: skip
def test_done_is_what_is_finished_or_has_the_iterations_asked_for(
    demo, store, there, max_iterations, done
):
    assert is_done(store(demo, **there), max_iterations) == done


@pytest.mark.parametrize(("there", "new", "replaced"), [
    (partial(3), partial(6), True),
    (partial(6), partial(6), True),
    (partial(6), partial(3), False),
    (partial(6), {**partial(7), "validation": ()}, False),  # was not evaluated
    ({**partial(7), "validation": ()}, partial(6), True),
    (partial(6), {"status": "diverged", "iterations": 3}, True),
    ({"status": "diverged", "iterations": 3}, partial(6), False),
    ({"iterations": 3}, partial(6), False),
    ({"iterations": 6}, {"iterations": 3}, True),
    ({"gradient_mean": None}, partial(6), False),  # cannot be read
])  # fmt: skip
def test_a_partial_result_replaces_nothing_that_holds_more(demo, store, out, there, new, replaced):
    path, result = store(demo, **there), make_result(demo, **new)
    before = path.read_bytes()
    kept = [keep_result(path, [out / "aside"], result) for _ in range(2)]
    asides = ["result-aside-2.json", "result-aside.json"]
    assert sorted({p.name for p in kept}) == (["result.json"] if replaced else asides)
    assert all(json.loads(p.read_text()) == result for p in kept)
    assert replaced or path.read_bytes() == before


def test_a_run_begun_anew_replaces_a_longer_partial_result_but_no_finished_one(demo, store, out):
    new = make_result(demo, **partial(3))
    path = store(demo, **partial(6))
    assert keep_result(path, [], new, anew=True) == path
    assert keep_result(store(demo), [out / "aside"], new, anew=True).name == "result-aside.json"


def test_force_with_fewer_iterations_replaces_what_is_there_at_its_end(tiny, run, monkeypatch):
    config = tiny()
    words = ("--max-iterations", "3")
    before, _, _ = run(config, "sgd/none", "--max-iterations", "20")
    with monkeypatch.context() as patch:
        patch.setattr(SpectrumMonitor, "begin", Mock(side_effect=OSError(28, "No space left")))
        assert run(config, "sgd/none", "--force", code=3)[0] == before
    assert run(config, "sgd/none", "--force", *words)[0]["iterations"] == 3
    assert "has 3 iterations already" in run(config, "sgd/none", *words)[1]


def test_a_result_that_its_place_does_not_take_is_kept_aside(demo, tmp_path):
    (tmp_path / "file").write_text("")
    path, aside = RunSpec(demo, 0, tmp_path / "file").result_file, tmp_path / "runs"
    with pytest.raises(StorageError, match=r"Not a directory; this result is kept in .*runs/"):
        keep_result(path, [tmp_path / "file", aside], make_result(demo))
    assert json.loads((aside / "result-aside.json").read_text())["status"] == "completed"


def test_a_finished_result_is_not_run_again(tiny, run, never_run, store, out):
    config = tiny()
    path = store(cell := load_config(config).cell("sgd/none"))
    snapshot = RunSpec(cell, 0, out).folder / "snapshot-1-2.npz"
    snapshot.parent.mkdir(parents=True)
    snapshot.touch()  # left by a process that was killed at its very end
    before = path.read_bytes()
    assert "done already" in run(config, "sgd/none")[1]
    assert [*out.rglob("result.json")] == [path]
    assert path.read_bytes() == before
    assert not snapshot.exists()


def test_a_damaged_result_is_reported_and_force_replaces_it(tiny, run, refused, store, out):
    config = tiny(epochs=1)
    path = store((config, "sgd/none"))
    path.write_text("{")
    assert "result.json" in refused("run", config, "--cell", "sgd/none", "--out", out)
    assert path.read_text() == "{"
    assert run(config, "sgd/none", "--force")[0]["status"] == "completed"


def test_an_interrupted_run_with_force_goes_on_without_it(tiny, run, call, out, interrupt_at):
    config = tiny()
    sweep = ("sweep", config, "--cells", "sgd/none", "--seeds", "0", "--dry-run", "--out", out)
    first, _, _ = run(config, "sgd/none")
    interrupt_at(3)
    assert run(config, "sgd/none", "--force", code=130)[0] == first
    assert "1 to run, 0 done" in call(*sweep)[1]
    assert "0 of 1, 1 partial" in call("list", *sweep[1:6], "--out", out)[1]
    again, text, _ = run(config, "sgd/none")
    assert "resumed at iteration 3" in text
    assert again["resumed"]
    assert again["weights_sha256"] == first["weights_sha256"]
    assert "done already" in run(config, "sgd/none")[1]
    assert "0 to run, 1 done" in call(*sweep)[1]


def test_a_mark_of_other_bytes_is_none_of_this_result(demo, store, tmp_path):
    (tmp_path / BEGUN_ANEW).write_bytes(b"\xff\xfe")
    assert not is_begun_anew(tmp_path, store(demo))


def test_force_that_cannot_begin_leaves_snapshots(tiny, run, tmp_path, monkeypatch):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "3")
    (snapshot,) = (tmp_path / "runs").rglob("snapshot-*")

    fail = Mock(side_effect=StorageError("no data"))
    monkeypatch.setattr("experiments.training.run.load_data", fail)
    run(config, "sgd/none", "--force", code=3)
    assert snapshot.exists()


def test_results_do_not_go_where_snapshots_are(tiny, refused, tmp_path):
    words = ("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "runs")
    assert "keep their snapshots there" in refused(*words)
