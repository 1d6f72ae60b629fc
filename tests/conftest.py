"""For all tests."""

# Before any test imports Chainer, see grustab/__init__.py.
import grustab  # noqa: F401
