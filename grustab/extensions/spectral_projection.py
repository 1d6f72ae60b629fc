"""P_delta after every optimizer step."""

import itertools
import time
from collections.abc import Iterable
from typing import Any

import chainer
import numpy as np
from chainer import Parameter, training

from grustab.links.matrices import Matrix, chosen_matrices, recurrent_matrices
from grustab.projection.auto import AutoProjection
from grustab.projection.cap import cap_of, require_finite, require_matrix, require_method
from grustab.projection.project import project
from grustab.projection.together import Steps, after_the_copy, together
from grustab.serialization import serialize_array, serialize_generator
from grustab.stability import singular_value_bounds
from grustab.updaters import BPTTUpdater


class SpectralProjection(training.Extension):
    """Cap the singular values of every ``W_hh`` of a model at ``2 - delta`` (Lemma 5).

    Extend a trainer with it and it acts after each optimizer step, before any other extension
    sees the weights, whatever the optimizer is, and on layers that the optimizer does not update,
    too. The copies of the model in a ``ParallelUpdater`` get the capped weights, those in other
    processes (``MultiprocessParallelUpdater``) do not. Without a trainer, call it after each step::

        projection = SpectralProjection(model, delta=0.2)
        optimizer.update(model, xs, ts)
        projection()

    ``W_hh`` is the matrix of the candidate state that ``h_(t-1)`` is multiplied by:

    - ``W_hh`` of :class:`grustab.links.GRU`, of which all lemmas speak;
    - ``U.W`` of ``chainer.links.StatefulGRU``, ``GRU`` and ``StatelessGRU``, whose update gate is
      the other way round (``1 - z`` for ``z``);
    - ``w5`` of every layer of ``chainer.links.NStepGRU``, whose reset gate is applied after the
      product, and of every layer and direction of ``NStepBiGRU``.

    As long as all their biases are zero, as they are at first, Lemmas 1 to 3 hold for Chainer's
    links, too: at ``h = 0`` both gates are 1/2, and the Jacobian is ``W_hh / 4 + I / 2``. Lemma 4
    holds for an ``NStepGRU``, too. In a bidirectional stack only Lemmas 1 to 3 hold, for each
    direction of a layer by itself. With other biases, 0 is in general no fixed point or the
    Jacobian there is another one; to keep a bias zero, set its ``update_rule.enabled`` to ``False``
    after the optimizer's ``setup``. Lemmas 5 and 6 hold for any matrix, square or not.

    It reports, for each of these links under its path in the model (``projection/gru/0/...``; the
    layers of an ``NStepGRU`` are ``/0``, ``/1``, ..., those of an ``NStepBiGRU`` in the order
    forward, backward, forward, ...), ``capped`` (how many singular values were set to the cap),
    ``sigma_bound`` (no singular value is above it now) and, where it was computed,
    ``sigma_before`` (the largest one before); and ``projection/time`` in seconds. Two models with
    equal paths need two names: put both into one ``chainer.Chain``, and give that.

    Args:
        target: Model with one or more of these links, at any depth. A parameter that is
            replaced later is not followed.
        delta: Safety margin in (0, 2).
        method: ``"naive"`` or ``"truncated"`` as in :func:`grustab.projection.project`, or
            ``"auto"``, :class:`grustab.projection.auto.AutoProjection`.
        rng: For randomized methods: a generator, whose state is the caller's to save, or the seed
            of one that is saved with the extension; ``None`` means 0.
        matrices: What to cap instead of the ``W_hh``: parameters of the model with two dimensions,
            or pairs of one and a slice of its rows, ``[model.fc.W, (model.rnn.W, slice(0, 100))]``.
            Each is reported under its path, ``projection/fc/W/...``,
            ``projection/rnn/W[0:100]/...``. Rows of one parameter must not overlap.

    Attributes:
        delta: The margin; may be set, for a schedule. It is not saved: set it again after loading.
        matrices: What is capped, by path.
        seconds: Time spent in all calls so far; on a GPU that includes the wait for what the
            optimizer has queued.
        automatic: With ``"auto"``, the :class:`~grustab.projection.auto.AutoProjection` of each
            matrix by path, which counts what was done.

    Raises:
        KeyError: When one of ``auto`` loads what another ``method`` has saved.
        ValueError: If there is nothing to cap, or ``delta``, ``method`` or one of ``matrices`` is
            not a valid one, or a matrix is neither float32 nor float64.
        NonFiniteMatrixError: In a call, if a matrix holds NaN or Inf.
    """

    trigger = (1, "iteration")
    # Before evaluation, monitors and snapshots: nobody may see weights above the cap.
    priority = training.PRIORITY_WRITER + 100

    def __init__(
        self,
        target: chainer.Link,
        delta: float,
        method: str = "auto",
        rng: np.random.Generator | int | None = None,
        matrices: Iterable[Parameter | tuple[Parameter, slice]] | None = None,
    ) -> None:
        require_method(method)
        self.matrices = (
            recurrent_matrices(target) if matrices is None else chosen_matrices(target, matrices)
        )
        if not self.matrices:
            raise ValueError("the model holds no GRU: give the parameters to cap as matrices=[...]")
        for matrix in self.matrices.values():
            require_matrix(matrix.array, matrix.title)
        self.method = method
        self.rng = np.random.default_rng(0 if rng is None else rng)
        self._owns_rng = self.rng is not rng
        followed = self.matrices if method == "auto" else ()
        self.automatic = {name: AutoProjection(delta, self.rng) for name in followed}
        self.delta = delta
        self.seconds = 0.0
        # What Lemma 6 starts from: a matrix after the last call, and bounds on its singular values.
        self._last: dict[str, tuple[Any, np.ndarray]] = {}

    @property
    def delta(self) -> float:
        """Safety margin in (0, 2)."""
        return self._delta

    @delta.setter
    def delta(self, delta: float) -> None:
        cap = cap_of(delta)
        self._delta = delta
        for projection in self.automatic.values():
            projection.cap = cap

    def __call__(self, trainer: training.Trainer | None = None) -> None:
        """Project every matrix in place and report."""
        start = time.perf_counter()
        updater = None if trainer is None else trainer.updater
        by_device = itertools.groupby(
            self.matrices.items(), lambda named: named[1].parameter.device
        )
        for device, matrices in by_device:
            with chainer.using_device(device):
                steps = [self._project(*named) for named in matrices]
                together([_settle(updater, device.xp), *steps])
        if isinstance(updater, training.updaters.ParallelUpdater):
            # It has copied the weights to its other models before an extension is called.
            main = updater.get_optimizer("main").target
            for model in updater._models.values():
                if model is not main:
                    model.copyparams(main)
        elapsed = time.perf_counter() - start
        self.seconds += elapsed
        chainer.report({"projection/time": elapsed})

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load what is known of each matrix, and the generator unless it was given."""
        self.seconds = serializer("seconds", self.seconds)
        if self._owns_rng:
            serialize_generator(serializer, "rng", self.rng)
        for name, matrix in self.matrices.items():
            part, device = serializer[f"gru{name}"], matrix.parameter.device
            if name in self.automatic:
                self.automatic[name].serialize(part, device)
            last = self._last.get(name, (None, None))
            w = serialize_array(part, "w", last[0])
            bounds = serialize_array(part, "bounds", last[1])
            self._last.pop(name, None)
            if w is not None:
                self._last[name] = device.send(w), bounds

    def _project(self, name: str, matrix: Matrix) -> Steps[None]:
        w, bounds = matrix.array, None
        if name in self.automatic:
            projected, info = yield from self.automatic[name].steps(w, matrix.title)
        else:
            yield from after_the_copy(matrix.parameter.xp)
            require_finite(w, matrix.title)
            if name in self._last:
                before, sigma = self._last[name]
                before = matrix.parameter.device.send(before)  # the model may have moved
                step_norm = float(matrix.parameter.xp.linalg.norm(w - before))
                bounds = singular_value_bounds(sigma, step_norm)
            projected, info = project(
                w, self.delta, self.method, bounds=bounds, rng=self.rng, return_info=True
            )
        if projected is not w:
            w[...] = projected
        if self.method == "truncated":
            self._last[name] = w.copy(), info.bounds
        known = {key: getattr(info, key) for key in ("sigma_before", "sigma_bound", "capped")}
        chainer.report({f"projection{name}/{k}": v for k, v in known.items() if v is not None})


def _settle(updater: Any, xp: Any) -> Steps[None]:
    """End an iteration whose loss or gradient was not finite before a matrix is changed."""
    yield from after_the_copy(xp)  # then its numbers are there, too
    if isinstance(updater, BPTTUpdater):
        updater.settle(chainer.report)
