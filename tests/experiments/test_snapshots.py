"""Snapshots: the damaged are passed over, the foreign are refused, a full disk ends no run."""

import errno
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import tempfile
import warnings
import zipfile

import numpy as np
import pytest

import experiments.snapshots
from experiments.cli import main
from tests.experiments.checks import timeless

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture
def stopped(tiny, run, tmp_path):
    """Stop a run at iterations, a snapshot each; gives its folder."""

    def stop(*iterations, options=()):
        for iteration in iterations:
            out = ("--out", tmp_path / "b", "--max-iterations", iteration)
            run(tiny(), "sgd/none", *options, *out)
        (path,) = (tmp_path / "b").rglob("result.json")
        assert [number(snapshot) for snapshot in snapshots(path.parent)] == list(iterations)[-2:]
        return path.parent

    return stop


@pytest.fixture
def go_on(tiny, run, tmp_path):
    """Run the same to its end; gives result and stdout."""

    def go(*options):
        result, out, _ = run(tiny(), "sgd/none", "--out", tmp_path / "b", *options)
        return result, out

    return go


@pytest.fixture
def refusal(tiny, refused, tmp_path):
    """The sentence that the same is refused with."""
    words = ("--cell", "sgd/none", "--out", tmp_path / "b")
    return lambda *options: refused("run", tiny(), *words, *options)


@pytest.fixture
def whole(tiny, run):
    """The result of the same without a stop."""
    return lambda *options: run(tiny(), "sgd/none", *options)[0]


def snapshots(folder):
    """By iteration; of one iteration the older first."""
    paths = folder.glob("snapshot-*.npz")
    return sorted(paths, key=lambda path: (number(path), path.stat().st_mtime_ns))


def number(path):
    return int(path.name.split("-")[1])


def sign(path, content):
    """Replace a snapshot by contents that its name's checksum is right for."""
    path.unlink()
    digest = hashlib.sha256(content).hexdigest()[:16]
    signed = path.with_name(f"snapshot-{number(path):08d}-{digest}.npz")
    signed.write_bytes(content)
    return signed


def arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def npz(state):
    content = io.BytesIO()
    np.savez(content, **state)
    return content.getvalue()


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "without its last byte": lambda content: content[:-1],
    "a bit flipped": lambda content: content[:900] + bytes([content[900] ^ 4]) + content[901:],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_is_passed_over_for_the_one_before(stopped, go_on, whole, damage):
    newest = snapshots(stopped(10, 20))[-1]
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    result, out = go_on()
    assert f"{newest.name} is damaged (its checksum is wrong) and is passed over" in out
    assert "resumed at iteration 10" in out
    assert timeless(result) == timeless(whole())
    assert snapshots(newest.parent) == []


def test_a_snapshot_that_cannot_be_read_is_passed_over(stopped, go_on, whole):
    newest = snapshots(stopped(10, 20))[-1]
    newest.unlink()
    newest.mkdir()
    result, out = go_on()
    assert f"{newest.name} cannot be read (Is a directory) and is passed over" in out
    assert "resumed at iteration 10" in out
    assert timeless(result) == timeless(whole())


def test_where_all_snapshots_are_damaged_the_run_begins_anew(stopped, go_on, whole):
    folder = stopped(10, 20)
    for path in snapshots(folder):
        path.write_bytes(path.read_bytes()[:-100])
    result, out = go_on()
    assert out.count("passed over") == 2
    assert "resumed" not in out
    assert result["resumed"] == []
    assert timeless(result) == timeless(whole())
    assert snapshots(folder) == []


def test_a_damaged_snapshot_takes_no_good_ones_place(stopped, go_on):
    folder = stopped(10, 20)
    newest = snapshots(folder)[-1]
    newest.write_bytes(b"")
    for iteration in (12, 14):
        (folder / "result.json").unlink()
        go_on("--max-iterations", iteration)
    whole = [number(path) for path in snapshots(folder) if path.stat().st_size]
    assert whole == [12, 14]


# Snapshots of something else


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        (["--seed", "1"], ["seed: 0 there, 1 here"]),
        (["--set", "learning_rate=0.25"], ["learning_rate: 0.5 there, 0.25 here"]),
        (
            ["--set", "layers=2", "dropout=0.5", "dropout_after=[gru]"],
            ["dropout: 0.0 there, 0.5 here", 'dropout_after: [] there, ["gru"] here', "layers: 1"],
        ),
        (["--cell", "sgd/clipping_5"], ["threshold: null there, 5.0 here", "cell: ", "method: "]),
    ],
    ids=lambda value: value[-1],
)
def test_a_snapshot_of_another_run_is_refused(
    tiny, stopped, run, refusal, go_on, whole, tmp_path, options, differing
):
    (foreign,) = snapshots(stopped(20))
    out = ("--out", tmp_path / "b")
    run(tiny(), "sgd/none", "--max-iterations", "5", *out, *options)
    (folder,) = {path.parent for path in (tmp_path / "b").rglob("snap*")} - {foreign.parent}
    copy = shutil.copy2(foreign, folder)
    before = {path: path.read_bytes() for path in snapshots(folder)}
    sentence = refusal(*options)
    assert f"{copy}: a snapshot of another run (" in sentence
    for words in differing:
        assert words in sentence
    assert "batch_size" not in sentence
    assert {path: path.read_bytes() for path in snapshots(folder)} == before
    result, text = go_on("--force", *options)
    assert "resumed" not in text
    assert timeless(result) == timeless(whole(*options))


def test_a_snapshot_of_another_task_is_refused_in_a_readable_sentence(
    stopped, run, tiny_music, refusal, tmp_path
):
    folder = stopped(5)
    music = tiny_music(
        units=12, layers=2, optimizer="adam", learning_rate=0.01, epochs=7, monitor_interval=2
    )
    run(music, "sgd/projection_0.2", "--max-iterations", "9", "--out", tmp_path / "music")
    (foreign,) = (tmp_path / "music").rglob("snapshot-*")
    shutil.copy2(foreign, folder)
    assert 'task: "music" there, "language" here' in refusal()


def test_a_snapshot_of_another_format_is_refused(stopped, refusal, monkeypatch):
    (path,) = snapshots(stopped(20))
    monkeypatch.setattr(experiments.snapshots, "FORMAT", 2)
    assert "(format: 1 there, 2 here)" in refusal()
    assert path.exists()


@pytest.mark.parametrize("change", ["lacks", "other shape"])
def test_a_snapshot_that_does_not_fit_is_refused(stopped, refusal, change):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    key = next(key for key in state if key.endswith("/W") and state[key].ndim == 2)
    if change == "lacks":
        del state[key]
    else:
        state[key] = np.zeros((3, 5), np.float32)
    path = sign(path, npz(state))
    assert f"{path}: does not fit this version (" in refusal()
    assert path.exists()


# Hostile snapshots


class Evil:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("where", ["a new key", "a key of ours", "the manifest", "no npz at all"])
def test_a_pickle_is_refused_and_not_executed(stopped, refusal, tmp_path, where):
    (path,) = snapshots(stopped(20))
    trace = tmp_path / "executed"
    state = arrays(path)
    key = {
        "a key of ours": next(key for key in state if key.endswith("/W")),
        "the manifest": "manifest",
    }.get(where, "evil")
    state[key] = np.array([Evil(trace)], dtype=object)
    content = npz(state) if where != "no npz at all" else pickle.dumps(Evil(trace))
    np.load(io.BytesIO(content), allow_pickle=True)[key] if where != "no npz at all" else None
    assert trace.exists() == (where != "no npz at all")  # the payload does what it says
    trace.unlink(missing_ok=True)
    path = sign(path, content)
    sentence = refusal()
    assert f"{path}: not a snapshot of this program, delete it or run with --force" in sentence
    assert not trace.exists()
    assert path.exists()


def _zip(name="manifest.npy", content=b"", method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _npy(header, data=b""):
    header = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _deflated_badly():
    content = _zip(content=b"a" * 1000, method=zipfile.ZIP_DEFLATED)
    place = 30 + len("manifest.npy")
    return content[:place] + b"\xff" * 4 + content[place + 4 :]


def _with_flag(offset, value):
    """A bit pattern in both headers of a zip's only file."""
    content = bytearray(_zip(content=_npy("{}")))
    central = content.index(b"PK\x01\x02")
    content[offset], content[central + offset + 2] = value, value
    return bytes(content)


CONTENTS = {
    "empty": lambda: b"",
    "text": lambda: b"no snapshot at all\n",
    "zip without files": lambda: b"PK\x05\x06" + bytes(18),
    "other npz": lambda: npz({"a": np.zeros(3)}),
    "npy": lambda: _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
    "no arrays": lambda: _zip(content=b"text"),
    "bad header": lambda: _zip(content=_npy("{'descr': [[[, 'shape': 3}")),
    "bad deflate": _deflated_badly,
    "encrypted": lambda: _with_flag(6, 1),
    "unknown compression": lambda: _with_flag(8, 77),
    "manifest a list": lambda: npz({"manifest": "[]", "none": "[]"}),
    "manifest a number": lambda: npz({"manifest": "1", "none": "[]"}),
    "manifest no JSON": lambda: npz({"manifest": "{", "none": "[]"}),
    "manifest too deep": lambda: npz({"manifest": "[" * 200_000, "none": "[]"}),
    "none a number": lambda: npz({"manifest": "{}", "none": "1"}),
    "none of lists": lambda: npz({"manifest": "{}", "none": "[[]]"}),
    "none missing": lambda: npz({"manifest": "{}"}),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_snapshot_is_refused_in_one_sentence(stopped, refusal, content):
    (path,) = snapshots(stopped(20))
    path = sign(path, CONTENTS[content]())
    assert f"{path}: not a snapshot of this program" in refusal()
    assert path.exists()


def test_an_array_too_large_for_memory_is_one_sentence(stopped, refusal):
    (path,) = snapshots(stopped(20))
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 10000000)}"
    path = sign(path, _zip(content=_npy(huge)))
    assert refusal()
    assert path.exists()


@pytest.mark.parametrize("key", ["two\nlines", "k" * 5000])
def test_a_strange_manifest_makes_no_strange_sentence(stopped, refusal, key):
    (path,) = snapshots(stopped(20))
    state = arrays(path)
    state["manifest"] = json.dumps({**json.loads(str(state["manifest"])), key: key})
    sign(path, npz(state))
    assert "a snapshot of another run (" in refusal()  # one line, not too long


# How many there are, and when


@pytest.mark.parametrize("settings", ["", "stop_patience=1 schedule=plateau decay_after=1"])
def test_a_snapshot_holds_no_pickle(stopped, settings):
    words = f"decay_divisor=2 {settings}".split() if settings else []
    (path,) = snapshots(stopped(20, options=["--set", *words] if words else []))
    state = arrays(path)  # of which each was read without pickle
    assert len(state) > 20
    assert all(array.dtype != object for array in state.values())
    assert json.loads(str(state["manifest"]))["seed"] == 0
    assert path.stem.split("-")[-1] == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_two_are_kept_and_none_when_the_run_is_complete(stopped, go_on, monkeypatch):
    folder = stopped(5, 10, 15)
    written = []
    write_file = experiments.snapshots.write_file

    def watched(path, content):
        write_file(path, content)
        written.append((number(path), len(snapshots(folder))))

    monkeypatch.setattr(experiments.snapshots, "write_file", watched)
    result, _ = go_on("--snapshot-interval", "0")
    assert [iteration for iteration, _ in written] == list(range(16, result["iterations"] + 1))
    assert {count for _, count in written} == {3}  # before the oldest goes
    assert [path.name for path in folder.glob("*.npz")] == []
    assert {path.name for path in folder.iterdir()} <= {"result.json", "log", ".lock"}


def test_a_snapshot_at_every_iteration_changes_nothing(run, tiny, whole, tmp_path):
    options = ("--snapshot-interval", "0", "--out", tmp_path / "b")
    assert timeless(run(tiny(), "sgd/none", *options)[0]) == timeless(whole())


def test_none_is_written_before_it_is_time(run, tiny, monkeypatch):
    monkeypatch.setattr(experiments.snapshots, "write_file", None)
    run(tiny(), "sgd/none", "--snapshot-interval", "1e6")


def test_force_begins_anew(stopped, go_on, whole):
    folder = stopped(10, 20)
    result, out = go_on("--force")
    assert "resumed" not in out
    assert result["resumed"] == []
    assert timeless(result) == timeless(whole())
    assert snapshots(folder) == []


def test_force_removes_the_snapshots_before_it_writes_new_ones(stopped, go_on):
    folder = stopped(10, 20)
    go_on("--force", "--max-iterations", "5")
    assert [number(path) for path in snapshots(folder)] == [5]


@pytest.mark.parametrize("value", ["-1", "x", "nan", "inf", "-inf", "", "1e400", "1 2", "10s"])
@pytest.mark.parametrize("command", [("run", "demo", "--cell", "a"), ("sweep", "demo")], ids=str)
def test_bad_intervals_are_refused(capsys, command, value):
    with pytest.raises(SystemExit) as stop:
        main([*command, f"--snapshot-interval={value}"])
    assert stop.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --snapshot-interval: expected a number of seconds, got {value!r}" in error


# Full disks


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_the_earlier_snapshots_and_the_run_goes_on(
    stopped, go_on, whole, monkeypatch
):
    folder = stopped(10)
    write_file = experiments.snapshots.write_file

    def full(path, content):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", no_space)
            write_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(experiments.snapshots, "write_file", full)
        result, out = go_on("--max-iterations", "20", "--snapshot-interval", "0")
    assert (result["iterations"], result["stopped_by"]) == (20, "--max-iterations 20")
    assert out.count("warning: no snapshot, the earlier ones are kept: ") == 11
    assert "cannot be written: No space left on device" in out
    assert [number(path) for path in snapshots(folder)] == [10]
    assert {path.name for path in folder.iterdir()} - {".lock", "log"} == {
        "result.json",
        snapshots(folder)[0].name,
    }
    result, out = go_on()
    assert "resumed at iteration 10" in out
    assert timeless(result) == timeless(whole())


def test_a_disk_that_is_full_only_for_a_while_gets_the_next_snapshot(stopped, go_on, monkeypatch):
    folder = stopped(10)
    write_file = experiments.snapshots.write_file
    count = iter([True, True, False, True, False])

    def full_at_times(path, content):
        if next(count):
            raise experiments.files.StorageError("full")
        write_file(path, content)

    monkeypatch.setattr(experiments.snapshots, "write_file", full_at_times)
    go_on("--max-iterations", "14", "--snapshot-interval", "0")
    assert [number(path) for path in snapshots(folder)] == [13, 14]


def test_a_disk_that_takes_nothing_at_all_is_exit_code_3(tiny, run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    _, _, err = run(tiny(), "sgd/none", "--max-iterations", "3", code=3)
    sentence = err.splitlines()[-1]
    assert "result.json: cannot be written: No space left on device" in sentence
    assert sentence.endswith("; this result could not be kept anywhere")


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_folder_that_takes_no_file_is_refused_before_the_run(
    tiny, refused, never_run, tmp_path, monkeypatch, command, code
):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    words = [command, tiny(), "--out", tmp_path / "b"]
    if command == "run":
        words += ["--cell", "sgd/none"]
    assert f"cannot be written: {os.strerror(code)}" in refused(*words, code=3)
