"""What a run leaves: the contents of its ``result.json``."""

import hashlib
from typing import Any

import chainer
import numpy as np
from chainer.backends import cuda

from experiments.config.conditions import Conditions
from experiments.results.run_spec import command_line
from experiments.results.schema import SCHEMA
from experiments.results.store import finite
from experiments.training.run import Run


def make_result(run: Run) -> dict[str, Any]:
    """Contents of the ``result.json`` of a run that has ended, however it did."""
    spec, cell, c = run.spec, run.spec.cell, run.spec.cell.conditions
    curves = {
        "iterations": _whole_points(run.iterations.curves),
        "epochs": _whole_points(run.epochs.curves),
    }
    first, *resumed = run.sessions
    automatic = run.projection.automatic if run.projection else {}
    device = "cpu" if run.device.xp is np else str(run.device.device.id)
    return {
        "schema": SCHEMA,
        "config": cell.config,
        "cell": cell.name,
        "seed": spec.seed,
        "status": run.status,
        "stopped_by": run.stopped_by,
        "divergence": run.divergence,
        "iterations": run.updater.iteration,
        "epochs": finite(_epochs_done(run)),
        "best": run.epochs.best,
        "unigram_validation_loss": run.data.unigram_loss,
        "n_symbols": run.data.n_symbols,
        "gradient_mean": run.iterations.gradient_means(),
        "certificate": certificate(c, curves["iterations"]),
        "projection_ways": {name: dict(auto.counts) for name, auto in automatic.items()},
        "weights_sha256": weights_digest(run.model),
        "seconds": {
            "training": finite(run.updater.seconds),
            "projection": finite(run.projection.seconds if run.projection else 0.0),
            "evaluation": finite(run.validation.seconds + run.test.seconds),
            "total": finite(run.elapsed()),
        },
        "overrides": cell.overrides,
        "conditions": c.model_dump(),
        "sources": cell.sources,
        "conditions_sha256": c.digest(),
        "command": command_line(spec.words(portable=True), device),
        "started": first["started"],
        "environment": first["environment"],
        "resumed": resumed,
        "curves": curves,
    }


def weights_digest(model: chainer.Link) -> str:
    """SHA-256 of all weights: equal for two runs whose weights agree to the bit."""
    digest = hashlib.sha256()
    for name, param in sorted(model.namedparams()):
        array = np.ascontiguousarray(cuda.to_cpu(param.array))
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _epochs_done(run: Run) -> float:
    # The iterator has moved on past a batch whose loss or gradient was not finite.
    if run.divergence and run.divergence["quantity"] in ("loss", "gradient"):
        return run.updater.previous_epoch_detail
    return run.updater.epoch_detail


def _whole_points(curves: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The curves without a last point that an interruption left incomplete."""
    length = min(map(len, curves.values()))
    return {key: values[:length] for key, values in curves.items()}


def certificate(c: Conditions, curves: dict[str, list[Any]]) -> dict[str, Any]:
    """Largest exact ``sigma_1(W_hh)`` seen at the end of any window, beside the cap."""
    seen = [value for layers in curves.get("sigma_1", []) for value in layers if value is not None]
    return {
        "cap": None if c.delta is None else 2 - c.delta,
        "largest_sigma_1": max(seen, default=None),
        "checks": len(seen),
    }
