"""Text from outside (files, servers, command lines), made fit for a message."""

import unicodedata


def printable(text: str, limit: int | None = None) -> str:
    """On one line, what would move a cursor written out; "..." after ``limit`` characters."""
    if limit is not None and len(text) > limit:
        text = text[:limit] + "..."
    return "".join(
        c if is_printable(c) else c.encode("unicode_escape").decode("ascii") for c in text
    )


def printable_lines(text: str) -> str:
    """The same for text of several lines, which stay."""
    return "\n".join(map(printable, text.split("\n")))


def is_printable(character: str) -> bool:
    """Whether a character is a letter, a sign or any blank: no control or format character."""
    return character.isprintable() or unicodedata.category(character) == "Zs"
