"""``time``: section D, what an iteration costs with each way of keeping gradients from exploding.

All cells of a config take turns, one iteration each, so that whatever else the machine does hits
all alike; at three points of training, because how many singular values are at the cap decides
what the projection costs.
"""

import copy
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chainer
from tqdm import tqdm

from experiments.config.load import Cell, Config, all_overrides, file_word, set_words
from experiments.config.schema import ConfigError
from experiments.results.json_file import write_json
from experiments.results.run_spec import RunSpec, command_line
from experiments.system.device import find_device
from experiments.system.environment import describe_environment
from experiments.system.fixed_settings import fixed_settings
from experiments.system.paths import RESULTS, shown
from experiments.system.storage import check_writable
from experiments.timing.store import PARTS, SCHEMA, read_timing, timing_file
from experiments.training.run import Run
from grustab.errors import DivergenceError, NonFiniteMatrixError

#: Iterations of each cell at each point that are not counted.
WARM_UP = 5


def time_config(
    config: Config,
    settings: Sequence[str],
    device_name: str,
    rounds: int,
    later: int,
    out: Path,
    force: bool,
) -> None:
    """Measure all cells of a config, and write one file.

    Raises:
        GrustabError: If the device, the data, a setting or the results folder is not usable.
        ConfigError: If the config reports no times, or no cell projects with ``auto``: that one
            trains from point to point; or if the file there is of a CPU and this one of a GPU, or
            the reverse.
        DivergenceError: If a cell diverges at once from the weights of a point.
    """
    if config.report != "seconds_per_iteration":
        raise ConfigError(f"config {config.name} reports no times, expected one such as timing")
    cells = [cell.override(settings) for cell in config.cells.values()]
    overrides = all_overrides(cells)
    leaders = [c for c in cells if c.conditions.projection == "auto" and c.conditions.delta]
    if not leaders:
        raise ConfigError(
            f"config {config.name}: to take times it needs a cell with projection: auto"
        )
    device = find_device(device_name)
    device.use()
    path = timing_file(out, config, overrides)
    measured = None if force else read_timing(path)
    if measured and (measured.environment.device == "cpu") != (device_name == "cpu"):
        raise ConfigError(
            f"{shown(path)} was measured on {measured.environment.device}: give another --out for "
            f"--device {device_name}, or --force to replace it"
        )
    if measured and all(map(measured.holds, cells)):
        print(f"{config.name}: measured already, see {shown(path)} (--force measures again)")
        return
    check_writable(path)
    print(
        f"{config.title}\n{len(cells)} cells in turn, {rounds} iterations each, at the start, when "
        f"a singular value first reaches the cap, and at iteration {later}.\nRun nothing else "
        "meanwhile.",
        flush=True,
    )
    command = ["time", file_word(config.file), "--rounds", str(rounds), "--later", str(later)]
    result = {
        "schema": SCHEMA,
        "config": config.name,
        "command": command_line(command + set_words(overrides), device_name),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "environment": describe_environment(device),
        "overrides": overrides,
        "conditions_sha256": {cell.name: cell.conditions.digest() for cell in cells},
        "rounds": rounds,
    }
    with fixed_settings():
        points, epoch = _measure(cells, leaders[0], device, rounds, later)
    result |= {"iterations_an_epoch": epoch, "points": points}
    write_json(path, result)
    print(f"written: {shown(path)}")


class _Variant:
    """One cell, ready to do single iterations."""

    def __init__(self, cell: Cell, device: chainer.backend.Device) -> None:
        self.run = Run(RunSpec(cell, 0, RESULTS), device)
        self.run.updater.synchronize = True
        self.capped = 0.0

    def step(self) -> dict[str, float]:
        """One iteration: seconds of each part."""
        updater, projection = self.run.updater, self.run.projection
        before = dict(updater.seconds_by_part)
        with self.run.trainer.reporter.scope({}):
            updater.update()
        seconds = {part: updater.seconds_by_part[part] - before[part] for part in before}
        start, seen = updater.clock(), {}
        if projection:
            with self.run.trainer.reporter.scope(seen):
                projection()
        seconds["projection"] = updater.clock() - start if projection else 0.0
        self.capped = sum(float(v) for k, v in seen.items() if k.endswith("/capped"))
        return seconds

    def copy_from(self, other: "_Variant") -> None:
        """Weights, state and place in the data of another."""
        self.run.model.copyparams(other.run.model)
        for mine, theirs in zip(self.run.model.gru, other.run.model.gru, strict=True):
            mine.h = None if theirs.h is None else theirs.h.copy()
        place = copy.copy(other.run.updater.get_iterator("main"))
        self.run.updater._iterators["main"] = place


def _measure(
    cells: list[Cell], leader: Cell, device: chainer.backend.Device, rounds: int, later: int
) -> tuple[list[dict[str, Any]], int]:
    """Train the leader from point to point; at each point let all cells take turns."""
    trained = _Variant(leader, device)
    variants = {cell.name: _Variant(cell, device) for cell in cells}
    reached = {
        "start": lambda: True,
        "first at the cap": lambda: trained.capped > 0,
        "later": lambda: trained.run.updater.iteration >= later,
    }
    points = []
    for name, condition in reached.items():
        done = trained.run.updater.iteration
        print(f"training to point {name!r}, from iteration {done}", flush=True)
        bar = tqdm(total=later, initial=done, unit=" iterations", disable=None)
        while not condition() and trained.run.updater.iteration < later:
            trained.step()
            bar.update()
        bar.close()
        if name == "first at the cap" and not condition():
            print(f"no singular value has reached the cap by iteration {later}", flush=True)
            continue
        point = {"name": name, "iteration": trained.run.updater.iteration}
        points.append(point | {"cells": _take_turns(variants, trained, rounds)})
    return points, trained.run.updater.get_iterator("main").batches


def _take_turns(
    variants: dict[str, _Variant], trained: _Variant, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Seconds of each part, and values capped, of each counted iteration of each cell."""
    seen: dict[str, dict[str, list[float]]] = {
        name: {key: [] for key in (*PARTS, "capped")} for name in variants
    }
    for variant in variants.values():
        variant.copy_from(trained)
    names = list(variants)
    print("taking turns", flush=True)
    for number in tqdm(range(-WARM_UP, rounds), unit=" rounds", disable=None):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            variant = variants[name]
            try:
                seconds = variant.step()
            except (DivergenceError, NonFiniteMatrixError):
                variant.copy_from(trained)  # an unprotected run may explode meanwhile
                seconds = variant.step()
            if number >= 0:
                for part in PARTS:
                    seen[name][part].append(round(seconds[part], 7))
                seen[name]["capped"].append(variant.capped)
    return seen
