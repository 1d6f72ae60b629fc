"""A run where results are there already."""

import json
import os

import pytest

from experiments.config.load import load_config
from experiments.results import json_file as module
from experiments.system.storage import StorageError
from grustab.extensions import SequenceEvaluator

pytestmark = pytest.mark.usefixtures("small_data")


def test_a_finished_result_is_not_run_again(tiny, run, results, never_run, store, tmp_path):
    config = tiny()
    path = store(load_config(config).cell("sgd/none"))
    before = path.read_bytes()
    _, out, _ = run(config, "sgd/none")
    assert "done already" in out
    assert path.read_bytes() == before
    assert results() == [path]


@pytest.mark.parametrize("status", ["completed", "diverged"])
def test_force_runs_a_finished_result_again(tiny, run, store, status):
    config = tiny(epochs=1)
    path = store(load_config(config).cell("sgd/none"), status=status)
    run(config, "sgd/none", "--force")
    assert json.loads(path.read_text())["iterations"] == 14


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 7}'])
def test_a_damaged_result_is_reported_and_force_replaces_it(tiny, run, call, store, damage):
    config = tiny(epochs=1)
    path = store(load_config(config).cell("sgd/none"))
    path.write_text(damage)
    words = ("run", config, "--cell", "sgd/none", "--out", path.parents[4])
    code, _, err = call(*words)
    assert code == 2
    assert "result.json" in err
    assert path.read_text() == damage
    assert call(*words, "--force")[0] == 0
    assert json.loads(path.read_text())["status"] == "completed"


def test_other_overrides_or_seeds_are_other_results(tiny, run, results):
    config = tiny(epochs=1)
    run(config, "sgd/none")
    run(config, "sgd/none", "--seed", "1")
    run(config, "sgd/none", "--set", "learning_rate=0.25")
    assert len(results()) == 3
    overrides = [json.loads(path.read_text())["overrides"] for path in results()]
    assert sorted(map(str, overrides)) == ["{'learning_rate': 0.25}", "{}", "{}"]


def test_a_longer_partial_result_replaces_a_shorter_one(tiny, run, results):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "3")
    run(config, "sgd/none", "--max-iterations", "6")
    (path,) = results()
    assert json.loads(path.read_text())["iterations"] == 6
    run(config, "sgd/none")
    assert json.loads(path.read_text())["status"] == "completed"


def test_a_partial_result_with_the_iterations_asked_for_is_not_run_again(
    tiny, run, results, never_run, store
):
    config = tiny()
    store(load_config(config).cell("sgd/none"), status="interrupted")
    _, out, _ = run(config, "sgd/none", "--max-iterations", "3")
    assert "done already" in out
    with pytest.raises(AssertionError, match="a run was started"):
        run(config, "sgd/none")


def test_a_partial_result_without_its_last_evaluation_is_run_again(tiny, run, results):
    config = tiny()
    words = (config, "sgd/none", "--max-iterations", "3")
    whole, _, _ = run(*words)
    (path,) = results()
    for values in whole["curves"]["epochs"].values():
        values.pop()
    path.write_text(json.dumps({**whole, "best": None}))
    again, _, _ = run(*words)
    assert again["best"] == whole["best"]
    assert again["stopped_by"] == "--max-iterations 3"


def test_a_shorter_partial_result_goes_elsewhere(tiny, run, results, tmp_path):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "6")
    _, out, _ = run(config, "sgd/none", "--max-iterations", "3", "--force")
    (path,) = results()
    assert json.loads(path.read_text())["iterations"] == 6
    (aside,) = (tmp_path / "runs").rglob("result-aside*.json")
    assert json.loads(aside.read_text())["iterations"] == 3
    assert "holds more and stays as it is" in out
    run(config, "sgd/none", "--max-iterations", "2", "--force")
    kept = {
        json.loads(p.read_text())["iterations"]
        for p in (tmp_path / "runs").rglob("result-aside*.json")
    }
    assert kept == {2, 3}


def test_a_partial_result_gives_way_to_divergence(tiny, run, results):
    config = tiny(learning_rate=1e300)
    run(config, "sgd/none", "--max-iterations", "1")
    run(config, "sgd/none")
    (path,) = results()
    assert json.loads(path.read_text())["status"] == "diverged"


@pytest.mark.parametrize("interrupted", [True, False])
def test_force_with_a_partial_run_keeps_the_finished_result(
    tiny, run, results, interrupt_at, interrupted
):
    config = tiny()
    run(config, "sgd/none")
    if interrupted:
        interrupt_at(3)
        run(config, "sgd/none", "--force", code=130)
    else:
        run(config, "sgd/none", "--force", "--max-iterations", "3")
    (path,) = results()
    assert json.loads(path.read_text())["status"] == "completed"


def test_an_interrupted_run_with_force_goes_on_without_it(tiny, run, results, interrupt_at):
    config = tiny()
    run(config, "sgd/none")
    (path,) = results()
    first = json.loads(path.read_text())
    interrupt_at(3)
    run(config, "sgd/none", "--force", code=130)
    _, out, _ = run(config, "sgd/none")
    assert "resumed at iteration 3" in out
    again = json.loads(path.read_text())
    assert again["resumed"]
    assert again["weights_sha256"] == first["weights_sha256"]
    assert "done already" in run(config, "sgd/none")[1]


def test_a_mark_of_other_bytes_is_none_of_this_result(tiny, run, tmp_path):
    config = tiny()
    run(config, "sgd/none")
    (lock,) = (tmp_path / "runs").rglob(".lock")
    (lock.parent / "begun-anew").write_bytes(b"\xff\xfe")
    assert "done already" in run(config, "sgd/none")[1]


def test_a_run_begun_anew_is_not_done_for_a_sweep(tiny, run, call, results, interrupt_at):
    config = tiny()
    run(config, "sgd/none")
    interrupt_at(3)
    run(config, "sgd/none", "--force", code=130)
    words = ("sweep", config, "--cells", "sgd/none", "--seeds", "0", "--dry-run")
    assert "1 to run, 0 done" in call(*words, "--out", results()[0].parents[4])[1]
    run(config, "sgd/none")
    assert "0 to run, 1 done" in call(*words, "--out", results()[0].parents[4])[1]


def test_a_newer_snapshot_of_a_run_never_forced_does_not_undo_its_result(tiny, run, store):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "3")  # leaves a snapshot
    path = store(load_config(config).cell("sgd/none"))
    os.utime(path, (0, 0))  # as a copy that keeps its time
    assert "done already" in run(config, "sgd/none")[1]


def test_force_that_cannot_begin_leaves_snapshots(tiny, run, tmp_path, monkeypatch):
    config = tiny()
    run(config, "sgd/none", "--max-iterations", "3")
    (snapshot,) = (tmp_path / "runs").rglob("snapshot-*")

    def fail(*_):
        raise StorageError("no data")

    monkeypatch.setattr("experiments.training.run.load_data", fail)
    run(config, "sgd/none", "--force", code=3)
    assert snapshot.exists()


def test_a_partial_result_leaves_one_that_cannot_be_read(tiny, run, store):
    config = tiny()
    path = store(load_config(config).cell("sgd/none"))
    other = json.loads(path.read_text())
    del other["gradient_mean"]
    path.write_text(json.dumps(other))
    run(config, "sgd/none", "--force", "--max-iterations", "3")
    assert json.loads(path.read_text()) == other


def test_results_do_not_go_where_snapshots_are(tiny, refused, tmp_path):
    words = ("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "runs")
    assert "keep their snapshots there" in refused(*words)


def test_a_partial_run_keeps_what_another_process_finished_meanwhile(
    tiny, run, results, store, monkeypatch
):
    config = tiny()
    cell = load_config(config).cell("sgd/none")
    evaluate = SequenceEvaluator.evaluate

    def finish_elsewhere(self):
        store(cell)
        return evaluate(self)

    monkeypatch.setattr(SequenceEvaluator, "evaluate", finish_elsewhere)
    run(config, "sgd/none", "--max-iterations", "3")
    (path,) = results()
    assert json.loads(path.read_text())["status"] == "completed"


def test_a_result_that_its_place_does_not_take_is_kept_aside(tiny, call, tmp_path, monkeypatch):
    write = module.write_file

    def full(path, content):
        if "results" in path.parts:
            raise StorageError(f"{path}: cannot be written: No space left on device")
        write(path, content)

    monkeypatch.setattr(module, "write_file", full)
    code, _, err = call("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert code == 3
    assert "No space left on device" in err
    (aside,) = (tmp_path / "runs").rglob("result-aside.json")
    assert json.loads(aside.read_text())["status"] == "completed"
    assert "this result is kept in" in err
