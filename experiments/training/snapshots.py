"""Snapshots of a run: all that decides how it goes on, in a file that proves itself."""

import hashlib
import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from chainer import training
from chainer.serializers import DictionarySerializer, NpzDeserializer

from experiments.results.run_spec import RunSpec
from experiments.system.console import print_safely
from experiments.system.paths import shown
from experiments.system.storage import StorageError, remove, write_file
from grustab.errors import GrustabError
from grustab.text import printable

if TYPE_CHECKING:
    from experiments.training.run import Run

#: Changes whenever what a run saves changes its form or its meaning.
FORMAT = 4
KEPT = 2
#: Differing keys that a refusal names.
NAMED = 4
_MANIFEST, _NONE = "manifest", "none"


class SnapshotError(GrustabError):
    """A snapshot is whole, but not one that this run can go on from."""


class Snapshots:
    """The snapshots of one cell with one seed, ``snapshot-ITERATION-SHA256.npz`` in its folder.

    Plain ``.npz`` files without pickles; the name holds the first 16 digits of the contents'
    SHA-256.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.folder = spec.folder
        self.manifest: dict[str, Any] = {
            "format": FORMAT,
            "config": spec.cell.config,
            "cell": spec.cell.name,
            "seed": spec.seed,
            **spec.cell.conditions.model_dump(exclude={"path"}),  # data may move
        }

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(self._newest_first())

    def write(self, run: "Run") -> Path:
        """Write a snapshot whole, then remove all but the last two.

        Raises:
            StorageError: If the disk does not take it; the earlier ones are as they were.
        """
        serializer = DictionarySerializer()
        run.serialize(serializer)
        state = serializer.target
        nones = [key for key, value in state.items() if value.dtype == object]
        arrays = {key: value for key, value in state.items() if key not in nones}
        content = io.BytesIO()
        np.savez(
            content, **{_MANIFEST: json.dumps(self.manifest), _NONE: json.dumps(nones)}, **arrays
        )
        digest = hashlib.sha256(content.getbuffer()).hexdigest()
        path = self.folder / f"snapshot-{run.updater.iteration:08d}-{digest[:16]}.npz"
        write_file(path, content.getbuffer())
        # Of those there are, only older ones can be worth more than their place: a newer one was
        # passed over as damaged.
        older = [other for other in self._newest_first() if other.name < path.name]
        remove([o for o in self._newest_first() if o != path and o not in older[: KEPT - 1]])
        return path

    def resume(self, run: "Run") -> bool:
        """Put the newest snapshot that is not damaged into a run.

        Returns:
            Whether there was one.

        Raises:
            SnapshotError: If it is of another config, seed, or version.
        """
        for path in self._newest_first():
            state = self._read(path)
            if state is None:
                continue
            try:
                run.serialize(NpzDeserializer(state))
            except (KeyError, ValueError, TypeError) as error:
                raise SnapshotError(
                    f"{shown(path)}: does not fit this version ({' '.join(str(error).split())}), "
                    "run with --force to begin anew"
                ) from None
            return True
        return False

    def clear(self) -> None:
        """Remove all snapshots."""
        remove(self._newest_first())

    def _newest_first(self) -> list[Path]:
        def key(path: Path) -> tuple[str, float]:
            with suppress(OSError):
                return path.name.split("-")[1], path.stat().st_mtime
            return "", 0.0

        return sorted(self.folder.glob("snapshot-*-*.npz"), key=key, reverse=True)

    def _read(self, path: Path) -> dict[str, np.ndarray] | None:
        """Contents of a snapshot, or ``None`` for a damaged one."""
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = error.strerror
            print_safely(f"note: {shown(path)} cannot be read ({reason}) and is passed over")
            return None
        if hashlib.sha256(content).hexdigest()[:16] != path.stem.split("-")[-1]:
            reason = "its checksum is wrong"
            print_safely(f"note: {shown(path)} is damaged ({reason}) and is passed over")
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                state = {key: file[key] for key in file.files}
            manifest = json.loads(str(state.pop(_MANIFEST)))
            state |= {key: np.asarray(None) for key in json.loads(str(state.pop(_NONE)))}
            differing = list(self._differing(manifest))
        except Exception:  # zip files and arrays have many ways not to be what they seem
            raise SnapshotError(
                f"{shown(path)}: not a snapshot of this program, delete it or run with --force"
            ) from None
        if differing:
            more = f" and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
            named = "; ".join(differing[:NAMED]) + more
            other = "run" if manifest.get("format") == FORMAT else "version of this program"
            raise SnapshotError(
                f"{shown(path)}: a snapshot of another {other} ({named}), "
                "move it away or run with --force to begin anew"
            )
        return state

    def _differing(self, manifest: dict[str, Any]) -> Iterator[str]:
        for key in {**self.manifest, **manifest}:
            there, here = manifest.get(key), self.manifest.get(key)
            if there != here:
                name = key if key.isidentifier() else json.dumps(key)
                there, here = (printable(json.dumps(value), 40) for value in (there, here))
                yield f"{printable(name, 40)}: {there} there, {here} here"


class SnapshotExtension(training.Extension):
    """Write a snapshot every so many seconds, at the end of an iteration; 0: of every iteration."""

    # Last: what other extensions do in this iteration belongs to it.
    priority = -1000

    def __init__(self, snapshots: Snapshots, run: "Run", interval: float) -> None:
        self.snapshots, self.run, self.interval = snapshots, run, interval
        self._last = time.perf_counter()
        self._iteration: int | None = None

    def trigger(self, trainer: training.Trainer) -> bool:
        """Whether it is time."""
        return time.perf_counter() - self._last >= self.interval

    def __call__(self, trainer: training.Trainer | None = None) -> None:
        """Write one; where the disk does not take it, say so and go on."""
        if self.run.updater.iteration == self._iteration:
            return  # it is there
        try:
            self.snapshots.write(self.run)
            self._iteration = self.run.updater.iteration
        except StorageError as error:
            print_safely(f"warning: no snapshot, the earlier ones are kept: {error}")
        self._last = time.perf_counter()
