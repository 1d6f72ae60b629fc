"""The experiments of the paper: what configs say, built and run with grustab."""

import os

# Before any module here imports Chainer, see grustab/__init__.py.
import grustab  # noqa: F401

# Before any imports matplotlib: a notebook's value names a module that is not here. Processes
# started from here draw to files, too.
os.environ["MPLBACKEND"] = "agg"
