"""The matrices of a model that P_delta caps: found in its GRUs, or chosen by the caller."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import chainer
import chainer.links as L
from chainer import Parameter

from grustab.links.gru import GRU


class Matrix(NamedTuple):
    """A matrix to cap: all rows of a parameter, or some.

    Attributes:
        title: What errors call it.
        parameter: Parameter of two dimensions.
        rows: Which of its rows.
    """

    title: str
    parameter: Parameter
    rows: slice = slice(None)

    @property
    def array(self) -> Any:
        """The matrix, a view: what is written into it is written into the parameter."""
        return self.parameter.array[self.rows]


def recurrent_matrices(model: chainer.Link) -> dict[str, Matrix]:
    """``W_hh`` of eq. (4), the candidate's recurrent matrix, of every GRU of a model.

    Returns:
        The matrices by the path of their link, empty for a model that is a GRU itself. Of Chainer's
        ``NStepGRU`` and ``NStepBiGRU`` every layer, and every direction of a layer, is a link. One
        that several links share is found once, under the first path.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for path, link in model.namedlinks():
        path = path.rstrip("/")
        if isinstance(link, GRU):
            found[path] = link.W_h, slice(2 * link.out_size, None)
        elif isinstance(link, (L.StatefulGRU, L.StatelessGRU)):
            found[path] = (link.U.W,)
        elif isinstance(link, (L.NStepGRU, L.NStepBiGRU)):
            found |= {f"{path}/{i}": (layer.w5,) for i, layer in enumerate(link)}
    first: dict[int, str] = {}
    return {
        path: Matrix(f"W_hh of layer {path or '/'}", *rows)
        for path, rows in found.items()
        if first.setdefault(id(rows[0]), path) == path
    }


def chosen_matrices(
    model: chainer.Link, chosen: Iterable[Parameter | tuple[Parameter, slice]]
) -> dict[str, Matrix]:
    """Parameters of a model, or rows of them, by path: ``/fc/W``, or ``/fc/W[0:5]``.

    Raises:
        ValueError: If one is not a parameter of the model, has no values yet, or is no matrix; or
            if none is given.
    """
    paths = {id(parameter): path for path, parameter in model.namedparams()}
    matrices: dict[str, Matrix] = {}
    taken: set[tuple[int, int]] = set()
    for entry in chosen:
        pair = isinstance(entry, tuple) and len(entry) == 2
        parameter, rows = entry if pair else (entry, slice(None))
        path = paths.get(id(parameter))
        if path is None or not isinstance(rows, slice):
            raise ValueError(
                "matrices must be a list of parameters of the model, or of pairs of one and a "
                f"slice of its rows, got a {type(entry).__name__} in it"
            )
        if rows != slice(None):
            text = f"{rows.start}:{rows.stop}:{rows.step}".replace("None", "")
            path += f"[{text.removesuffix(':')}]"
        if not parameter.is_initialized:
            raise ValueError(f"{path} has no values yet: call the model once before")
        matrices[path] = matrix = Matrix(path, parameter, rows)
        shape = matrix.array.shape if parameter.array.ndim == 2 else parameter.array.shape
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"{path} must be a matrix, got shape {shape}")
        numbers = {(id(parameter), row) for row in range(len(parameter.array))[rows]}
        if taken & numbers:
            raise ValueError(f"{path} has rows that are in matrices already")
        taken |= numbers
    if not matrices:
        raise ValueError("matrices is empty, leave it out to cap the GRUs")
    return matrices
