"""``reproduce``, which ``scripts/reproduce.sh`` calls."""

import pytest

from experiments import commands
from experiments.sweep import pool as driver
from experiments.timing import measure as timing


@pytest.mark.parametrize("options", [(), ("--figures", "--set", "units=9", "epochs=1")], ids=str)
def test_the_table_is_printed_and_figures_are_drawn_if_asked_for(
    call, tiny, fake_jobs, tmp_path, monkeypatch, options
):
    drawn = []
    monkeypatch.setattr(commands, "figures_command", drawn.append)
    tiny()
    monkeypatch.chdir(tmp_path)  # relative paths are the caller's
    code, said, _ = call("reproduce", "tiny.yaml", "--out=mine", "--cells=sgd/*", *options)
    assert code == 0
    assert "| sgd/none" in said
    assert ("units=9, epochs=1" in said) == bool(options)
    assert len(drawn) == bool(options)
    (table,) = (tmp_path / "mine" / "tiny").glob("table*.md")
    assert f"written: mine/tiny/{table.name}" in said


def test_if_a_run_failed_there_is_a_table_of_the_others(call, tiny, fake_jobs, out):
    fake_jobs[1]["sgd/none seed 0"] = 3
    code, said, _ = call("reproduce", tiny(), "--out", out)
    assert code == 1
    assert "1 of 6 runs failed" in said
    assert "| sgd/none" in said


def test_a_config_edited_meanwhile_gets_no_table(tiny, refused, out, monkeypatch):
    monkeypatch.setattr(driver, "run_job", lambda job: (tiny(units=9) and 0, ""))
    sentence = refused("reproduce", tiny(), "--out", out)
    assert "tiny.yaml has been edited since the runs were planned, so there is no" in sentence
    assert not list(out.rglob("table.md"))


def test_a_dry_run_prints_no_table(call, out):
    code, said, _ = call("reproduce", "demo", "--out", out, "--dry-run")
    assert (code, "9 to run, 0 done" in said, "|" in said) == (0, True, False)
    assert not any(out.iterdir())


def test_the_table_of_times_takes_turns(call, out, monkeypatch):
    taken = []
    monkeypatch.setattr(timing, "time_config", lambda *words: taken.append(words))
    words = ("reproduce", "timing", "--out", out, "--set", "units=8", "layers=1")
    code, said, _ = call(*words, "--dry-run")
    assert (code, taken, "not measured" in said) == (0, [], True)
    assert call(*words)[0] == 0
    ((config, *arguments),) = taken
    assert config.name == "timing"
    assert arguments == [["units=8", "layers=1"], "cpu", 40, 2654, out, False]
