"""Read a pickle that holds nothing but dicts, lists, tuples, ints and strings.

`pickle.load` runs whatever program a file contains.  Here the standard library's reader keeps only
the instructions that push a number or a string, or build a list, a tuple or a dict with strings for
keys.  None of them imports or calls anything, and the memory they take grows with the file alone.

The pickles of Boulanger-Lewandowski's sets that Python 2 wrote may hold NumPy's integers in place
of Python's.  Such a file names two functions of NumPy's; those two names, and no others, stand for
two functions below, which turn the integers into Python's.

It is the library's reader in Python, as the one in C cannot be restricted so: with a `find_class`
that refuses everything, 7 bytes took 8 GB there (a memo entry with a large number), and a key made
of tuples nested 200,000 deep ended the process.
"""

import io
import pickle
from os import PathLike
from typing import Any, ClassVar, NamedTuple

from grustab.errors import DataError

MAX_BYTES = 16 * 2**20
"""Largest file read, in bytes; MuseData, the largest set, takes 10 MB in the wordiest protocol.

At worst one byte takes some 65 bytes of memory.
"""

_PLAIN = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.NONE, pickle.GLOBAL),
    *(pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG, pickle.LONG1),
    *(pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING),
    *(pickle.UNICODE, pickle.BINUNICODE, pickle.SHORT_BINUNICODE),
    *(pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE),
    *(pickle.GET, pickle.BINGET, pickle.LONG_BINGET),
)


class _Integer(NamedTuple):
    """A dtype of NumPy's, little-endian."""

    size: int
    signed: bool


_INTEGERS = {f"{kind}{size}": _Integer(size, kind == "i") for kind in "iu" for size in (1, 2, 4, 8)}
#: What NumPy 1 tells a dtype after it was made, for those above.
_STATES = [(3, order, None, None, None, -1, -1, 0) for order in "<|"]


def _dtype(name: Any, align: Any, copy: Any) -> _Integer:
    if type(name) is not str:  # to hash a deeply nested tuple would overflow the stack
        raise pickle.UnpicklingError("a dtype without a name")
    return _INTEGERS[name]


def _scalar(dtype: Any, data: Any) -> int:
    if type(dtype) is not _Integer or type(data) is not str or len(data) != dtype.size:
        raise pickle.UnpicklingError("not the bytes of an integer")
    return int.from_bytes(data.encode("latin-1"), "little", signed=dtype.signed)


_CALLED = {("numpy", "dtype"): _dtype, ("numpy.core.multiarray", "scalar"): _scalar}


def load_plain(path: str | PathLike[str]) -> Any:
    """Read the first pickle in a file, admitting plain data only.

    Lists, tuples and dicts may share parts or even contain themselves, as in any pickle: whoever
    walks through the result must bound what they unfold.

    Args:
        path: The file, at most `MAX_BYTES` bytes, of any protocol, from Python 2 too.

    Returns:
        A dict, list, tuple, int, bool, str or None, or, in an odd file, what a NumPy integer is
        made from.  The keys of dicts are str.

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
        return _PlainUnpickler(io.BytesIO(data)).load()
    except Exception as error:
        # On damaged files the library raises whatever it trips over.
        raise DataError(
            f"{path} is damaged, or holds more than dicts, lists, tuples, whole numbers and "
            "strings, so it was not read, get a new copy"
        ) from error


class _PlainUnpickler(pickle._Unpickler):
    dispatch: ClassVar = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _PLAIN}

    def find_class(self, module: str, name: str) -> Any:
        """Give our function for one of the two names; nothing is imported."""
        return _CALLED[module, name]

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack[-1]
        if not any(function is known for known in _CALLED.values()) or type(arguments) is not tuple:
            raise pickle.UnpicklingError("a call of something else")
        self.stack[-1] = function(*arguments)

    def load_build(self) -> None:
        state = self.stack.pop()
        if type(self.stack[-1]) is not _Integer or state not in _STATES:
            raise pickle.UnpicklingError("not the state of an integer's dtype")

    def _set_items(self, items: list[Any]) -> None:
        # Hashing a deeply nested tuple overflows the stack of the interpreter.
        if not all(type(key) is str for key in items[::2]):
            raise pickle.UnpicklingError("a key is not a string")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def load_setitem(self) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self._set_items(items)

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
