"""Text from outside (files, servers, command lines), made fit for a message."""

import unicodedata


def printable(text: str, limit: int | None = None) -> str:
    """The text on one line, with what would move a terminal's cursor written out.

    Args:
        text: From anywhere, with line breaks, escape sequences or bytes that are no text.
        limit: Most characters kept of it; ``None``: all.
    """
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
