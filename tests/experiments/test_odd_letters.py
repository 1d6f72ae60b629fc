"""File names and logs with letters that would move a terminal's cursor, or are none."""

import json
import os
import shlex

import pytest

from experiments.cli import main
from experiments.sweep import pool as driver
from grustab.text import printable, printable_lines

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
        assert all(line.isprintable() for line in capsys.readouterr().err.splitlines())


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
    tiny_text, write_config, call, store, small_data, tmp_path, name
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\n", "a\\tb\\n"),
        ("\x1b\x9b\x7f\0", "\\x1b\\x9b\\x7f\\x00"),
        ("\udce9\ud800", "\\udce9\\ud800"),
        ("é\u00a0δ שלום 😀", "é\u00a0δ שלום 😀"),
        ("a\\b", "a\\b"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected
    assert printable_lines(text) == expected.replace("\\n", "\n")


def test_printable_keeps_so_many_characters():
    assert printable("\n" * 10, 3) == "\\n\\n\\n..."
    assert printable("abc", 3) == "abc"
