"""P_delta after every optimizer step."""

import time
from typing import Any

import chainer
import numpy as np
from chainer import training

from grustab.links.gru import GRU, require_gru_layers
from grustab.projection.auto import AutoProjection
from grustab.projection.cap import require_finite
from grustab.projection.project import METHODS, project
from grustab.serialization import serialize_array, serialize_generator
from grustab.stability import singular_value_bounds


class SpectralProjection(training.Extension):
    """Cap the singular values of every ``W_hh`` of a model at ``2 - delta`` (Lemma 5).

    Extend a trainer with it and it acts after each optimizer step, before any other extension
    sees the weights, whatever the optimizer is, and on layers that it does not update, too. Without
    a trainer, call it after each step::

        projection = SpectralProjection(model, delta=0.2)
        optimizer.update(model, xs, ts)
        projection()

    It reports, for each GRU under its path in the model (``projection/gru/0/...``),
    ``capped`` (how many singular values were set to the cap), ``sigma_bound`` (no singular value is
    above it now) and, where it was computed, ``sigma_before`` (the largest one before); and
    ``projection/time`` in seconds.

    Args:
        target: Model with one or more :class:`grustab.links.GRU`, at any depth.
        delta: Safety margin in (0, 2).
        method: ``"naive"`` or ``"truncated"`` as in :func:`grustab.projection.project.project`, or
            ``"auto"``, :class:`grustab.projection.auto.AutoProjection`.
        rng: Generator for randomized methods, whose state is the caller's to save; ``None`` makes
            one seeded with 0, which is saved with the extension.

    Attributes:
        seconds: Time spent in all calls so far; on a GPU that includes the wait for what the
            optimizer has queued.
        automatic: With ``"auto"``, the :class:`~grustab.projection.auto.AutoProjection` of each
            GRU by path, which counts what was done.

    Raises:
        ValueError: If the model holds no GRU, or ``delta`` or ``method`` is not a valid one.
        NonFiniteMatrixError: In a call, if a ``W_hh`` holds NaN or Inf.
    """

    trigger = (1, "iteration")
    # Before evaluation, monitors and snapshots: nobody may see weights above the cap.
    priority = training.PRIORITY_WRITER + 100

    def __init__(
        self,
        target: chainer.Link,
        delta: float,
        method: str = "auto",
        rng: np.random.Generator | None = None,
    ) -> None:
        if not 0 < delta < 2:
            raise ValueError(f"delta must lie between 0 and 2 (exclusive), got {delta}")
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
        self.grus = require_gru_layers(target)
        self.delta, self.method = delta, method
        self.rng = np.random.default_rng(0) if rng is None else rng
        self._owns_rng = rng is None
        self.automatic = (
            {name: AutoProjection(delta, self.rng) for name in self.grus}
            if method == "auto"
            else {}
        )
        self.seconds = 0.0
        # What Lemma 6 starts from: W_hh after the last call, and bounds on its singular values.
        self._last: dict[str, tuple[Any, np.ndarray]] = {}

    def __call__(self, trainer: training.Trainer | None = None) -> None:
        """Project every ``W_hh`` in place and report."""
        start = time.perf_counter()
        for name, gru in self.grus.items():
            with chainer.using_device(gru.device):
                self._project(name, gru)
        elapsed = time.perf_counter() - start
        self.seconds += elapsed
        chainer.report({"projection/time": elapsed})

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load what is known of each matrix, and the generator unless it was given."""
        self.seconds = serializer("seconds", self.seconds)
        if self._owns_rng:
            serialize_generator(serializer, "rng", self.rng)
        for name, gru in self.grus.items():
            part = serializer[f"gru{name}"]
            if name in self.automatic:
                self.automatic[name].serialize(part, gru.device)
            last = self._last.get(name, (None, None))
            w = serialize_array(part, "w", last[0])
            bounds = serialize_array(part, "bounds", last[1])
            self._last.pop(name, None)
            if w is not None:
                self._last[name] = gru.device.send(w), bounds

    def _project(self, name: str, gru: GRU) -> None:
        w, bounds = gru.W_hh, None
        require_finite(w, f"W_hh of layer {name or '/'}")
        if name in self._last:
            before, sigma = self._last[name]
            with np.errstate(over="ignore"):  # an infinite bound is one
                bounds = singular_value_bounds(sigma, float(gru.xp.linalg.norm(w - before)))
        if self.method == "auto":
            projected, info = self.automatic[name](w)
        else:
            projected, info = project(
                w, self.delta, self.method, bounds=bounds, rng=self.rng, return_info=True
            )
        if projected is not w:
            gru.W_hh = projected
        if self.method == "truncated":
            self._last[name] = w.copy(), info.bounds
        known = {key: getattr(info, key) for key in ("sigma_before", "sigma_bound", "capped")}
        chainer.report({f"projection{name}/{k}": v for k, v in known.items() if v is not None})
