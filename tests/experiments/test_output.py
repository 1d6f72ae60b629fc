"""What is said: with letters that would move a terminal's cursor, and where nobody can take it."""

import json
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from unittest.mock import Mock

import pytest

from experiments.cli import main
from experiments.sweep import pool as driver
from experiments.sweep.display import Display
from experiments.system.paths import ROOT
from experiments.system.storage import StorageError
from experiments.training.snapshots import SnapshotExtension
from grustab.text import printable, printable_lines
from tests.experiments.checks import find_files, start_command

ODD = ["\x1b[2J", "two\nlines", "a\rb", "a\u202eb", "caf\udce9", "a\u2028b", "\x9b"]
FINE = ["two words", "-x", "--help", "שלום", "a\u00a0b", "é", "{a}", "a'b", "$(id)", "%s"]


@pytest.mark.parametrize("name", ODD)
def test_words_of_that_kind_are_refused_and_printable(tiny, refused, capsys, tmp_path, name):
    file = tmp_path / f"{name}.yaml"
    os.rename(tiny(), file)
    sentence = refused("list", file)
    assert sentence.endswith(".yaml: expected a file name without control characters")
    assert sentence.isprintable()
    assert refused("list", name).isprintable()
    assert refused("list", "demo", "--cells", name).isprintable()
    assert refused("run", "demo", "--cell", name).isprintable()
    assert refused("list", "demo", "--set", f"{name}=1").isprintable()
    assert refused("list", "demo", "--set", f"dropout_after={name}").isprintable()
    assert refused("sweep", "demo", "--scheduler", name).isprintable()
    for words in (["demo", "more", name], ["demo", f"--seeds={name}"], [f"--{name}"]):
        with pytest.raises(SystemExit):
            main(["list", *words])
        err = capsys.readouterr().err
        assert printable(name) in err
        assert all(line.isprintable() for line in err.split("\n"))


@pytest.mark.parametrize("name", FINE)
def test_a_config_of_another_name_works(
    tiny_text, write_config, call, small_data, tmp_path, monkeypatch, name
):
    write_config(tiny_text(epochs=1), f"{name}.yaml")
    monkeypatch.chdir(tmp_path)
    words = ("--out", "results", "--", f"{name}.yaml")
    for command, *options in (("run", "--cell=sgd/none"), ("list",), ("table",), ("figures",)):
        code, _, err = call(command, *options, *words)
        assert (code, "Traceback" in err) == (0, False)
    assert (tmp_path / "results" / name / "table.md").exists()
    (path,) = (tmp_path / "results").rglob("result.json")
    words = shlex.split(json.loads(path.read_text())["command"])
    assert "done already" in call(*words[3:], "--out=results")[1]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_such_a_name_takes_results(
    tiny_text, write_config, call, small_data, tmp_path, name
):
    out = tmp_path / name
    out.mkdir()
    path = write_config(tiny_text(epochs=1), str(out / "tiny.yaml"))
    commands = "run --cell=sgd/none", "sweep --dry-run", "list", "table", "figures"
    for command, *options in map(str.split, commands):
        code, text, err = call(command, path, *options, f"--out={out}")
        assert code == 0, err
        assert all(line.isprintable() for line in text.split("\n"))
    assert (out / "tiny" / "table.md").exists()


def test_a_job_array_has_the_folders_name_as_it_is(tiny, tmp_path, capsysbinary):
    assert main(["sweep", tiny(), "--emit-slurm", f"--out={tmp_path}/caf\udce9"]) == 0
    assert os.fsencode(f"{tmp_path}/caf\udce9") in capsysbinary.readouterr().out


def test_the_log_of_a_failed_run_is_shown_printable_and_short(tiny, call, monkeypatch, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(
        b"\x1b[2J\x1b]0;title\x07\n"
        + b"x" * 10**5
        + b"\n10 %\r20 %\r30 %\r\n"
        + "\u202eא\u2028\u0085.\n".encode()
        + b"\xff\xfe\0last"
    )
    real = driver.run_job

    def run_job(job):
        return real(job._replace(command=["sh", "-c", 'cat "$0"; exit 3', str(log)]))

    monkeypatch.setattr(driver, "run_job", run_job)
    words = ("sweep", tiny(), "--cells=sgd/none", "--seeds=0", f"--out={tmp_path}/b")
    code, out, err = call(*words)
    assert (code, err) == (1, "")
    lines = out.split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 400
    assert "    30 %" in lines
    assert "    \\u202eא\\u2028\\x85." in lines
    assert "    \ufffd\ufffd\\x00last" in lines


@pytest.mark.parametrize(("text", "expected"), [
    ("a\tb\n", "a\\tb\\n"),
    ("\x1b\x9b\x7f\0", "\\x1b\\x9b\\x7f\\x00"),
    ("\udce9\ud800", "\\udce9\\ud800"),
    ("é\u00a0δ שלום 😀", "é\u00a0δ שלום 😀"),
    ("a\\b", "a\\b"),
])  # fmt: skip
def test_printable(text, expected):
    assert printable(text) == expected
    assert printable_lines(text) == expected.replace("\\n", "\n")


def test_printable_keeps_so_many_characters():
    assert printable("\n" * 10, 3) == "\\n\\n\\n..."
    assert printable("abc", 3) == "abc"


needs_dev_full = pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="no device that is always full"
)


@needs_dev_full
@pytest.mark.parametrize("buffering", [1, -1])  # found at the first line, or at the end
def test_a_list_that_nobody_takes_is_said_to_be_lost(tmp_path, monkeypatch, capsys, buffering):
    with open("/dev/full", "w", buffering) as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["list", "demo", "--out", str(tmp_path)]) == 3
        with suppress(OSError):
            full.close()
    assert capsys.readouterr().err == (
        "error: standard output cannot be written: No space left on device\n"
    )


@needs_dev_full
@pytest.mark.parametrize(
    ("words", "code"), [("list demo --cells nope", 2), ("sweep demo --dry-run", 3)]
)
def test_the_exit_code_stands_where_no_word_can_be_said(tmp_path, words, code):
    command = [sys.executable, "-m", "experiments", *words.split(), "--out", tmp_path]
    with open("/dev/full", "w") as full:
        assert subprocess.run(command, cwd=ROOT, stdout=full, stderr=full).returncode == code


@needs_dev_full
def test_what_a_full_disk_does_not_take_does_not_end_a_sweep(monkeypatch):
    full = open("/dev/full", "w", 1)
    with Display([], "cpu") as display:
        monkeypatch.setattr(sys, "stdout", full)
        display.say("sgd/none seed 0: completed")
    with suppress(OSError):
        full.close()


@pytest.mark.parametrize(
    "taker", [pytest.param("full disk", marks=needs_dev_full), "reader that leaves"]
)
def test_a_log_that_nobody_takes_does_not_end_a_run(tmp_path, taker):
    words = "run demo --cell sgd/clipping_5 --max-iterations 3 --set units=8 --out".split()
    if taker == "full disk":
        with open("/dev/full", "w") as full:
            process = start_command(*words, tmp_path, stdout=full)
    else:
        process = start_command(*words, tmp_path)
        assert process.stdout.readline().startswith("demo sgd/clipping_5")
        process.stdout.close()
        process.stdout = None
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    (path,) = find_files(tmp_path, "result.json")
    assert json.loads(open(path).read())["iterations"] == 3


def test_a_snapshot_that_cannot_be_written_or_told_of_does_not_end_a_run(monkeypatch):
    full = Mock()
    full.write.side_effect = full.flush.side_effect = OSError(28, "No space left on device")
    snapshots = Mock()
    snapshots.write.side_effect = StorageError("no room")
    monkeypatch.setattr(sys, "stdout", full)
    SnapshotExtension(snapshots, Mock(), 0.0)()
    snapshots.write.assert_called_once()
