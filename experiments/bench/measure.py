"""Let implementations take turns, and write what they took."""

import datetime
import importlib.metadata
import importlib.util
import math
import os
import statistics
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from experiments.bench.report import SCHEMA, write_report
from experiments.bench.worker import IMPLEMENTATIONS, SIDE, TORCH, Worker
from experiments.bench.workload import PAPER, Workload
from experiments.results.json_file import write_json
from experiments.results.run_spec import command_line
from experiments.system.device import find_device
from experiments.system.environment import describe_environment
from experiments.system.paths import shown
from experiments.system.storage import check_writable

#: Iterations of a turn; the first is not counted, nor is a worker's first turn.
TURN = {"ours": 4, "pytorch": 4, "scripted": 4, "chainer": 2, "sgemm": 6}
#: Seconds between turns, in which the thread pool of the one before comes to rest.
PAUSE = 0.15
UNITS = (100, 200, 400, 650, 1000, 1600)
STEPS = (10, 20, 35, 70, 140, 200)


def run_bench(device_name: str, rounds: int, scaling: bool, out: Path, force: bool) -> None:
    """Measure the paper's two models, and how cost grows with their sizes.

    Raises:
        GrustabError: If the device or the results folder is not usable, or a worker ends.
    """
    device = find_device(device_name)
    path = out / "bench" / ("cpu.json" if device_name == "cpu" else "gpu.json")
    if path.exists() and not force:
        print(f"measured already, see {shown(path)} (--force measures again)")
        return
    check_writable(path)
    names, torch = list(IMPLEMENTATIONS), {}
    if importlib.util.find_spec("torch"):
        torch = {"torch": importlib.metadata.version("torch")}
    else:
        names = [name for name in names if name not in TORCH]
        print(
            "PyTorch is not installed: left out (.venv/bin/uv pip install torch==2.13.0 adds it; "
            "not beside CuPy for CUDA 12, see experiments/README.md)"
        )
    print(
        f"{', '.join(names)} take turns, {rounds} rounds. Run nothing else meanwhile: some "
        f"{math.ceil(rounds / 2) + 19 * scaling} minutes on two cores.",
        flush=True,
    )
    result = {
        "schema": SCHEMA,
        "command": command_line(
            ["bench", "--rounds", str(rounds), *([] if scaling else ["--no-scaling"])], device_name
        ),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "environment": describe_environment(device) | torch,
        "load": round(os.getloadavg()[0], 2),
        "sgemm_side": SIDE,
        "paper": {},
        "scaling": [],
    }
    for task, workload in PAPER.items():
        result["paper"][task] = _measure(workload, names, device_name, rounds, task)
    language = PAPER["language"]
    sizes = [language._replace(units=n) for n in UNITS]
    sizes += [language._replace(steps=n) for n in STEPS if n != language.steps]
    for workload in sizes if scaling else []:
        text = f"{workload.units} units, {workload.steps} steps"
        result["scaling"].append(_measure(workload, names, device_name, 3, text))
    write_json(path, result)
    print(f"written: {shown(path)}")
    write_report(out)
    print((out / "bench" / "table.md").read_text(encoding="utf-8"))


def _measure(
    workload: Workload, names: list[str], device: str, rounds: int, title: str
) -> dict[str, Any]:
    """Seconds of an iteration in each round (median of a turn), and each worker's peak memory."""
    workers = {name: Worker(name, workload, device) for name in names}
    try:
        for name, worker in workers.items():
            worker.turn(TURN[name])
        seconds: dict[str, list[float]] = {name: [] for name in names}
        last: dict[str, Any] = {}
        for number in tqdm(range(rounds), desc=title, unit=" rounds", disable=None):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                time.sleep(PAUSE)
                last[name] = workers[name].turn(TURN[name])
                seconds[name].append(round(statistics.median(last[name]["seconds"][1:]), 7))
    finally:
        for worker in workers.values():
            worker.close()
    print(f"{title}: " + ", ".join(f"{n} {statistics.median(s):.4f} s" for n, s in seconds.items()))
    return {
        "workload": workload._asdict(),
        "flops": workload.flops(),
        "seconds": seconds,
        "peak_mib": {name: last[name]["peak_mib"] for name in names if name != "sgemm"},
    }
