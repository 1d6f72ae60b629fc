"""Result files: where they are, written whole or not at all, read with care."""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.config.load import Cell
from experiments.results.json_file import ResultError, read_json, write_json
from experiments.results.run_spec import RunSpec
from experiments.results.schema import ResultFile
from experiments.system.console import print_safely
from experiments.system.paths import shown
from experiments.system.storage import StorageError, write_file
from grustab.datasets.download import sha256_of

FINISHED = ("completed", "diverged")
#: Holds the SHA-256 of a result that ``run --force`` is replacing.
BEGUN_ANEW = "begun-anew"


def override_suffix(overrides: dict[str, Any]) -> str:
    """What keeps files of runs with ``--set`` apart; empty for the config's own conditions."""
    if not overrides:
        return ""
    text = json.dumps(overrides, sort_keys=True)
    return "-set-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def is_done(path: Path, max_iterations: int | None = None) -> bool:
    """Whether a result is there that is finished, or was evaluated at the iterations asked for.

    Raises:
        ResultError: If a damaged one is there.
    """
    if not path.exists():
        return False
    there = read_result(path)
    if there["status"] in FINISHED or not max_iterations:
        return there["status"] in FINISHED
    if there["iterations"] == max_iterations:
        # Stopped just there by a signal, it may lack the last evaluation.
        return there["curves"]["epochs"]["iteration"][-1:] == [max_iterations]
    return there["iterations"] > max_iterations and bool(there["curves"]["epochs"]["iteration"])


def begin_anew(folder: Path, path: Path) -> None:
    """Note in a run's folder that the result is being replaced, if one is there.

    Raises:
        StorageError: If the disk does not take it.
    """
    if path.exists():
        write_file(folder / BEGUN_ANEW, sha256_of(path).encode())


def is_begun_anew(folder: Path, path: Path) -> bool:
    """Whether just this result is being replaced by a run that has not ended."""
    mark = folder / BEGUN_ANEW
    return mark.exists() and path.exists() and mark.read_bytes().strip() == sha256_of(path).encode()


def run_is_done(spec: RunSpec) -> bool:
    """Whether nothing is left to do of a run, see :func:`is_done`.

    Raises:
        ResultError: If a damaged result is there.
    """
    replaced = is_begun_anew(spec.folder, spec.result_file)
    return is_done(spec.result_file, spec.max_iterations) and not replaced


def keep_result(
    path: Path, fallbacks: Sequence[Path], result: dict[str, Any], anew: bool = False
) -> Path:
    """Write a result to its place, or to another one rather than lose it; gives where it is.

    A partial result never replaces a finished one, one that cannot be read or, but for a run that
    was begun ``anew``, a longer partial one. Where it cannot go, a fallback takes it, or else the
    folder for temporary files.

    Raises:
        StorageError: If the disk did not take it at its place; the message says where it is kept.
    """
    reason = _reason_to_stay(path, result, anew)
    if reason is None:
        try:
            write_json(path, result)
            return path
        except StorageError as error:
            problem = str(error)
    else:
        problem = f"{shown(path)} {reason} and stays as it is"
    kept = _put_aside(fallbacks, result)
    if kept is None:
        raise StorageError(f"{problem}; this result could not be kept anywhere")
    if reason is None:
        raise StorageError(f"{problem}; this result is kept in {shown(kept)}")
    print_safely(f"{problem}; this result: {shown(kept)}")
    return kept


def _reason_to_stay(path: Path, result: dict[str, Any], anew: bool) -> str | None:
    """Why the result that is there is not to be replaced, if so."""
    if result["status"] != "interrupted" or not path.exists():
        return None
    try:
        there = read_result(path)
    except ResultError:
        return "cannot be read"
    more = there["status"] in FINISHED or (not anew and _extent(there) > _extent(result))
    return "holds more" if more else None


def _extent(result: dict[str, Any]) -> tuple[bool, int]:
    """Whether it was ever evaluated, without which no table counts it, and its iterations."""
    return bool(result["curves"]["epochs"]["iteration"]), result["iterations"]


def _put_aside(folders: Sequence[Path], result: dict[str, Any]) -> Path | None:
    """Write a result to the first folder that takes it, replacing none; gives its path."""
    names = ("result-aside.json", *(f"result-aside-{n}.json" for n in range(2, 100)))
    for folder in folders:
        with suppress(OSError, StorageError, StopIteration):
            path = next(folder / name for name in names if not (folder / name).exists())
            write_json(path, result)
            return path
    with suppress(OSError, StorageError):  # OSError: no folder for temporary files takes anything
        path = Path(tempfile.gettempdir()) / f"grustab-{os.getpid()}-result.json"
        write_json(path, result)
        return path
    return None


def read_result(path: Path) -> dict[str, Any]:
    """Read a result file.

    Raises:
        ResultError: If it is not whole, or not a result of this version.
    """
    return read_json(path, ResultFile)[0]


def find_results(directory: Path, cell: Cell) -> list[dict[str, Any]]:
    """All results of a cell under just these conditions, by seed.

    Raises:
        ResultError: If one is damaged, or is not that of its folder.
    """
    digest = cell.conditions.digest()
    conditions = cell.conditions.model_dump(exclude=cell.conditions.later_unset() | {"path"})
    paths = (directory / cell.config / cell.name).glob(f"seed*-{digest[:8]}/result.json")
    same = []
    for path in paths:
        result = read_result(path)
        folder = f"seed{result['seed']}-{digest[:8]}"
        if path.parent.name != folder:  # else a copy would count as another run
            raise ResultError(f"{shown(path)}: seed {result['seed']} belongs into {folder}/")
        if result["conditions_sha256"] != digest:
            continue
        for key, value in conditions.items():
            there = result["conditions"].get(key)
            if there != value:
                raise ResultError(
                    f"{shown(path)}: conditions.{key}: expected {value!r}, got {there!r}, "
                    "delete the file and run again"
                )
        same.append(result)
    return sorted(same, key=lambda result: result["seed"])


def finite(value: float | None) -> float | None:
    """The number with 7 significant digits, or ``None`` where JSON has no number for it."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.7g}")
