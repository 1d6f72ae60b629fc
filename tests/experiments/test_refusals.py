"""What a run refuses, and what it says."""

import os

import pytest

from tests.experiments.checks import EXPLODES, check_complete
from tests.experiments.conftest import MUSIC

pytestmark = pytest.mark.usefixtures("small_data")


def test_a_results_folder_that_is_a_file_is_refused_before_training(
    tiny, refused, never_run, tmp_path
):
    (tmp_path / "results").write_text("")
    sentence = refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results", code=3)
    assert "results" in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_results_folder_is_refused_before_training(tiny, refused, never_run, tmp_path):
    (tmp_path / "results").mkdir(mode=0o500)
    refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results", code=3)


def test_a_run_does_not_start_where_it_can_keep_no_snapshot(tiny, refused, never_run, tmp_path):
    (tmp_path / "runs").write_text("")
    run = ("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert ".lock: cannot be written: Not a directory" in refused(*run, code=3)


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


@pytest.mark.gpu
def test_a_run_on_a_gpu_is_complete(tiny, run):
    result, _, _ = run(tiny(), "sgd/projection_0.2", "--device", "0")
    check_complete(result)
    assert result["environment"]["device"] != "cpu"
    assert result["environment"]["cuda"].keys() == {"version", "driver", "tf32"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 5000}, "too short"),
        ({"bptt_steps": 5000}, "too short"),
        ({"batch_size": 100, "bptt_steps": 100}, "too short"),
        ({"eval_batch_size": 2**31 - 1}, ": expected at most 149, the words to predict"),
        (
            {**MUSIC, "batch_size": 5},
            "batch_size 5: expected at most 4, the number of training tunes",
        ),
        (
            {**MUSIC, "batching": "tunes_by_length", "batch_size": 2**31 - 1},
            "batch_size 2147483647: expected at most 4, the number of training tunes",
        ),
    ],
    ids=str,
)
def test_data_too_short_for_the_batches_is_one_sentence(tiny, refused, tmp_path, changes, said):
    words = ("run", tiny(**changes), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert said in refused(*words)


@pytest.mark.parametrize(
    "changes",
    [
        {"bptt_steps": 2**31 - 1},
        {"batch_size": 4, "eval_batch_size": 2**31 - 1},
        {"epochs": 2**31 - 1, "monitor_interval": 2**31 - 1, "stop_patience": 2**31 - 1},
        {"schedule": "exponential", "decay_divisor": 1e308, "decay_after": 1, "epochs": 2**31 - 1},
        {"schedule": "plateau", "decay_divisor": 1 + 1e-15, "decay_after": 2**31 - 1},
        {"units": 1, "initial_std": 1e-300, "input_scale": 1e-300, "learning_rate": 1e-300},
        {"initial_std": 1e300, "input_scale": 1e300, "optimizer": "adam", "epsilon": 1e300},
        {"dropout": 1 - 1e-16, "dropout_after": ["input", "gru"], "adam_beta1": 1 - 1e-16},
    ],
    ids=str,
)
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
    def allocate(*_):
        raise MemoryError(text)

    monkeypatch.setattr("experiments.training.run.make_model", allocate)
    sentence = refused("run", tiny(), "--cell", "sgd/none", "--out", tmp_path / "results")
    assert sentence.startswith("there is not enough memory")
    assert text in sentence
    for key in ("units", "layers", "batch_size", "bptt_steps", "eval_batch_size"):
        assert key in sentence


def test_the_announcement_says_what_will_run_and_where_to(tiny, run, results):
    _, out, _ = run(tiny(), "sgd/clipping_5", "--seed", "7")
    assert "tiny sgd/clipping_5, seed 7, on cpu" in out
    assert "1 x 8 units" in out
    assert "clipping threshold 5" in out
    assert "at most 2 epochs" in out
    assert "best validation perplexity" in out
    assert "a unigram predictor: perplexity" in out


@pytest.mark.parametrize(
    "options", [("--set", EXPLODES), ("--max-iterations", "1"), (), ("--seed=9",)], ids=str
)
def test_what_a_run_says_reads_well(tiny, run, interrupt_at, options):
    if not options:
        interrupt_at(3)
    _, out, _ = run(tiny(), "sgd/none", *options, code=0 if options else 130)
    for awkward in ("diverged by divergence", "interrupted by an interruption", " 1 iterations"):
        assert awkward not in out
    assert [line for line in out.splitlines() if line != line.rstrip()] == []
