"""``sweep``: from its options to the plan, a job array, or the runs."""

import argparse
import io
import sys
from pathlib import Path

from experiments.config.schema import ConfigError
from experiments.results.run_spec import RunSpec
from experiments.results.store import run_is_done
from experiments.sweep.job import LOG
from experiments.sweep.plan import describe_done, describe_plan, make_plan
from experiments.system.storage import check_writable


def sweep(options: argparse.Namespace, out: Path) -> int:
    """Do what is asked for, and give the exit code: 1 if runs failed.

    Raises:
        GrustabError: If options do not go together, or the config, a result, the data, a device or
            the folder is not usable.
    """
    _check_options(options)
    runs = make_plan(
        options.config, options.cells, options.seeds, options.set, out, options.max_iterations
    )
    missing = [run for run in runs if not run_is_done(run)]
    devices = options.device
    jobs = options.jobs if devices == ["cpu"] else len(devices) * options.jobs_per_device
    jobs = min(jobs, max(len(missing), 1))
    if options.emit_slurm:
        _print_array(missing, devices[0], options.snapshot_interval)
        return 0
    plan = describe_plan(runs, missing, jobs if options.scheduler is None else 1)
    if options.dry_run or not missing:
        print(plan, *describe_done(runs, missing, options.cells), sep="\n")
        return 0
    if devices != ["cpu"] and options.scheduler is None:
        from experiments.system.device import check_devices

        check_devices(devices)
    from experiments.sweep.pool import run_sweep
    from experiments.training.data import load_dataset

    for run in missing:
        check_writable(run.folder / LOG)
    print(plan, flush=True)
    if options.scheduler is None:  # once, here, not in every run
        needed = [run.cell.conditions for run in missing]
        for conditions in {(c.task, c.dataset, c.path): c for c in needed}.values():
            load_dataset(conditions)
    done = run_sweep(missing, jobs, devices, options.snapshot_interval, options.scheduler)
    return 0 if done else 1


def _check_options(options: argparse.Namespace) -> None:
    """Refuse options that would be of no effect."""
    if options.emit_slurm and options.scheduler is not None:
        raise ConfigError("--scheduler: of no effect with --emit-slurm, leave it out")
    cpu = options.device == ["cpu"]
    where = "--emit-slurm" if options.emit_slurm else "a CPU" if cpu else "GPUs"
    where = where if options.scheduler is None else "--scheduler"
    of_use = {"a CPU": "--jobs", "GPUs": "--jobs-per-device"}.get(where)
    if not of_use and len(options.device) > 1:
        raise ConfigError(f"--device: expected one device with {where}")
    given = {"--jobs": options.jobs, "--jobs-per-device": options.jobs_per_device}
    for option, number in given.items():
        if number != 1 and option != of_use:
            if of_use:
                raise ConfigError(f"{option}: expected {of_use} N on {where}")
            raise ConfigError(f"{option}: of no effect with {where}, leave it out")


def _print_array(missing: list[RunSpec], device: str, snapshot_interval: float) -> None:
    from experiments.sweep.slurm import ARRAY, slurm_script

    if not missing:
        print("all done: there is nothing to write a job array for", file=sys.stderr)
        return
    if len(missing) > ARRAY:
        print(
            f"{len(missing)} runs: Slurm takes arrays of up to {ARRAY} unless its MaxArraySize "
            "is larger (scontrol show config); fewer with --cells or --seeds",
            file=sys.stderr,
        )
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names as they are
        sys.stdout.reconfigure(errors="surrogateescape")
    print(slurm_script(missing, device, snapshot_interval), end="")
