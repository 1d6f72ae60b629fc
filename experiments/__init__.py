"""The experiments of the paper: what configs say, built and run with grustab."""

# Before any module here imports Chainer, see grustab/__init__.py.
import grustab  # noqa: F401
