"""Take the gradient of one update apart, by the ways it goes back in time."""

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any

import chainer
import chainer.functions as F
import numpy as np

from experiments.explosion.snapshot import Snapshot
from experiments.explosion.trajectory import describe_layer
from experiments.results.store import finite
from grustab.links import GRU
from grustab.stability import largest_lyapunov_exponent
from grustab.updaters.bptt_updater import divisor

#: Ways back that are cut, one or two at a time. To cut W_hh is to cut all that goes through it.
CUTS = {
    "none": (),
    "z": ("z",),
    "r": ("r",),
    "z and r": ("z", "r"),
    "candidate": ("candidate",),
    "W_hh": ("r", "candidate"),
    "all": ("z", "r", "candidate"),
}
#: Factor on a matrix, to see how much depends on its size.
FACTOR = 0.9
#: Other dropout masks tried with the same batch.
MASKS = 19


class CutGRU(chainer.Link):
    """Eqs. (1)-(4) step by step, where the gradient does not take some ways back in time.

    States and parameters are those of the layer it replaces. All matrices still get their
    gradients, but nothing goes on to the state before through a way that is cut.

    Args:
        gru: The layer.
        cut: Ways to cut, as of :func:`grustab.stability.jacobian_at`.

    Attributes:
        seen: Inputs (T, B, m) and first states (B, n) of the last call.
    """

    def __init__(self, gru: GRU, cut: Collection[str] = ()) -> None:
        super().__init__()
        with self.init_scope():
            self.W_x, self.W_h = gru.W_x, gru.W_h
        self.h, self.cut = gru.h, cut
        self.seen: tuple[Any, Any] | None = None

    def forward(self, xs: Any) -> chainer.Variable:
        """Inputs (T, B, m) to states (T, B, n)."""
        xs, h = chainer.as_variable(xs), chainer.as_variable(self.h)
        self.seen = xs.array, h.array
        w_z, w_r, w_c = F.split_axis(self.W_h, 3, axis=0)
        states = []
        for a in F.separate(F.linear(xs, self.W_x, n_batch_axes=2)):
            a_z, a_r, a_c = F.split_axis(a, 3, axis=1)
            # By way: the state before, or the same numbers with no way back.
            before = {way: h.array if way in self.cut else h for way in ("z", "r", "candidate")}
            z = F.sigmoid(a_z + F.linear(before["z"], w_z))
            r = F.sigmoid(a_r + F.linear(before["r"], w_r))
            candidate = F.tanh(a_c + F.linear(r * before["candidate"], w_c))
            h = z * h + (1 - z) * candidate
            states.append(h)
        return F.stack(states)


def gradient_norm(
    snapshot: Snapshot,
    cuts: Mapping[int, Collection[str]] | None = None,
    scaled: tuple[int, str] | None = None,
) -> tuple[float, list[CutGRU]]:
    """Norm of the gradient of the snapshot's batch, all parameters together, in float64.

    Ways back are cut by layer; one matrix of a layer may be ``scaled`` by :data:`FACTOR` before.
    Gives the layers as they were run, too.
    """
    model = snapshot.model()
    if scaled:
        getattr(model.gru[scaled[0]], scaled[1])[...] *= FACTOR
    for i, gru in enumerate(model.gru):
        model.gru[i] = CutGRU(gru, (cuts or {}).get(i, ()))
    xs, ts = snapshot.batch
    model.cleargrads()
    c, (steps, sequences) = snapshot.cell.conditions, xs.shape[:2]
    per_step, summed = c.loss == "mean_over_steps", c.loss_over_batch == "sum"
    (model(xs, ts) / divisor(steps * sequences, sequences, per_step, summed)).backward()
    square = sum(float((p.grad**2).sum()) for p in model.params() if p.grad is not None)
    return square**0.5, list(model.gru)


def measure(snapshot: Snapshot) -> dict[str, Any]:
    """All numbers of a snapshot.

    Returns:
        ``recorded``: what the run had noted; ``gradient_norm``; ``other_masks``: the same with
        other dropout; ``layers``, see :func:`_describe_layer`; ``cuts_in_all_layers``: the
        gradient's norm by cut; ``scaled``: that with one recurrent matrix of a layer times 0.9.
    """
    norm, layers = gradient_norm(snapshot)
    return {
        "update": snapshot.update,
        "recorded": snapshot.recorded,
        "gradient_norm": finite(norm),
        "other_masks": [
            finite(gradient_norm(snapshot._replace(dropout=state))[0])
            for state in (np.random.default_rng(i).bit_generator.state for i in range(MASKS))
        ],
        "layers": [_describe_layer(snapshot, i, *layer.seen) for i, layer in enumerate(layers)],
        "cuts_in_all_layers": {
            name: finite(gradient_norm(snapshot, dict.fromkeys(range(len(layers)), cut))[0])
            for name, cut in CUTS.items()
        },
        "scaled": [
            {
                "layer": i + 1,
                "matrix": matrix,
                "factor": FACTOR,
                "gradient_norm": finite(gradient_norm(snapshot, scaled=(i, matrix))[0]),
            }
            for i in range(len(layers))
            for matrix in ("W_hz", "W_hr", "W_hh")
        ],
    }


def _describe_layer(snapshot: Snapshot, number: int, xs: Any, h: Any) -> dict[str, Any]:
    """Spectra and exponents of a layer, and what is left of its gradient with ways back cut.

    Under ``cuts``, ``products`` are the norms of ``J_T ... J_1``, one for each sequence, and
    ``growth`` those of ``J_t ... J_1`` for t = 1 ... T of the ``worst`` sequence.
    """
    gru = snapshot.model().gru[number]
    w_x, w_h = gru.W_x.array, gru.W_h.array
    described = describe_layer(gru, xs, h)
    worst = int(np.argmax(largest_lyapunov_exponent(xs, h, w_x, w_h)))
    described["worst"] = worst
    one = slice(worst, worst + 1)
    described["cuts"] = {
        name: {
            "gradient_norm": finite(gradient_norm(snapshot, {number: cut})[0]),
            "products": _norms(len(xs), largest_lyapunov_exponent(xs, h, w_x, w_h, cut=cut)),
            "growth": [
                *chain.from_iterable(
                    _norms(t, largest_lyapunov_exponent(xs[:t, one], h[one], w_x, w_h, cut=cut))
                    for t in range(1, len(xs) + 1)
                )
            ],
        }
        for name, cut in CUTS.items()
    }
    return described


def _norms(steps: int, exponents: np.ndarray) -> list[float | None]:
    """Norms of products of ``steps`` Jacobians."""
    return [finite(norm) for norm in np.exp(steps * exponents)]
