"""What every result of a run has to be."""

import json
import math

from experiments.results import finite

EXPLODES = "learning_rate=1e300"
KEYS = {
    "schema": int,
    "config": str,
    "cell": str,
    "seed": int,
    "status": str,
    "stopped_by": str,
    "divergence": (dict, type(None)),
    "iterations": int,
    "epochs": float,
    "best": (dict, type(None)),
    "unigram_validation_loss": float,
    "gradient_mean": dict,
    "certificate": dict,
    "projection_ways": dict,
    "weights_sha256": str,
    "seconds": dict,
    "overrides": dict,
    "conditions": dict,
    "sources": dict,
    "conditions_sha256": str,
    "command": str,
    "started": str,
    "environment": dict,
    "resumed": list,
    "curves": dict,
}
WINDOW_CURVES = {
    "iteration",
    "loss",
    "gradient_norm",
    "gradient_norm_max",
    "gradient_mean_abs",
    "sigma_1",
    "spectral_radius",
    "capped",
}
EPOCH_CURVES = {"epoch", "iteration", "validation_loss", "learning_rate", "seconds"}


def curves_of(result):
    """The curves less what a clock decides."""
    curves = json.loads(json.dumps(result["curves"]))
    del curves["epochs"]["seconds"]
    return curves


def check_complete(result):
    assert list(result) == list(KEYS)
    for key, kind in KEYS.items():
        assert isinstance(result[key], kind), key
    windows, epochs = result["curves"]["iterations"], result["curves"]["epochs"]
    assert set(windows) == WINDOW_CURVES
    assert set(epochs) == EPOCH_CURVES
    assert len({len(curve) for curve in windows.values()}) == 1
    assert len({len(curve) for curve in epochs.values()}) == 1
    assert set(result["seconds"]) == {"training", "projection", "evaluation", "total"}
    assert set(result["environment"]) >= {"git", "python", "packages", "blas", "device"}
    assert set(result["environment"]["git"]) == {"commit", "dirty"}
    assert set(result["conditions"]) >= set(result["sources"])
    losses = [loss for loss in epochs["validation_loss"] if loss is not None]
    if losses:
        assert finite(result["best"]["validation_loss"]) == min(losses)
        best = epochs["validation_loss"].index(min(losses))
        assert result["best"]["iteration"] == epochs["iteration"][best]
        assert result["best"]["epoch"] == epochs["epoch"][best]
        assert math.isfinite(result["best"]["test_loss"])
    else:
        assert result["best"] is None
    cap = result["certificate"]["cap"]
    if cap is not None and result["certificate"]["checks"]:
        assert result["certificate"]["largest_sigma_1"] <= cap * (1 + 1e-5)
