"""Measure the snapshots, train anew where that is asked for, draw."""

from collections.abc import Sequence
from pathlib import Path

import chainer

from experiments.environment import describe_environment
from experiments.explosion.measure import measure
from experiments.explosion.snapshot import read_snapshot
from experiments.explosion.trajectory import train
from experiments.figures.driver import draw_explosion
from experiments.files import check_writable
from experiments.messages import say
from experiments.paths import RESULTS, shown
from experiments.results import ResultError, write_result
from experiments.run import BY_INTERRUPTION

SCHEMA = 1


def run_explosion(paths: Sequence[Path], updates: int | None, out: Path) -> None:
    """Take the gradients of snapshots apart, write ``explosion/explosion.json``, draw the figure.

    Args:
        paths: Snapshots; none: those of ``results/explosion``.
        updates: Train the first snapshot's cell for so many updates, too, and write
            ``explosion/training.json``.
        out: Folder of the results.

    Raises:
        KeyboardInterrupt: After an interruption.
        GrustabError: If a snapshot, the data or the results folder is not usable.
    """
    paths = paths or sorted((RESULTS / "explosion").glob("*.npz"))
    if not paths:
        raise ResultError(f"{shown(RESULTS / 'explosion')}: no snapshot there, expected *.npz")
    snapshots = [read_snapshot(path) for path in paths]
    folder = out / "explosion"
    check_writable(folder / "explosion.json")
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
        say(f"update {snapshot.update}: gradient norm {measured[-1]['gradient_norm']:.4g}")
    write_result(folder / "explosion.json", head | {"snapshots": measured})
    say(f"written: {shown(folder / 'explosion.json')}")
    trained = updates and train(snapshots[0].cell, snapshots[0].seed, updates)
    if trained and trained["worst_updates"]:
        write_result(folder / "training.json", head | trained)
        say(f"written: {shown(folder / 'training.json')}")
    draw_explosion(out)
    if trained and trained["stopped_by"] == BY_INTERRUPTION:  # what there is, is written
        raise KeyboardInterrupt
