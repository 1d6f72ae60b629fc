"""``reproduce``, which ``scripts/reproduce.sh`` calls."""

import pytest

from experiments import commands
from experiments.cli import main
from experiments.sweep import pool as driver
from experiments.timing import measure as timing


@pytest.fixture
def jobs(monkeypatch):
    """Runs that do nothing and end with the codes given by name."""
    ends = {}
    monkeypatch.setattr(driver, "run_job", lambda job: (ends.get(job.name, 0), ""))
    return ends


def test_relative_paths_are_the_callers(call, tiny, jobs, tmp_path, monkeypatch):
    tiny()
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("reproduce", "tiny.yaml", "--out=mine", "--cells=sgd/*")
    assert code == 0
    assert "written: mine/tiny/table.md" in out
    assert (tmp_path / "mine" / "tiny" / "table.md").exists()


@pytest.mark.parametrize("options", [(), ("--figures",)], ids=str)
def test_the_table_is_printed_and_figures_are_drawn_if_asked_for(
    call, tiny, jobs, b, monkeypatch, options
):
    drawn = []
    monkeypatch.setattr(commands, "figures_command", drawn.append)
    code, out, _ = call("reproduce", tiny(), "--out", b, "--set", "units=9", "epochs=1", *options)
    assert code == 0
    assert "| sgd/none" in out
    assert "units=9, epochs=1" in out
    assert len(drawn) == len(options)


@pytest.fixture
def b(tmp_path):
    return tmp_path / "b"


def test_if_a_run_failed_there_is_a_table_of_the_others(call, tiny, jobs, b):
    jobs["sgd/none seed 0"] = 3
    code, out, _ = call("reproduce", tiny(), "--out", b)
    assert code == 1
    assert "1 of 6 runs failed" in out
    assert "| sgd/none" in out


def test_a_config_edited_meanwhile_gets_no_table(tiny, refused, b, monkeypatch):
    monkeypatch.setattr(driver, "run_job", lambda job: (tiny(units=9) and 0, ""))
    sentence = refused("reproduce", tiny(), "--out", b)
    assert "tiny.yaml has been edited since the runs were planned, so there is no" in sentence
    assert not list(b.rglob("table.md"))


def test_a_dry_run_prints_no_table(call, b):
    code, out, _ = call("reproduce", "demo", "--out", b, "--dry-run")
    assert code == 0
    assert "9 to run, 0 done" in out
    assert "|" not in out
    assert not b.exists()


def test_the_table_of_times_takes_turns(call, b, monkeypatch):
    taken = []
    monkeypatch.setattr(timing, "time_config", lambda *words: taken.append(words))
    words = ("reproduce", "timing", "--out", b, "--set", "units=8", "layers=1")
    code, out, _ = call(*words, "--dry-run")
    assert (code, taken) == (0, [])
    assert "not measured" in out
    code, out, _ = call(*words)
    assert code == 0
    ((config, settings, device, rounds, later, out, force),) = taken
    assert config.name == "timing"
    assert (settings, device) == (["units=8", "layers=1"], "cpu")
    assert (rounds, later, out, force) == (40, 2654, b, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--jobs", "2"), "--jobs: config timing reports times"),
        (("--cells=x",), "--cells: config timing reports times"),
        (("--max-iterations", "3"), "--max-iterations: config timing reports times"),
        (("--device", "0,1"), "--device: expected one device"),
    ],
    ids=str,
)
def test_what_the_table_of_times_does_not_take_is_one_sentence(refused, b, words, said):
    assert refused("reproduce", "timing", "--out", b, *words).startswith(said)


@pytest.mark.parametrize("command", ["reproduce", "sweep", "run"])
def test_where_the_config_has_to_stand_is_told(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--cell=sgd/none", "--set", "epochs=2", "demo"])
    assert stop.value.code == 2
    assert "CONFIG (before --set, which takes all words" in capsys.readouterr().err
