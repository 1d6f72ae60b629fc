"""What training was about to do at one update: weights, carried states, batch, dropout."""

import json
import math
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import chainer
import numpy as np

from experiments.config import Cell, load_config
from experiments.data import RunData
from experiments.fixed_settings import fixed_settings
from experiments.models import SequenceModel
from experiments.paths import shown
from experiments.results import ResultError
from experiments.run import make_model
from grustab.generators import Generators
from grustab.text import printable

#: What reading a damaged file, or loading one of another model, ends with.
DAMAGED = (KeyError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile)


class Snapshot(NamedTuple):
    """A file with one update of training, as it was before that update.

    Attributes:
        cell: The cell that was trained, with its settings.
        seed: Of the run.
        update: Its number.
        arrays: ``params/...``, ``h/0`` ... (B, n) by layer, ``batch/xs`` and ``batch/ts``
            (T, B, notes).
        meta: All that the file says of itself.
    """

    cell: Cell
    seed: int
    update: int
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    @fixed_settings()
    def model(self) -> SequenceModel:
        """The model just before its forward pass: the same states, the same dropout to come.

        In float64, so that the gradient does not depend on the order of a processor's sums.
        """
        generators = Generators(self.seed)
        notes = self.arrays["batch/xs"].shape[2]
        data = RunData(None, None, None, notes, math.nan)  # a model asks for the notes only
        model = make_model(self.cell.conditions, data, generators)
        chainer.serializers.NpzDeserializer(self.arrays, path="params/").load(model)
        for parameter in model.params():
            parameter.array = parameter.array.astype(np.float64)
        model.gru.set_state([self.arrays[f"h/{i}"] for i in range(len(model.gru))])
        generators.dropout.bit_generator.state = self.meta["dropout_generator"]
        return model


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot and try it.

    Raises:
        ResultError: If the file cannot be read or holds no such update.
        grustab.errors.GrustabError: If its cell is none of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        meta = json.loads(str(arrays.pop("meta")))
        config, name = meta["cell"].split()
        cell = load_config(config).cell(name).override(meta["settings"].split())
        snapshot = Snapshot(cell, meta["seed"], meta["update"], arrays, meta)
        snapshot.model()
    except OSError as error:
        raise ResultError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None
    except DAMAGED as error:
        reason = printable(str(error), 200)
        raise ResultError(f"{shown(path)}: not the snapshot of an update ({reason})") from None
    return snapshot
