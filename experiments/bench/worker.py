"""A process for each implementation: the thread pools of one would disturb the other's.

``python -m experiments.bench.worker IMPLEMENTATION DEVICE TASK UNITS LAYERS SYMBOLS STEPS BATCH``
does as many iterations as each line of its input says, and answers with a line of JSON.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

from experiments.bench.workload import Workload
from experiments.system.paths import ROOT
from grustab.errors import GrustabError

TORCH = ("pytorch", "scripted")
IMPLEMENTATIONS = ("ours", "chainer", *TORCH, "sgemm")
#: Side of the square matrices that the machine's rate is measured with.
SIDE = 2048


class WorkerError(GrustabError):
    """A worker ended before its turn did."""


class Worker:
    """One of :data:`IMPLEMENTATIONS` in a process of its own; ``sgemm``: NumPy's square product."""

    def __init__(self, implementation: str, workload: Workload, device: str) -> None:
        words = [implementation, device, *map(str, workload)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            process_group=0,  # a Ctrl-C is for the parent, which ends it
        )

    def turn(self, iterations: int) -> dict[str, Any]:
        """Do some iterations: ``seconds`` of each, last ``loss`` per step, ``peak_mib``.

        Raises:
            WorkerError: If the process ends meanwhile.
        """
        answer = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{iterations}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise WorkerError(
                f"the worker {' '.join(self._process.args[3:])} ended by itself "
                f"(exit code {self._process.wait()})"
            )
        return json.loads(answer)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()


def _torch(implementation: str, w: Workload, device_name: str) -> tuple[Callable, ...]:
    import torch

    from experiments.bench.torch_model import Model, iteration

    device = torch.device("cpu" if device_name == "cpu" else f"cuda:{device_name}")
    iterate = iteration(Model(implementation, w).to(device), w)
    return (
        lambda *batch: iterate(*(torch.from_numpy(array).to(device) for array in batch)),
        lambda: torch.cuda.synchronize(device),
        lambda: torch.cuda.max_memory_reserved(device),
    )


def _chainer(implementation: str, w: Workload, device_name: str) -> tuple[Callable, ...]:
    from experiments.bench import chainer_models
    from experiments.system.device import find_device

    device = find_device(device_name)
    device.use()
    xp = device.xp
    gpu = (
        lambda: xp.cuda.Stream.null.synchronize(),
        lambda: xp.get_default_memory_pool().total_bytes(),  # it gives nothing back meanwhile
    )
    if implementation == "sgemm":
        a = xp.ones((SIDE, SIDE), dtype="f")
        b = a.copy()
        return lambda *_: xp.dot(a, a, out=b)[0, 0], *gpu
    make, iteration = chainer_models.StepwiseModel, chainer_models.stock_iteration
    if implementation == "ours":
        make, iteration = chainer_models.our_model, chainer_models.our_iteration
    model = make(w)
    model.to_device(device)
    iterate = iteration(model, w)
    return lambda *batch: iterate(*map(device.send, batch)), *gpu


def _resident() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 2**10 * peak


def main(arguments: list[str]) -> None:
    """Serve turns until the input ends."""
    implementation, device, task, *sizes = arguments
    workload = Workload(task, *map(int, sizes))
    make, settings = _torch, nullcontext
    if implementation not in TORCH:  # Chainer's memory would count as PyTorch's
        from experiments.system.fixed_settings import fixed_settings as settings

        make = _chainer
    with settings():
        iterate, wait, peak = make(implementation, workload, device)
        if device == "cpu":
            wait, peak = lambda: None, _resident
        batches, number, loss = workload.batches(4), 0, 0.0
        for line in sys.stdin:
            seconds = []
            for _ in range(int(line)):
                start = time.perf_counter()
                loss = iterate(*batches[number % len(batches)])
                wait()
                seconds.append(time.perf_counter() - start)
                number += 1
            answer = {"seconds": seconds, "loss": float(loss) / workload.steps}
            print(json.dumps(answer | {"peak_mib": round(peak() / 2**20)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
