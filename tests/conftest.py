"""For all tests."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# A person's settings of Chainer, as CHAINER_DTYPE, are no part of the tests.
for name in [name for name in os.environ if name.startswith("CHAINER_")]:
    del os.environ[name]

# Before any test imports Chainer, see grustab/__init__.py.
import grustab  # noqa: E402, F401

# The same examples on every machine, however slow it is.
settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same")


def pytest_runtest_setup(item):
    """Tests of a GPU run where CuPy finds one, or what takes CuPy's place."""
    from chainer.backends import cuda

    if item.get_closest_marker("gpu") and not (cuda.available and cuda.cupy.cuda.is_available()):
        pytest.skip("no GPU")


@pytest.fixture(autouse=True, scope="session")
def signals_are_heard():
    """In the background of a script, or under nohup, these tests and their runs would be deaf."""
    ways = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, way) for number, way in ways.items()}
    yield
    for number, way in before.items():
        signal.signal(number, way)
