"""Each way in which the pickle reader refuses a file, by hand-made instructions."""

import pytest

from grustab.datasets.safe_pickle import load_plain
from grustab.errors import DataError


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (b"S'a\\n'\n.", "contains a string with an escape sequence"),
        (b"Va\\u0041\n.", "contains a string with an escape sequence"),
        (b"I01\n.", "contains a truth value where only whole numbers"),
        (b"L" + b"1" * 21 + b"L\n.", "contains a number of more than 20 digits"),
        (b"\x8a\x09123456789.", "contains a number of more than 8 bytes"),
        (b"}I1\nI2\ns.", "contains a dict with keys that are not strings"),
        (b"(I1\nI2\nd.", "contains a dict with keys that are not strings"),
        (b"N.", "contains the instruction NONE where only plain"),
        (b"\xfe.", "contains the instruction byte 0xfe where only plain"),
    ]
    + [
        (code, "is not a whole pickle")
        for code in (
            *(b"Strain\n.", b"S'\n.", b"S'a\"\n.", b"S\n."),  # quotes
            *(b"Ix\n.", b"L\n.", b"I\xb2\n.", b"I1."),  # digits, a line's end
            *(b"X\x01\x00\x00\x00\xff.", b"\x8c\x01\xff.", b"U\x01\xe9.", b"V\xe9\n."),  # text
            *(b".", b"a.", b"s.", b"p0\n.", b"q\x00.", b"\x94.", b"I1\n\x86."),  # no item
            *(b"l.", b"t.", b"e.", b"u.", b"d.", b"]l."),  # no mark
            *(b"I1\nI2\na.", b"I1\n(I2\ne.", b"](S'a'\nI1\nu.", b"]S'a'\nI1\ns."),  # no list
            *(b"}(S'a'\nu.", b"(S'a'\nd."),  # a key without a value
            *(b"g5\n.", b"h\x05.", b"j\x05\x00\x00\x00.", b"g-1\n."),  # not in the memo
        )
    ],
)
def test_every_refusal_says_what_it_is(tmp_path, code, said):
    path = tmp_path / "data.pickle"
    path.write_bytes(code)
    with pytest.raises(DataError, match=said):
        load_plain(path)
