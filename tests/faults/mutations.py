"""Text and data spoilt at random, from a seed."""

import copy
import json
import random
from typing import Any

WORDS = [
    "null", "true", "no", "~", "nan", ".inf", "-.inf", "1e400", "-1", "0", "2.5", "9" * 400,
    "0x1F", "1_000", "''", '"', "'", "[", "]", "{", "}", "[[[[", "{a: {b: {c: d}}}", "[1, 2, 3]",
    "&a", "*a", "&a [*a]", "!!python/object/apply:os.system ['true']", "!!python/name:os.system",
    "!!binary x", "!!int x", "!!float x", "!!set {a, b}", "!!timestamp 2020-99-99", "2020-01-01",
    "12:30:45", "<<: *a", "? a", "- b", "|", ">", "|9", "%YAML 9.9", "---", "...", "@", "`", "#",
    ":", ": :", "\u0000", "\u0007", "\u001b[2J", "\u2028", "\ufeff", "\ud7ff", "\U0001f600", "δ",
    "٣", "\r", "\t", "\t- a", "a" * 10_000, "../../x", "/", "language", "music", "stream", "tunes",
    "sgd", "projection", "none", "stated", "clipping", "x: 1", "__class__", "epochs", "units",
    "[sgd, 1]",
]  # fmt: skip


PLAIN = ["1", "3", "0.5", "1.5", "1e-3", "true", "false", "null", "auto", "naive", "adam", "stream"]


def mutated_text(text: str, chance: random.Random) -> bytes:
    """A config's text with one to three changes."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(max(len(lines), 1))
        _change_lines(lines, min(at, len(lines) - 1), chance)
        if not lines:
            return b""
    data = ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    way = chance.random()
    if way < 0.04:
        return data[: chance.randrange(len(data))]
    if way < 0.08:
        at = chance.randrange(len(data))
        return data[:at] + chance.randbytes(chance.randint(1, 4)) + data[at + 1 :]
    return data


def _change_lines(lines: list[str], at: int, chance: random.Random) -> None:
    if at < 0:
        return
    line, other = lines[at], chance.randrange(len(lines))
    key, colon, value = line.partition(":")
    ways = [
        lambda: lines.pop(at),
        lambda: lines.insert(other, line),
        lambda: lines.__setitem__(at, f"{key}: {chance.choice(WORDS)}" if colon else line[::-1]),
        lambda: lines.__setitem__(at, f"{key}: {chance.choice(WORDS)}"),
        lambda: lines.__setitem__(at, f"{key}{chance.choice(WORDS)}:{value}"),
        lambda: lines.__setitem__(at, " " * chance.randint(0, 9) + line.strip()),
        lambda: _swap(lines, at, other),
        lambda: lines.__setitem__(at, _insert(line, chance)),
        lambda: lines.__setitem__(at, line.replace(",", chance.choice(WORDS), 1)),
    ]
    chance.choice(ways)()


def _swap(lines: list[str], a: int, b: int) -> None:
    lines[a], lines[b] = lines[b], lines[a]


def _insert(line: str, chance: random.Random) -> str:
    at = chance.randint(0, len(line))
    return line[:at] + chance.choice(WORDS) + line[at + chance.randint(0, 3) :]


VALUES = [
    None, True, False, 0, 1, -1, 10**400, 1e308, float("nan"), float("inf"), "", "x", "\u0000",
    "\U0001f600", "\ud800", [], [[]], {}, {"": {}}, [None], ["x"] * 3, "sgd/none", "a" * 5000, 2.5,
    "completed", "../..", -0.0, 5e-324, [[1.5], []], {"task": "music"},
]  # fmt: skip


def mutated_data(data: Any, chance: random.Random) -> str:
    """JSON of data with one to three places replaced, removed or added to, or cut off."""
    root = {"root": copy.deepcopy(data)}
    for _ in range(chance.randint(1, 3)):
        parent, key = chance.choice(list(_places(root)))
        way = chance.random()
        if way < 0.6 or parent is root:
            parent[key] = copy.deepcopy(chance.choice(VALUES))
        elif way < 0.85:
            del parent[key]
        elif isinstance(parent, dict):
            parent[chance.choice(["", "x", "schema", "\u0000"])] = chance.choice(VALUES)
        else:
            parent.insert(key, chance.choice(VALUES))
    text = json.dumps(root["root"])
    return text[: chance.randrange(len(text) + 1)] if chance.random() < 0.1 else text


def _places(node: Any):
    """Every place in a tree of dicts and lists; of a long list only the first and last."""
    items = list(node.items() if isinstance(node, dict) else enumerate(node))
    if isinstance(node, list) and len(items) > 4:
        items = items[:2] + items[-2:]
    for key, child in items:
        yield node, key
        if isinstance(child, (dict, list)):
            yield from _places(child)
