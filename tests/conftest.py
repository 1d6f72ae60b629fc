"""For all tests."""

import signal

import pytest

# Before any test imports Chainer, see grustab/__init__.py.
import grustab  # noqa: F401


@pytest.fixture(autouse=True, scope="session")
def signals_are_heard():
    """In the background of a script, or under nohup, these tests and their runs would be deaf."""
    ways = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, way) for number, way in ways.items()}
    yield
    for number, way in before.items():
        signal.signal(number, way)
