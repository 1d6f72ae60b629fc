"""Pickles that run a program where an ordinary reader loads them, and others that are no data.

A payload that is executed makes a file.
"""

import builtins
import os
import pickle
import shlex
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: (np.int64(60), np.int64(64)) as Python 2.7 pickles it, by protocols 0 and 2.
NUMPY_STEPS = (
    b"(cnumpy.core.multiarray\nscalar\np1\n(cnumpy\ndtype\np2\n(S'i8'\nI0\nI1\ntRp3\n"
    b"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbS'<\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntRp4\n"
    b"g1\n(g3\nS'@\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntRp5\ntp6\n",
    b"cnumpy.core.multiarray\nscalar\nq\x01cnumpy\ndtype\nq\x02U\x02i8K\x00K\x01\x87Rq\x03"
    b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08<\0\0\0\0\0\0\0\x86Rq\x04"
    b"h\x01h\x03U\x08@\0\0\0\0\0\0\0\x86Rq\x05\x86q\x06",
)


class Reduced:
    """Whatever ``__reduce__`` is to return."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def hostile_pickles(mark: Path) -> Iterator[tuple[str, bytes]]:
    """By what they do; each would make the file ``mark``, fill the memory, or crash a reader."""
    for name, value in _calls(mark):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            yield f"{name}, protocol {protocol}", pickle.dumps(value, protocol)
    yield from _written_by_hand(f"open({str(mark)!r}, 'w')")
    yield from _around_numpy(f"open({str(mark)!r}, 'w')".encode())
    yield from _bombs()
    yield from _damaged()


def _calls(mark: Path):
    touch = f"touch {shlex.quote(str(mark))}"
    code = f"open({str(mark)!r}, 'w').close()"
    call = Reduced(os.system, (touch,))
    yield "os.system", call
    yield "eval", Reduced(builtins.eval, (code,))
    yield "open", Reduced(builtins.open, (str(mark), "w"))
    yield "subprocess", Reduced(subprocess.call, (["touch", str(mark)],))
    yield "in a tune", {"train": [[[60], [call]]], "valid": [[[60]]], "test": [[[60]]]}
    yield "as a key", {call: [[[60]]]}


def _written_by_hand(code: str):
    text = code.encode()
    plain = b"(lp0\nI60\na0"
    yield "GLOBAL and REDUCE", b"cbuiltins\neval\n(S" + repr(code).encode() + b"\ntR."
    yield "after plain data", plain + b"cbuiltins\neval\n(V" + text + b"\ntR."
    yield "BUILD", b"cbuiltins\nobject\n)\x81}V__setstate__\ncbuiltins\neval\nsbV" + text + b"\nb."
    yield "a global by memo", b"cbuiltins\neval\np0\n0(lp1\ng0\n(V" + text + b"\ntRa."
    yield "a frame that hides it", b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"cos\nsystem\n."
    yield "a name from Python 2", b"c__builtin__\neval\n(V" + text + b"\ntR."


def _around_numpy(code: bytes):
    """Other uses of the two names that tunes of NumPy's integers need."""
    note = b"h\x01h\x03U\x08@\0\0\0\0\0\0\0\x86R"
    deep, call = b")" + b"\x85" * 200_000, b"cbuiltins\neval\n(V" + code + b"\nt"
    for old, new in (
        (b"U\x02i8", b"U\x02O8"),
        (b"U\x02i8", b"U\x02f8"),
        (b"U\x02i8", b"U\x0aV999999999"),
        (b"U\x02i8", deep),
        (b"U\x01<", deep),
        (b"U\x01<", b"U\x01>"),
        (b"<NNN", b"<N)}"),
        (b"U\x08<\0", b"U\x07<"),
        (b"U\x08<\0\0\0\0\0\0\0", b"]"),
        (b"h\x03", b"h\x01"),
        (b"h\x03", call + b"R"),
        (b"\x87R", b"\x87Rh\x02\x81"),
        (b"dtype", b"load"),
        (b"dtype", b"dtype.__class__"),
        (b"scalar", b"_reconstruct"),
        (note, call + b"R"),
        (note, b"h\x02"),
        (note, b"h\x03"),
        (note, b"h\x03" + call + b"b"),
        (note, b"](I64\ntR"),
        (note, b"h\x01]R"),
    ):
        step = NUMPY_STEPS[1].replace(old, new)
        others = b"llVvalid\n(((I60\nlllVtest\n(((I60\nlllu."
        yield f"NumPy, {new[:20]!a} for {old!r}", b"}(Vtrain\n((" + step + others


def _bombs():
    yield "lists in lists, doubled 40 times", b"]" + b"\x94(h\x00h\x00l" * 40 + b"."
    halved = b"(lp0\nI60\na" + b"".join(b"(g%dg%dlp%d\n" % (k, k, k + 1) for k in range(60))
    yield "a list doubled 60 times by memo", halved.replace(b"(g", b"0(g") + b"."
    yield "lists nested 100,000 deep", b"(" * 100_000 + b"l" * 100_000 + b"."
    yield "tuples nested 100,000 deep", b")" + b"\x85" * 100_000 + b"."
    yield "a key of tuples nested 200,000 deep", b"})" + b"\x85" * 200_000 + b"I1\ns."
    yield "the same among several", b"}()" + b"\x85" * 200_000 + b"I1\nu."
    yield "the same in protocol 0", b"()" + b"\x85" * 200_000 + b"I1\nd."
    yield "a list that contains itself", b"]\x94h\x00a."
    tune = b"(lp0\n(lp1\nI60\nag1\na"
    yield "a dict whose tunes are themselves", b"}V" + b"train\n" + tune + b"g0\nas."
    yield "a string of 4 GB", b"X\xff\xff\xff\xffabc."
    yield "a frame of 2^64 - 1 bytes", b"\x95" + b"\xff" * 8 + b"I1\n."
    yield "a memo entry of 2^32 - 1", b"I1\nr\xff\xff\xff\xff."
    yield "a memo entry of 10^12 in text", b"I1\np1000000000000\n."
    yield "a memo entry of a million digits", b"I1\np" + b"9" * 1_000_000 + b"\n."
    yield "an integer of 10,000 digits", b"I" + b"9" * 10_000 + b"\n."
    others = b"Vvalid\n(((I60\nlllVtest\n(((I60\nlllu."
    million = b"(((L0x" + b"f" * 1_000_000 + b"L\nlll"
    yield "a note of a million digits", b"}(Vtrain\n" + million + others


def _damaged():
    yield "nothing", b""
    yield "a memo entry that is not there", b"g99\n."
    yield "a negative memo entry", b"I1\np-1\ng-1\n."
    yield "notes of no piano", pickle.dumps({"train": [[[600]]], "valid": [[[-1]]]}, 2)
