"""What training was about to do at one update: weights, carried states, batch, dropout."""

import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import chainer
import numpy as np
from chainer.utils.type_check import InvalidType

from experiments.config.load import Cell, load_config
from experiments.results.json_file import ResultError
from experiments.system.paths import shown
from experiments.training.data import RunData
from experiments.training.models import SequenceModel
from experiments.training.run import make_model
from grustab.generators import Generators
from grustab.masks import Masks
from grustab.text import printable

#: Errors of reading a damaged file, or of running one of another model.
DAMAGED = (
    *(LookupError, TypeError, ValueError, AttributeError, EOFError, NotImplementedError),
    *(BadZipFile, zlib.error, InvalidType),
)


class EarlierMasks(Masks):
    """Dropout masks as runs drew them until 2026-11-26, one stream that goes on from a state."""

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__((0, 0))
        self.rng = np.random.default_rng(0)
        self.rng.bit_generator.state = state

    def numbers(self, shape: tuple[int, ...]) -> np.ndarray:
        """Random numbers below 2^16, uint16."""
        return self.rng.integers(2**16, size=shape, dtype=np.uint16)


class Snapshot(NamedTuple):
    """A file with one update of training, as it was before that update.

    Attributes:
        cell: The cell that was trained, with its settings.
        seed: Of the run.
        update: Its number.
        arrays: ``params/...``, ``h/0`` ... (B, n) by layer, ``batch/xs`` and ``batch/ts``
            (T, B, notes).
        recorded: ``gradient_norm``, ``loss`` (nats per step) and ``commit`` of the run.
        dropout: State of the generator of dropout masks before the forward pass, NumPy's PCG64.
    """

    cell: Cell
    seed: int
    update: int
    arrays: dict[str, np.ndarray]
    recorded: dict[str, Any]
    dropout: dict[str, Any]

    @property
    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets, (T, B, notes), float64."""
        return tuple(self.arrays[f"batch/{key}"].astype(np.float64) for key in ("xs", "ts"))

    def model(self) -> SequenceModel:
        """The model just before its forward pass: the same states, the same dropout to come.

        In float64, so that the gradient does not depend on the order of a processor's sums.
        """
        generators = Generators(self.seed)
        generators.masks = EarlierMasks(self.dropout)
        notes = self.arrays["batch/xs"].shape[2]
        data = RunData(None, None, None, notes, math.nan)  # a model asks for no more than that
        model = make_model(self.cell.conditions, data, generators)
        chainer.serializers.NpzDeserializer(self.arrays, path="params/").load(model)
        for parameter in model.params():
            parameter.array = parameter.array.astype(np.float64)
        model.gru.set_state([self.arrays[f"h/{i}"] for i in range(len(model.gru))])
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
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("NaN or Inf in it")
        config, name = meta["cell"].split()
        cell = load_config(config).cell(name).override(meta["settings"].split())
        recorded = {key: meta[key] for key in ("gradient_norm", "loss", "commit")}
        dropout = meta["dropout_generator"]
        snapshot = Snapshot(cell, meta["seed"], meta["update"], arrays, recorded, dropout)
        model = snapshot.model()
        if not all(np.isfinite(parameter.array).all() for parameter in model.gru.params()):
            raise ValueError("weights of a GRU beyond float32")
        model(*snapshot.batch)
    except OSError as error:
        raise ResultError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None
    except DAMAGED as error:
        reason = printable(" ".join(str(error).split()), 200)
        raise ResultError(f"{shown(path)}: not the snapshot of an update ({reason})") from None
    return snapshot
