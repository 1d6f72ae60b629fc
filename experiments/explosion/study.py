"""Measure the snapshots, train anew where that is asked for, draw."""

from collections.abc import Sequence
from pathlib import Path

import chainer

from experiments.explosion.measure import measure
from experiments.explosion.snapshot import read_snapshot
from experiments.explosion.trajectory import train
from experiments.results.json_file import ResultError, write_json
from experiments.system.console import print_safely
from experiments.system.environment import describe_environment
from experiments.system.fixed_settings import fixed_settings
from experiments.system.paths import RESULTS, RUNS, shown
from experiments.system.storage import check_writable
from experiments.system.threads import one_blas_thread
from experiments.training.run import BY_INTERRUPTION

SCHEMA = 1


@one_blas_thread()
@fixed_settings()
def run_explosion(
    paths: Sequence[Path], updates: int | None, out: Path, force: bool = False
) -> None:
    """Take the gradients of snapshots apart, by default of those of ``results/explosion``.

    With ``updates``, train the first one's cell for so many, too.

    Raises:
        KeyboardInterrupt: After an interruption.
        GrustabError: If a snapshot, the data or the results folder is not usable, or if a
            measurement is there and ``force`` is not set.
    """
    paths = paths or sorted((RESULTS / "explosion").glob("*.npz"))
    if not paths:
        raise ResultError(f"{shown(RESULTS / 'explosion')}: no snapshot there, expected *.npz")
    snapshots = [read_snapshot(path) for path in paths]
    folder = out / "explosion"
    for file in (folder / "explosion.json", *([folder / "training.json"] if updates else [])):
        if file.exists() and not force:
            raise ResultError(
                f"{shown(file)}: there is a measurement already, expected another --out, or "
                "--force to replace it"
            )
        check_writable(file)
    print_safely(f"taking {len(paths)} snapshots apart: a minute each on a free core")
    head = {
        "schema": SCHEMA,
        "environment": describe_environment(chainer.get_device("@numpy")),
        "cell": f"{snapshots[0].cell.config} {snapshots[0].cell.name}",
        "overrides": snapshots[0].cell.overrides,
        "seed": snapshots[0].seed,
    }
    measured = []
    for snapshot in snapshots:
        measured.append(measure(snapshot))
        norm = measured[-1]["gradient_norm"]
        shown_norm = "not finite" if norm is None else f"{norm:.4g}"
        print_safely(f"update {snapshot.update}: gradient norm {shown_norm}")
    write_json(folder / "explosion.json", head | {"snapshots": measured})
    print_safely(f"written: {shown(folder / 'explosion.json')}")
    trained = updates and train(snapshots[0].cell, snapshots[0].seed, updates, RUNS / "explosion")
    if trained and trained["worst_updates"]:
        write_json(folder / "training.json", head | trained)
        print_safely(f"written: {shown(folder / 'training.json')}")
    if trained and trained["stopped_by"] == BY_INTERRUPTION:  # what there is, is written
        raise KeyboardInterrupt
