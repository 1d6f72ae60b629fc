"""What commands refuse, one sentence with what was meant, and what a run says."""

import errno
import itertools
import os
from unittest.mock import Mock

import pytest

from tests.experiments.checks import check_complete, check_words
from tests.experiments.conftest import MUSIC

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.mark.parametrize(("command", "a_file", "said"), [
    ("run --cell sgd/none", "results", "result.json: cannot be written: Not a directory"),
    ("run --cell sgd/none", "runs", ".lock: cannot be written: Not a directory"),
    ("run --cell sgd/none", "", "cannot be written: No space left on device"),
    ("sweep", "", "cannot be written: No space left on device"),
])  # fmt: skip
def test_a_folder_that_takes_no_file_is_refused_before_the_run(
    tiny, refused, never_run, tmp_path, monkeypatch, command, a_file, said
):
    if a_file:
        (tmp_path / a_file).write_text("")
    else:
        full = Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        monkeypatch.setattr("tempfile.TemporaryFile", full)
    command, *options = command.split()
    out = tmp_path / "results"
    assert said in refused(command, tiny(), *options, "--out", out, code=3)


@pytest.mark.parametrize("device", ["foo", "gpu", "-1", "0x", "", "cuda:0", "²", "1.0", "0", "99"])
def test_a_device_that_is_not_there_is_refused(tiny, refused, never_run, device):
    from chainer.backends import cuda

    if device == "0" and cuda.available and cuda.cupy.cuda.is_available():
        pytest.skip("there is a GPU")
    sentence = refused("run", tiny(), "--cell", "sgd/none", f"--device={device}")
    number = device in ("0", "99")
    assert f"--device {device}: {'' if number else 'expected cpu, or the number'}" in sentence


def test_what_keeps_cupy_from_a_gpu_is_named(tiny, refused, never_run, monkeypatch):
    monkeypatch.setattr("chainer.backends.cuda.available", False)
    cause = ImportError("libcublasLt.so.12: cannot open\nshared object file")
    monkeypatch.setattr("chainer.backends.cuda._resolution_error", cause, raising=False)
    sentence = refused("run", tiny(), "--cell", "sgd/none", "--device", "0")
    assert "no GPU can be used (libcublasLt.so.12: cannot open shared object file)" in sentence


@pytest.mark.parametrize(("changes", "said"), [
    (
        {"batch_size": 100, "bptt_steps": 100},
        "batch_size 100 times bptt_steps 100: expected at most 1",
    ),
    ({"eval_batch_size": 2**31 - 1}, ": expected at most 149, the steps to predict"),
    (
        {**MUSIC, "validation": "stream", "eval_batch_size": 10**5},
        "eval_batch_size 100000: expected at most ",
    ),
    ({**MUSIC, "batch_size": 5}, "batch_size 5: expected at most 4, the number of training tunes"),
    (
        {**MUSIC, "batching": "tunes_by_length", "batch_size": 2**31 - 1},
        "batch_size 2147483647: expected at most 4, the number of training tunes",
    ),
], ids=str)  # fmt: skip
def test_data_too_short_for_the_batches_is_one_sentence(tiny, refused, tmp_path, changes, said):
    words = ("run", tiny(**changes), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert said in refused(*words)


@pytest.mark.parametrize("changes", [
    {"bptt_steps": 2**31 - 1},
    {"batch_size": 4, "eval_batch_size": 2**31 - 1},
    {"epochs": 2**31 - 1, "monitor_interval": 2**31 - 1, "stop_patience": 2**31 - 1},
    {"schedule": "exponential", "decay_divisor": 1e308, "decay_after": 1, "epochs": 2**31 - 1},
    {"schedule": "plateau", "decay_divisor": 1 + 1e-15, "decay_after": 2**31 - 1},
    {"units": 1, "initial_std": 1e-300, "input_scale": 1e-300, "learning_rate": 1e-300},
    {"initial_std": 1e300, "input_scale": 1e300, "optimizer": "adam", "epsilon": 1e300},
    {"dropout": 1 - 1e-16, "dropout_after": ["input", "gru"], "adam_beta1": 1 - 1e-16},
], ids=str)  # fmt: skip
def test_extreme_numbers_work(tiny_music, run, call, recwarn, tmp_path, changes):
    path = tiny_music(**changes)
    options = ("--max-iterations", "2", "--snapshot-interval", "1e300", "--seed", 2**32 - 1)
    result, _, _ = run(path, "sgd/clipping_5", *options, "--set", "threshold=1e-320")
    check_complete(result)
    assert not [warning for warning in recwarn if warning.category is RuntimeWarning]
    for command in ("list", "table"):
        words = (path, "--cells", "*5", "--set", "threshold=1e-320", "--out", tmp_path / "results")
        code, out, err = call(command, *words)
        assert (code, err) == (0, "")
        assert "sgd/clipping_5" in out


@pytest.mark.parametrize("text", ["Unable to allocate 7.28 TiB for an array", ""])
def test_too_little_memory_is_one_sentence_that_names_the_sizes(
    tiny, refused, tmp_path, monkeypatch, text
):
    monkeypatch.setattr("experiments.training.run.make_model", Mock(side_effect=MemoryError(text)))
    sentence = refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert sentence.startswith("there is not enough memory")
    assert text in sentence
    for key in ("units", "layers", "batch_size", "bptt_steps", "eval_batch_size"):
        assert key in sentence


def test_the_announcement_says_what_will_run_and_where_to(tiny, run):
    _, out, _ = run(tiny(), "sgd/clipping_5", "--seed", "7")
    words = "tiny sgd/clipping_5, seed 7, on cpu; 1 x 8 units; clipping threshold 5"
    words += "; at most 2 epochs; best validation perplexity; a unigram predictor: perplexity"
    assert [part for part in words.split("; ") if part not in out] == []


@pytest.mark.parametrize(("words", "said"), [
    ("list table3", "there is no config 'table3', did you mean 'table3_music'?"),
    ("list dmeo", "there is no config 'dmeo', did you mean 'demo'?"),
    *((f"list {name}", name) for name in ("zzz", "/no/a.yaml", "x" * 300, "x" * 300 + ".yaml")),
    (
        "run table1_language --cell sgd_1.1/cliping_5",
        "config table1_language has no cell 'sgd_1.1/cliping_5', did you mean "
        "'sgd_1.1/clipping_5'?",
    ),
    ("list --cells zzz*", "no config has a cell 'zzz*'"),
    ("table demo --cells zzz*", "config demo has no cell 'zzz*'"),
    ("table demo --cells zzz*", "sgd/clipping_20, sgd/clipping_5, sgd/projection_0.2"),
    ("list demo --set units=8 epochs=0 --set dropout=0.5", "key 'epochs'"),
    ("sweep timing", "config timing reports times, which the command time takes"),
    ("reproduce timing --jobs 2", "--jobs: config timing reports times"),
    ("reproduce timing --cells=x", "--cells: config timing reports times"),
    ("reproduce timing --max-iterations 3", "--max-iterations: config timing reports times"),
    ("reproduce timing --device 0,1", "--device: expected one device"),
    ("sweep demo --device 0 --jobs 2", "--jobs: expected --jobs-per-device N on GPUs"),
    ("sweep demo --jobs-per-device 2", "--jobs-per-device: expected --jobs N on a CPU"),
    ("sweep demo --emit-slurm --scheduler tcp://x", "--scheduler: of no effect"),
    ("sweep demo --emit-slurm --jobs 2", "--jobs: of no effect with --emit-slurm"),
    ("sweep demo --scheduler tcp://x --jobs 2", "--jobs: of no effect with --scheduler"),
    ("sweep demo --emit-slurm --device 0,1", "--device: expected one device with --emit-slurm"),
    *(
        (f"{command} --out runs/misTyped", "--out runs/misTyped: expected a folder of results")
        for command in ("table demo", "claims", "identify", "report", "figures demo")
    ),
], ids=lambda text: text[:35])  # fmt: skip
def test_words_that_name_nothing_or_do_not_fit_are_told(refused, words, said):
    assert said in refused(*words.split())


def test_a_file_beside_the_name_is_the_hint(refused, tiny, tmp_path, monkeypatch):
    for name, path in (("tiny", "tiny.yaml"), (f"{tmp_path}/tyni.yaml", tiny())):
        monkeypatch.chdir(tmp_path)
        assert refused("list", name) == f"there is no config '{name}', did you mean '{path}'?"


OVERRIDES = [
    ("epochs", "expected key=value"),
    ("=3", "expected key=value"),
    ("", "expected key=value"),
    ("epoch=3", "did you mean 'epochs'?"),
    ("cells=3", "unknown key"),
    ("epochs='2'", "integer"),
    ("learning_rate=" + "a" * 1000, "key 'learning_rate'"),
    ("learning_rate=1e400", "finite"),
    ("task=music", "'music'"),
    ("epochs=[1", "not valid YAML"),
    ("units=!!int ''", "not valid YAML"),
    ("layers=true", "key 'layers'"),
    ("epochs=\x00", "not valid YAML"),
    ("epochs=" + "9" * 5000, "not valid YAML"),
    ("epochs=2020-99-99", "not valid YAML"),
]


@pytest.mark.parametrize(  # all commands have one reader
    ("command", "given", "expected"),
    [
        (command, *case)
        for command, case in zip(itertools.cycle(("list", "run", "table")), OVERRIDES)
    ],
    ids=lambda text: text[:25],
)
def test_a_bad_override_is_one_sentence(refused, command, given, expected):
    words = ["--cell", "sgd_1.1/clipping_5"] if command == "run" else ["--cells", "*/clipping_5"]
    sentence = refused(command, "main_language", *words, "--set", given)
    shown = given.replace("\0", r"\x00")  # nothing that moves a terminal's cursor
    assert sentence.startswith(f"--set {shown[:50]}")
    assert expected in sentence
    check_words(sentence)
