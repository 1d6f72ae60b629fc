"""The pickle reader: plain data comes through, everything else is refused and never run."""

import collections
import datetime
import os
import pickle
import pickletools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grustab.datasets import safe_pickle
from grustab.datasets.safe_pickle import load_plain
from grustab.errors import DataError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "data.pickle"


def _load(path, content):
    path.write_bytes(content)
    return load_plain(path)


def _refused(path, content, message="data.pickle"):
    with pytest.raises(DataError, match=message):
        _load(path, content)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\\"))
_PLAIN = st.recursive(
    st.integers(-(10**15), 10**15).filter(lambda number: not isinstance(number, bool)) | _TEXT,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(_TEXT, inner),
    max_leaves=30,
)


@settings(deadline=None)
@given(value=_PLAIN, protocol=st.sampled_from(PROTOCOLS[1:]))
def test_plain_data_comes_through(path, value, protocol):
    assert _load(path, pickle.dumps(value, protocol)) == value


@settings(deadline=None)
@given(value=st.recursive(st.integers(-999, 9999), st.lists))
def test_protocol_0(path, value):
    assert _load(path, pickle.dumps({"train": value, "t": (value, value)}, 0)) == {
        "train": value,
        "t": (value, value),
    }


def test_strings_of_python_2(path):
    assert _load(path, b"S'train'\np0\n.") == "train"
    assert _load(path, b'S"it\'s"\n.') == "it's"
    assert _load(path, b"\x80\x02U\x05trainq\x00.") == "train"
    assert _load(path, b"T\x05\x00\x00\x00train.") == "train"
    assert _load(path, b"L60L\n.") == 60


def test_shared_and_recursive_parts(path):
    value: list = [[1]]
    value.append(value[0])
    value.append(value)
    loaded = _load(path, pickle.dumps(value, 2))
    assert loaded[0] is loaded[1]
    assert loaded[2] is loaded


class _Reduced:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


class _WithState:
    def __init__(self):
        self.state = 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("deep", [False, True])
def test_calls_are_not_made(path, tmp_path, protocol, deep):
    sign = tmp_path / "executed"
    for call in (
        (os.system, (f"touch '{sign}'",)),
        (eval, (f"open({str(sign)!r}, 'w')",)),
        (os.mkdir, (str(sign),)),
    ):
        hostile = _Reduced(*call)
        value = {"train": [[hostile]], "valid": []} if deep else hostile
        _refused(path, pickle.dumps(value, protocol), "only plain dicts, lists")
    assert not sign.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        len,
        _WithState(),
        collections.OrderedDict(a=1),
        datetime.date(2017, 12, 4),
        {1, 2},
        1.5,
        None,
        True,
        False,
        b"bytes",
        bytearray(b"bytes"),
        10**30,
        {1: 2},
        {(1, 2): 3},
        3j,
        range(3),
    ],
)
def test_other_types_are_refused(path, protocol, value):
    _refused(path, pickle.dumps([value], protocol))


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(cos\nsystem\nS'true'\no.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"c__builtin__\neval\n.",
        b"cbuiltins\nexec\n.",
        b"Psomething\n.",
        b"I1\nQ.",
        b"}}b.",
        b"(lI1\nb.",
        b"\x82\x01.",
        b"\x83\x01\x00.",
        b"\x84\x01\x00\x00\x00.",
        b"\x97.",
        b"(d(tb.",
        b"I1\n2.",
        b"\xff.",
    ],
)
def test_instructions_by_hand(path, code):
    _refused(path, code)


def test_every_instruction_is_plain_or_refused(path):
    """No instruction that imports, calls or sets state has an action."""
    acting = {chr(code) for code in safe_pickle._ACTIONS}
    for name in ("GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD",
                 "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"):  # fmt: skip
        assert getattr(pickle, name).decode("latin-1") not in acting
    assert acting < {opcode.code for opcode in pickletools.opcodes}


def test_every_cut_is_noticed(path):
    for protocol in PROTOCOLS:
        whole = pickle.dumps({"train": [[(60, 300), (70_000,)], "text"], "b": {}}, protocol)
        for end in range(len(whole)):
            _refused(path, whole[:end])


@settings(deadline=None)
@given(content=st.binary(max_size=200))
def test_random_bytes(path, content):
    try:
        _load(path, content)
    except DataError as error:
        assert "\n" not in str(error)


@settings(deadline=None)
@given(data=st.data())
def test_damaged_pickles(path, data):
    protocol = data.draw(st.sampled_from(PROTOCOLS))
    content = bytearray(pickle.dumps({"train": [[(60, 64), (62,)]], "b": [[], ()]}, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        _load(path, bytes(content))
    except DataError as error:
        assert str(path) in str(error)


@settings(deadline=None)
@given(codes=st.lists(st.sampled_from(sorted(safe_pickle._ACTIONS)), max_size=40))
def test_random_programs(path, codes):
    try:
        _load(path, bytes(codes) + b".")
    except DataError:
        pass


def test_deep_nesting(path):
    depth = 200_000
    loaded = _load(path, b"]" * depth + b"a" * (depth - 1) + b".")
    assert len(loaded) == 1
    # As key of a dict such a tuple would overflow the stack of the interpreter.
    _refused(path, b"})" + b"\x85" * depth + b"I1\ns.", "keys that are not strings")
    _refused(path, b"(" * depth + b".")


@pytest.mark.parametrize(
    "content",
    [
        b"X\xff\xff\xff\xff.",
        b"\x8e" + b"\xff" * 8 + b".",
        b"\x8b\xff\xff\xff\x7f.",
        b"I" + b"9" * 1_000_000 + b"\n.",
        b"I1\np" + b"9" * 1_000_000 + b"\n.",
        b"I1\nr\xff\xff\xff\xffQ.",
        b"\x95" + b"\xff" * 8 + b"0.",
    ],
)
def test_huge_claims_take_no_memory(path, content):
    begin = time.monotonic()
    _refused(path, content)
    assert time.monotonic() - begin < 1


def test_too_many_bytes_or_instructions(path, monkeypatch):
    monkeypatch.setattr(safe_pickle, "MAX_INSTRUCTIONS", 1000)
    _refused(path, b"]" * 1001 + b".", "more than 1000 instructions")
    with open(path, "wb") as file:
        file.truncate(safe_pickle.MAX_BYTES + 1)
    with pytest.raises(DataError, match="larger than 16 MiB"):
        load_plain(path)


def test_unreadable(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere"):
        load_plain(tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot read"):
        load_plain(tmp_path)
