"""Parts of a state that Chainer's serializers take only as text."""

import json
from typing import Any

import chainer
import numpy as np


def serialize_json(serializer: chainer.AbstractSerializer, key: str, value: Any) -> Any:
    """Save, or load, anything that JSON can hold: floats to the bit, tuples as lists."""
    return json.loads(str(serializer(key, json.dumps(value))))


def serialize_array(serializer: chainer.AbstractSerializer, key: str, array: Any) -> Any:
    """Save an array or ``None``; load a NumPy array or ``None``.

    Given an array to load into, Chainer would write into that one, which may have another shape.
    """
    loading = isinstance(serializer, chainer.serializer.Deserializer)
    return serializer(key, None if loading else array)


def serialize_generator(
    serializer: chainer.AbstractSerializer, key: str, rng: np.random.Generator
) -> None:
    """Save the state of a generator, or put the loaded one into it."""
    rng.bit_generator.state = serialize_json(serializer, key, rng.bit_generator.state)
