"""Read a pickle that holds nothing but dicts, lists, tuples, ints and strings.

`pickle.load` runs whatever program the file contains.  This reader is a stack machine of its own
for the instructions that build plain data (pickle protocols 0 to 5, those written by Python 2
too).  It has no code that could import, call or look up anything, so there is nothing to lock
down: any other instruction ends with a `DataError`.  Being plain Python it also has none of the
memo tables that a file can make the C unpickler allocate.
"""

import pickle
import struct
from collections.abc import Callable
from os import PathLike
from typing import Any

from grustab.errors import DataError

MAX_BYTES = 16 * 2**20
"""Largest file read, in bytes; the Nottingham tunes take 7 MB in the wordiest protocol."""

MAX_INSTRUCTIONS = 8_000_000
"""Most instructions carried out, as one byte can ask for a hundred bytes of memory."""

_MAX_DIGITS = 20  # of a number in text
_MAX_LONG_BYTES = 8


class _Refused(Exception):
    """The file asks for something other than plain data."""


def load_plain(path: str | PathLike[str]) -> Any:
    """Read the first pickle in a file, admitting plain data only.

    Lists, tuples and dicts may share parts or even contain themselves, as in any pickle: whoever
    walks through the result must bound what they unfold.

    Args:
        path: The file, at most `MAX_BYTES` bytes and `MAX_INSTRUCTIONS` instructions.

    Returns:
        A dict, list, tuple, int or str.  The keys of dicts are str.

    Raises:
        DataError: If the file cannot be read, is too large, is cut off or damaged, or holds
            anything but plain data.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}), check the path") from error
    if len(data) > MAX_BYTES:
        raise DataError(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB, which no pickle of the tunes is, "
            "so it was not read"
        )
    try:
        return _Machine(data).run()
    except _Refused as error:
        raise DataError(f"{path} was not read, as it {error}") from error
    except (IndexError, KeyError, ValueError, TypeError, struct.error) as error:
        # Stack underflow, unknown memo entry, bad digits or text, cut off instruction: all of it
        # comes from the bytes of the file.
        raise DataError(
            f"{path} is not a whole pickle (it is damaged or cut off), fetch it again"
        ) from error


class _Machine:
    """The stack, the stacks set aside at each MARK, and the memo."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data = self.data
        for _ in range(MAX_INSTRUCTIONS):
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            action = _ACTIONS.get(code)
            if action is None:
                name = _NAMES.get(code, f"byte {code:#04x}")
                raise _Refused(
                    f"contains the instruction {name} where only plain dicts, lists, tuples, ints "
                    "and strings are allowed"
                )
            action(self)
        raise _Refused(f"has more than {MAX_INSTRUCTIONS} instructions")

    # --- bytes of the file

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise ValueError("cut off")
        self.at += count
        return part

    def number(self, form: str, size: int) -> int:
        return struct.unpack(form, self.take(size))[0]

    def line(self) -> str:
        end = self.data.index(b"\n", self.at)
        text = self.data[self.at : end].decode("ascii")
        self.at = end + 1
        return text

    # --- numbers and strings

    def push_int_line(self) -> None:
        text = self.line().removesuffix("L")
        if text in ("00", "01"):
            raise _Refused("contains a truth value where only whole numbers are allowed")
        if len(text) > _MAX_DIGITS:
            raise _Refused(f"contains a number of more than {_MAX_DIGITS} digits")
        self.stack.append(int(text))

    def push_long1(self) -> None:
        count = self.take(1)[0]
        if count > _MAX_LONG_BYTES:
            raise _Refused(f"contains a number of more than {_MAX_LONG_BYTES} bytes")
        self.stack.append(int.from_bytes(self.take(count), "little", signed=True))

    def push_quoted(self) -> None:
        text = self.line()
        if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
            raise ValueError("string without quotes")
        self.push_plain(text[1:-1])

    def push_plain(self, text: str) -> None:
        # Escapes could be undone, but no key of the tunes has one.
        if "\\" in text:
            raise _Refused("contains a string with an escape sequence")
        self.stack.append(text)

    # --- containers

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def unmark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marked.pop()
        return items

    def push_list(self) -> None:
        items = self.unmark()
        self.stack.append(items)

    def push_tuple(self) -> None:
        items = tuple(self.unmark())
        self.stack.append(items)

    def push_tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise IndexError("stack underflow")
        self.stack[-count:] = [items]

    def extend_list(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError("append to something other than a list")
        target.extend(items)

    def append(self) -> None:
        item = self.stack.pop()
        self.extend_list([item])

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise TypeError("set an item of something other than a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Hashing a deeply nested tuple overflows the stack of the interpreter.
            if type(key) is not str:
                raise _Refused("contains a dict with keys that are not strings")
            target[key] = value

    def set_item(self) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self.set_items(items)

    def push_dict(self) -> None:
        items = self.unmark()
        self.stack.append({})
        self.set_items(items)

    # --- memo

    def remember(self, key: int) -> None:
        self.memo[key] = self.stack[-1]


def _push(value: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(value(machine))


_STOP = pickle.STOP[0]
_NAMES = {
    value[0]: name
    for name, value in vars(pickle).items()
    if name.isupper() and isinstance(value, bytes) and len(value) == 1
}
_ACTIONS = {
    code[0]: action
    for code, action in {
        pickle.PROTO: lambda m: m.take(1),
        # A frame only says how much to read ahead.
        pickle.FRAME: lambda m: m.take(8),
        pickle.INT: _Machine.push_int_line,
        pickle.LONG: _Machine.push_int_line,
        pickle.BININT: _push(lambda m: m.number("<i", 4)),
        pickle.BININT1: _push(lambda m: m.take(1)[0]),
        pickle.BININT2: _push(lambda m: m.number("<H", 2)),
        pickle.LONG1: _Machine.push_long1,
        pickle.STRING: _Machine.push_quoted,
        pickle.BINSTRING: _push(lambda m: m.take(m.number("<I", 4)).decode("ascii")),
        pickle.SHORT_BINSTRING: _push(lambda m: m.take(m.take(1)[0]).decode("ascii")),
        pickle.UNICODE: lambda m: m.push_plain(m.line()),
        pickle.BINUNICODE: _push(lambda m: m.take(m.number("<I", 4)).decode("utf-8")),
        pickle.SHORT_BINUNICODE: _push(lambda m: m.take(m.take(1)[0]).decode("utf-8")),
        pickle.MARK: _Machine.mark,
        pickle.EMPTY_LIST: _push(lambda m: []),
        pickle.LIST: _Machine.push_list,
        pickle.APPEND: _Machine.append,
        pickle.APPENDS: lambda m: m.extend_list(m.unmark()),
        pickle.EMPTY_TUPLE: _push(lambda m: ()),
        pickle.TUPLE: _Machine.push_tuple,
        pickle.TUPLE1: lambda m: m.push_tuple_of(1),
        pickle.TUPLE2: lambda m: m.push_tuple_of(2),
        pickle.TUPLE3: lambda m: m.push_tuple_of(3),
        pickle.EMPTY_DICT: _push(lambda m: {}),
        pickle.DICT: _Machine.push_dict,
        pickle.SETITEM: _Machine.set_item,
        pickle.SETITEMS: lambda m: m.set_items(m.unmark()),
        pickle.PUT: lambda m: m.remember(int(m.line())),
        pickle.BINPUT: lambda m: m.remember(m.take(1)[0]),
        pickle.LONG_BINPUT: lambda m: m.remember(m.number("<I", 4)),
        pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
        pickle.GET: _push(lambda m: m.memo[int(m.line())]),
        pickle.BINGET: _push(lambda m: m.memo[m.take(1)[0]]),
        pickle.LONG_BINGET: _push(lambda m: m.memo[m.number("<I", 4)]),
    }.items()
}
