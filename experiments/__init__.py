"""The experiments of the paper: what configs say, built and run with grustab."""

import os

# What a person has set for other programs decides and breaks nothing here, nor in processes started
# from here: a notebook's backend of matplotlib, settings of Chainer and of progress bars.
for _name in list(os.environ):
    if _name.startswith(("CHAINER_", "TQDM_")):
        del os.environ[_name]
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}

# Before any module here imports Chainer, see grustab/__init__.py.
import grustab  # noqa: E402, F401
