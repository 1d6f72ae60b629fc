"""A result made by hand."""

import numpy as np

from experiments.reports.claims import TABLE_3

#: Cells that claims compare.
OURS, THEIRS = (TABLE_3, "sgd/projection_0.2"), (TABLE_3, "sgd/clipping_15")
OTHER = (TABLE_3, "adam_1e-3/clipping_15")


def make_result(
    cell,
    seed=0,
    validation=(5.0, 4.0),
    test=None,
    status="completed",
    unigram=6.0,
    windows=(),
    **changes,
):
    """A complete ``result.json`` of a cell as if it had been run.

    ``validation``: losses of the epochs, ``None`` where one is not finite; ``windows``: curves over
    the iterations to be replaced.
    """
    c = cell.conditions
    n = len(validation)
    finite = [v for v in validation if v is not None]
    best = None
    if finite:
        epoch = validation.index(min(finite)) + 1
        best = {
            "epoch": float(epoch),
            "iteration": 10 * epoch,
            "validation_loss": min(finite),
            "test_loss": min(finite) + 0.1 if test is None else test,
        }
    steps = np.arange(1, n + 1)
    result = {
        "schema": 1,
        "config": cell.config,
        "cell": cell.name,
        "seed": seed,
        "status": status,
        "stopped_by": "its own rule",
        "divergence": None,
        "iterations": 10 * n,
        "epochs": float(n),
        "best": best,
        "unigram_validation_loss": unigram,
        "gradient_mean": {"norm": 1.5, "mean_abs": 0.003},
        "certificate": {
            "cap": None if c.delta is None else 2 - c.delta,
            "largest_sigma_1": 1.5,
            "checks": n,
        },
        "seconds": dict.fromkeys(("training", "projection", "evaluation", "total"), 1.0 * n),
        "overrides": cell.overrides,
        "conditions": c.model_dump(),
        "sources": cell.sources,
        "conditions_sha256": c.digest(),
        "command": "python -m experiments run",
        "started": "2026-01-01T00:00:00+00:00",
        "environment": {"git": {"commit": "0" * 40, "dirty": False}},
        "curves": {
            "iterations": {
                "iteration": (10 * steps).tolist(),
                "loss": [5.0 - 0.1 * i for i in range(n)],
                "gradient_norm": [1.0 + i for i in range(n)],
                "gradient_norm_max": [2.0 + i for i in range(n)],
                "gradient_mean_abs": [0.003] * n,
                "sigma_1": [[1.5] * c.layers] * n,
                "spectral_radius": [[0.8] * c.layers] * n,
                "capped": [[0.0] * c.layers] * n,
                **dict(windows),
            },
            "epochs": {
                "epoch": steps.astype(float).tolist(),
                "iteration": (10 * steps).tolist(),
                "validation_loss": list(validation),
                "learning_rate": [c.learning_rate] * n,
                "seconds": (2.0 * steps).tolist(),
            },
        },
    }
    return {**result, **changes}
