"""Data spoilt at random, from a seed."""

import copy
import json
import random
from typing import Any

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
