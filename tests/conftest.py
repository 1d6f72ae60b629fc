"""For all tests."""

import signal

import pytest

# Before any test imports Chainer, see grustab/__init__.py.
import grustab  # noqa: F401


@pytest.fixture(autouse=True, scope="session")
def interruptions_are_heard():
    """Started in the background of a script, these tests would ignore SIGINT, and so would runs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
