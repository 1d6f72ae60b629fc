"""A process for each implementation: the thread pools of one would disturb the other's.

``python -m experiments.bench.worker IMPLEMENTATION DEVICE TASK UNITS LAYERS SYMBOLS STEPS BATCH``
does as many iterations as each line of its input says, and answers with a line of JSON.
"""

import json
import resource
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from experiments.bench.workload import Workload
from experiments.system.paths import ROOT
from grustab.errors import GrustabError

IMPLEMENTATIONS = ("ours", "chainer", "pytorch", "sgemm")
#: Side of the square matrices that the machine's rate is measured with.
SIDE = 2048


class WorkerError(GrustabError):
    """A worker ended before its turn did."""


class Worker:
    """An implementation in a process of its own.

    Args:
        implementation: One of :data:`IMPLEMENTATIONS`; ``sgemm`` is NumPy's product of two square
            matrices.
        workload: What an iteration is.
        device: ``cpu`` or the number of a GPU.
    """

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
        """Do some iterations: ``seconds`` of each, last ``loss``, ``peak_mib`` of the process.

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


def _make(implementation: str, workload: Workload, device_name: str) -> Any:
    if implementation == "pytorch":
        import torch

        from experiments.bench.torch_model import pytorch

        wait = torch.cuda.synchronize if device_name != "cpu" else lambda: None
        return pytorch(workload, device_name), wait
    from experiments.bench import chainer_models
    from experiments.system.device import find_device

    device = find_device(device_name)
    device.use()
    xp = device.xp
    wait = xp.cuda.Stream.null.synchronize if device_name != "cpu" else lambda: None
    if implementation == "sgemm":
        a = xp.ones((SIDE, SIDE), dtype="f")
        b = a.copy()
        return lambda xs, ts: float(xp.dot(a, a, out=b)[0, 0]), wait
    make = chainer_models.ours if implementation == "ours" else chainer_models.stock
    iterate = make(workload, device)
    return lambda xs, ts: iterate(device.send(xs), device.send(ts)), wait


def _settings(implementation: str) -> AbstractContextManager[None]:
    if implementation == "pytorch":  # Chainer's memory would count as its own
        return nullcontext()
    from experiments.system.fixed_settings import fixed_settings

    return fixed_settings()


def main(arguments: list[str]) -> None:
    """Serve turns until the input ends."""
    implementation, device, task, *sizes = arguments
    workload = Workload(task, *map(int, sizes))
    with _settings(implementation):
        iterate, wait = _make(implementation, workload, device)
        batches, number, loss = workload.batches(4), 0, 0.0
        for line in sys.stdin:
            seconds = []
            for _ in range(int(line)):
                start = time.perf_counter()
                loss = iterate(*batches[number % len(batches)])
                wait()
                seconds.append(time.perf_counter() - start)
                number += 1
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            peak_mib = peak / (2**20 if sys.platform == "darwin" else 2**10)
            print(
                json.dumps({"seconds": seconds, "loss": loss, "peak_mib": round(peak_mib)}),
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
