"""``run``: do one cell with one seed, from where it stopped, and write its result."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.results import store
from experiments.results.json_file import ResultError
from experiments.results.run_spec import RunSpec
from experiments.system.console import print_safely
from experiments.system.device import find_device
from experiments.system.environment import other_environment
from experiments.system.interruption import interrupt_at_end_of_input, interruptible
from experiments.system.lock import LockedError, run_lock
from experiments.system.paths import RESULTS, shown
from experiments.system.storage import PARTIAL, StorageError, check_writable, remove
from experiments.system.threads import one_blas_thread
from experiments.training.announcement import announce, compare_weights, summary
from experiments.training.progress import ProgressFile, TrainingBar
from experiments.training.run import BY_INTERRUPTION, Run
from experiments.training.run_result import make_result
from experiments.training.snapshots import SnapshotExtension, Snapshots


def run_cell(
    spec: RunSpec,
    device_name: str,
    force: bool,
    snapshot_interval: float,
    stop_with_parent: bool = False,
) -> None:
    """Run a cell unless its result is there, from its newest snapshot.

    With ``force`` it runs from the beginning even where a finished result or a snapshot is there;
    if that is interrupted, the next call without ``force`` goes on with it.

    Raises:
        KeyboardInterrupt: After an interruption, snapshot and partial result written.
        GrustabError: If the device, the data, a snapshot or the results folder is not usable, or
            another process has the run.
    """
    device = find_device(device_name)
    device.use()
    path, folder = spec.result_file, spec.folder
    snapshots = Snapshots(spec)
    if not force and store.run_is_done(spec):
        title = f"{spec.cell.config} {spec.cell.name}, seed {spec.seed}"
        whole = store.is_done(path)
        state = "done already" if whole else f"has {spec.max_iterations} iterations already"
        print(f"{title}: {state}, see {shown(path)}")
        if whole and snapshots:  # left by a process that was killed at its very end
            with suppress(LockedError, StorageError), run_lock(folder):
                snapshots.clear()
        return
    check_writable(path)
    with run_lock(folder), interruptible() as interruption, one_blas_thread():
        if stop_with_parent:
            interrupt_at_end_of_input()
        if not force and store.run_is_done(spec):  # by whoever held the lock
            return
        for place in (folder, path.parent):  # what a killed process left half-written
            remove(place.glob(f"{PARTIAL}*"))
        announce(spec, device_name)
        run = Run(spec, device, interruption)
        if force:  # not earlier: what there is stays where the run cannot begin
            store.begin_anew(folder, path)
            snapshots.clear()
        _train(run, snapshots, path, snapshot_interval)


def _train(run: Run, snapshots: Snapshots, path: Path, interval: float) -> None:
    if snapshots.resume(run):
        print_safely(f"  resumed at iteration {run.updater.iteration}")
        *earlier, now = (session["environment"] for session in run.sessions)
        if other := other_environment(earlier, [now], "an earlier session had", "this one has"):
            print_safely(
                f"note: {other}: the result may differ, if only in rounding, from that of a "
                "run that was never stopped"
            )
    periodic = SnapshotExtension(snapshots, run, interval)
    run.trainer.extend(periodic)
    conditions, limit = run.spec.cell.conditions, run.spec.max_iterations
    bar = TrainingBar(conditions, limit)
    run.trainer.extend(bar)
    run.updater.receivers.append(bar.take)
    run.trainer.extend(ProgressFile(snapshots.folder, conditions.epochs, limit))
    if run.train() and run.status == "interrupted":
        periodic()
    run.finish()
    result = make_result(run)
    place = run.spec._replace(out=RESULTS)
    ours = _finished(place.result_file) if result["status"] in store.FINISHED else None
    fallbacks = snapshots.folder, place.folder
    # Not one that was cut off: it would leave less than was there.
    anew = run.reached_limit and store.is_begun_anew(snapshots.folder, path)
    store.keep_result(path, fallbacks, result, anew)
    if result["status"] in store.FINISHED:
        snapshots.clear()
        (snapshots.folder / store.BEGUN_ANEW).unlink(missing_ok=True)
    print_safely(summary(result))
    if ours and (said := compare_weights(result, ours)):
        print_safely(said)
    if run.failure:
        raise run.failure
    if run.stopped_by == BY_INTERRUPTION:
        raise KeyboardInterrupt


def _finished(path: Path) -> dict[str, Any] | None:
    """The finished result that is there, if one is."""
    with suppress(ResultError):
        there = store.read_result(path)
        return there if there["status"] in store.FINISHED else None
    return None
