"""The pickle reader: plain data comes through, everything else is refused and never run."""

import collections
import io
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grustab.datasets import safe_pickle
from grustab.datasets.nottingham import read_pickle
from grustab.datasets.safe_pickle import load_plain
from grustab.errors import DataError
from tests.hostile import hostile_pickles

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "data.pickle"


def _load(path, content):
    path.write_bytes(content)
    return load_plain(path)


_PLAIN = st.recursive(
    st.integers(-(10**15), 10**15) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(value=_PLAIN, protocol=st.sampled_from(PROTOCOLS))
def test_plain_data_comes_through(path, value, protocol):
    assert _load(path, pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize(("code", "value"), [
    (b"S'train'\np0\n.", "train"),
    (b'S"it\'s"\n.', "it's"),
    (b"\x80\x02U\x05trainq\x00.", "train"),
    (b"T\x05\x00\x00\x00train.", "train"),
    (b"L60L\n.", 60),
    (b"(dp0\nS'a'\np1\n(lp2\n(I60\nI64\ntp3\nas.", {"a": [(60, 64)]}),
])  # fmt: skip
def test_what_python_2_writes(path, code, value):
    assert _load(path, code) == value


def test_shared_and_recursive_parts(path):
    value: list = [[1]]
    value.append(value[0])
    value.append(value)
    loaded = _load(path, pickle.dumps(value, 2))
    assert loaded[0] is loaded[1]
    assert loaded[2] is loaded


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [
    len, collections.OrderedDict(a=1), {1, 2}, 1.5, b"bytes", 3j, np.int64(60), {1: 2}, {(1, 2): 3}
])  # fmt: skip
def test_other_types_are_refused(path, protocol, value):
    with pytest.raises(DataError, match="holds more than dicts, lists"):
        _load(path, pickle.dumps([value], protocol))


def test_hostile_pickles(path, tmp_path):
    """None is run, crashes or takes more memory than thrice the largest file; all are refused."""
    mark = tmp_path / "executed"
    problems = []
    for name, content in hostile_pickles(mark):
        if name.startswith(("os.system, ", "eval, ", "open, ")):  # they are real
            pickle.loads(content)
            mark.unlink()
        path.write_bytes(content)
        tracemalloc.start()
        try:
            read_pickle(path)
            problems.append(f"{name}: taken")
        except DataError as error:
            if len(str(error)) > 400 or not str(error).isprintable():
                problems.append(f"{name}: {error}")
        if tracemalloc.get_traced_memory()[1] > 3 * safe_pickle.MAX_BYTES:
            problems.append(f"{name}: memory")
        tracemalloc.stop()
        if mark.exists():
            problems.append(f"{name}: executed")
            mark.unlink()
    assert not problems


def test_nothing_is_called_but_two_functions_of_this_package():
    left = set(safe_pickle._PlainUnpickler.dispatch)
    for name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID",
                 "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "FLOAT", "BINFLOAT", "LONG4", "EMPTY_SET",
                 "BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINUNICODE8"):  # fmt: skip
        assert getattr(pickle, name)[0] not in left
    reader = safe_pickle._PlainUnpickler(io.BytesIO())
    for names in (("os", "system"), ("numpy", "load"), ("numpy.core.multiarray", "_reconstruct")):
        with pytest.raises(KeyError):
            reader.find_class(*names)
    called = {
        reader.find_class("numpy", "dtype"),
        reader.find_class("numpy.core.multiarray", "scalar"),
    }
    assert {function.__module__ for function in called} == {safe_pickle.__name__}


def test_every_cut_is_noticed(path):
    for protocol in PROTOCOLS:
        whole = pickle.dumps({"train": [[(60, 300), (70_000,)], "text"], "b": {}}, protocol)
        for end in range(len(whole)):
            with pytest.raises(DataError, match="damaged"):
                _load(path, whole[:end])


_CODES = st.sampled_from(sorted(safe_pickle._PlainUnpickler.dispatch))


@given(
    content=st.binary(max_size=200) | st.lists(_CODES, max_size=40).map(lambda c: bytes(c) + b".")
)
def test_whatever_a_file_holds(path, content):
    try:
        _load(path, content)
    except DataError as error:
        assert "\n" not in str(error)


def test_files_that_are_not_read(path, tmp_path):
    with open(path, "wb") as file:
        file.truncate(safe_pickle.MAX_BYTES + 1)
    with pytest.raises(DataError, match="larger than 16 MiB"):
        load_plain(path)
    for unreadable in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match="cannot read"):
            load_plain(unreadable)
