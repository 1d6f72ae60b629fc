"""The command line itself."""

import os
import subprocess
import sys

import pytest

from experiments.cli import main
from experiments.config.load import config_names, load_config
from experiments.system.paths import PROGRAM, ROOT

COMMANDS = ["list", "run", "sweep", "reproduce", "time", "bench", "explosion"]
COMMANDS += ["table", "figures", "claims", "identify", "report"]


def _python(*words, **options):
    options = {"capture_output": True, "text": True, "cwd": ROOT, **options}
    return subprocess.run([sys.executable, *words], **options)


@pytest.fixture
def usage_error(capsys):
    """What argparse says last about words that it refuses."""

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return run


@pytest.mark.parametrize("words", [[], *([command] for command in COMMANDS)], ids=str)
def test_help_is_there(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(" ".join(["usage:", PROGRAM, *words]))
    assert "--out" in text or not words
    assert all(command in text for command in COMMANDS) or words


@pytest.mark.parametrize(("words", "absent"), [
    (["--help"], ["chainer", "matplotlib", "pydantic"]),
    (["figures", "--help"], ["chainer", "matplotlib", "pydantic"]),
    (["run"], ["chainer", "matplotlib", "pydantic"]),  # a mistake
    (["list", "demo"], ["chainer"]),
    (["table", "demo"], ["chainer"]),
    (["sweep", "demo", "--dry-run"], ["chainer"]),
    (["sweep", "demo", "--emit-slurm"], ["chainer"]),
], ids=str)  # fmt: skip
def test_what_answers_at_once_loads_no_large_library(words, absent, tmp_path):
    options = ["--out", str(tmp_path)] * ("demo" in words)
    done = _python("-X", "importtime", "-m", "experiments", *words, *options)
    assert done.returncode == (2 if words == ["run"] else 0)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "experiments.cli" in loaded
    assert not loaded & set(absent)
    assert words[0] == "table" or not list(tmp_path.iterdir())


def test_every_module_can_be_imported_first():
    # The packages that all need are there already; each module is first in a process of its own.
    program = """
import os, pkgutil
import experiments  # with grustab, before chainer
import chainer, matplotlib.pyplot, pydantic, ruamel.yaml, scipy.linalg
failed = []
for module in pkgutil.walk_packages(experiments.__path__, "experiments."):
    if module.name not in ("experiments.__main__", "experiments.bench.torch_model"):
        pid = os.fork()
        if pid == 0:
            __import__(module.name)
            os._exit(0)
        failed += [module.name] * (os.waitpid(pid, 0)[1] != 0)
print(failed)
"""
    done = _python("-c", program)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(("words", "code"), [("list", 0), ("sweep demo --dry-run", 1)])
def test_a_reader_that_stops_early_is_no_mistake(words, code):
    # Standard output closed before anything is written, as `... | head` may do.
    read, write = os.pipe()
    os.close(read)
    stderr = subprocess.PIPE
    done = _python(
        *("-m", "experiments", *words.split()), capture_output=False, stdout=write, stderr=stderr
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode in (code, 141)


# list


@pytest.mark.parametrize("config", [name for name in config_names() if name != "timing"])
def test_list_names_every_cell_with_its_published_number(call, tmp_path, config):
    code, text, err = call("list", config, "--out", tmp_path)
    assert (code, err) == (0, "")
    title, header, *lines, total = text.rstrip("\n").splitlines()
    loaded = load_config(config)
    assert title == f"{config}: {loaded.title}"
    assert header.split() == "cell published done one run on this CPU, at most".split()
    assert len(lines) == len(loaded.cells)
    for line, cell in zip(lines, loaded.cells.values()):
        words = line.split()
        assert words[0] == cell.name
        assert words[1] == (cell.published.printed if cell.published else "none")
        assert f"0 of {loaded.runs}" in line
        assert "unknown" not in line
    assert f"to run: {loaded.runs * len(loaded.cells)}, " in total


# Options


@pytest.mark.parametrize(("words", "said"), [
    ("sweep demo --dry-run --emit-slurm", "not allowed with argument"),
    *(
        (f"{command} --cell=sgd/none --set epochs=2 demo", "CONFIG (before --set, which takes")
        for command in ("reproduce", "sweep", "run")
    ),
])  # fmt: skip
def test_words_that_cannot_stand_so_are_told(usage_error, words, said):
    assert said in usage_error(*words.split())


SECONDS = ["-1", "x", "nan", "inf", "-inf", "", "1e400", "1 2", "10s"]
COUNTS = ["0", "-1", "x", "1.5", "", "²", "2147483648", "9" * 5000]
SEEDS = ["x", "-1", "1-x", "1-", "-", "0.5", "1 2", "2-0", "4294967296", "0x1", "²", ",", "1,,2"]
#: Commands, an option of theirs, values that it does not take, and what was expected.
BAD = [
    ("run sweep", "--snapshot-interval", SECONDS, "expected a number of seconds, got '{}'"),
    ("sweep", "--jobs", COUNTS, "expected a positive integer below 2^31, got '{}"),
    ("sweep", "--jobs-per-device", COUNTS, "expected a positive integer below 2^31, got '{}"),
    ("run sweep", "--max-iterations", COUNTS, "expected a positive integer below 2^31, got '{}"),
    ("sweep", "--device", ["foo", "", "0;1", "-1", "0,0", "9" * 5000], "expected cpu, or GPUs"),
    ("list sweep", "--seeds", SEEDS, "expected"),
    ("list", "--out", [""], "expected a folder, got ''"),
    ("run", "--seed", ["-1", "x", "1.0", str(2**32)], "expected an integer from 0 to 2^32 - 1"),
]


@pytest.mark.parametrize(
    ("command", "option", "value", "expected"),
    [
        (command, option, value, expected)
        for commands, option, values, expected in BAD
        for command in commands.split()
        for value in values
    ],
    ids=lambda text: text[:20],
)
def test_a_bad_value_of_an_option_is_refused(
    usage_error, never_run, command, option, value, expected
):
    line = usage_error(command, "demo", f"{option}={value}", *["--cell=a"][: command == "run"])
    start = f"{PROGRAM} {command}: error: argument {option}: "
    assert line.startswith(start + expected.format(value[:50]))
    assert len(line) < 300


def test_a_tilde_is_the_home_folder_also_where_no_shell_has_seen_it(
    call, tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    tiny()
    (tmp_path / "x").mkdir()
    code, text, err = call("table", "~/tiny.yaml", "--out=~/x")
    assert (code, "Tiny: for the tests" in text) == (0, True), err
    assert (tmp_path / "x" / "tiny" / "table.md").is_file()
    assert (
        "there is no config '~nobody-such/tiny.yaml'" in call("list", "~nobody-such/tiny.yaml")[2]
    )
    assert not (tmp_path / "~").exists()


def test_a_signal_in_code_that_was_text_ends_with_the_exit_code_all_the_same(tmp_path):
    (tmp_path / "probe.py").write_text(f"""
import experiments.cli
def main():
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 130
experiments.cli.main = main
exec(open({str(ROOT / "experiments/__main__.py")!r}).read())
""")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert _python("-m", "probe", cwd=tmp_path, env=environment).returncode == 130
