"""Norm of the gradient, clipping and update of all weights on a GPU: three launches, no wait."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chainer
from chainer import optimizers
from chainer.backends import cuda

#: Threads of a kernel; each takes every so many-th element of every array.
THREADS = 2**16
#: Arrays per launch: a kernel takes 4 KB of arguments, and a matrix is 48 bytes of them.
ARRAYS = 16


class Rule(NamedTuple):
    """What one of Chainer's optimizers does to a weight ``p`` with gradient ``g``.

    Attributes:
        states: Names of its arrays.
        scalars: Further parameters of the kernel.
        values: Gives their values, from an update rule of Chainer's.
        body: The update of one weight, in CUDA C.
    """

    states: tuple[str, ...]
    scalars: str
    values: Callable[[Any], tuple[float, ...]]
    body: str


RULES = {
    optimizers.SGD: Rule((), "T lr", lambda r: (r.hyperparam.lr,), "p -= lr * g;"),
    optimizers.Adam: Rule(
        ("m", "v"),
        "T alpha, T one_minus_beta1, T one_minus_beta2, T eps",
        lambda r: (r.alpha_t, 1 - r.hyperparam.beta1, 1 - r.hyperparam.beta2, r.hyperparam.eps),
        """
        m += one_minus_beta1 * (g - m);
        v += one_minus_beta2 * (g * g - v);
        p -= alpha * m / (sqrt(v) + eps);
        """,
    ),
    optimizers.RMSprop: Rule(
        ("ms",),
        "T lr, T alpha, T eps",
        lambda r: (r.hyperparam.lr, r.hyperparam.alpha, r.hyperparam.eps),
        "ms = alpha * ms + (1 - alpha) * g * g; p -= lr * g / (sqrt(ms) + eps);",
    ),
}
#: Options of these optimizers that no rule has, with the values that they must have.
DEFAULTS = {
    "eta": 1.0,
    "weight_decay_rate": 0,
    "amsgrad": False,
    "adabound": False,
    "eps_inside_sqrt": False,
}


def gradient_sums(params: Sequence[chainer.Parameter]) -> Any:
    """Sums of the squares and of the absolute values of all elements, (2,), float64.

    Squares of float32 all fit float64; those of float64 above 1e154 do not, and count as infinite.
    """
    parts = cuda.cupy.empty((2, -(-len(params) // ARRAYS) * THREADS))
    for number, group in enumerate(_groups(params)):
        grads = [param.grad for param in group]
        _sums_kernel(len(grads))(number * THREADS, parts.shape[1], *grads, parts, size=THREADS)
    return parts.sum(axis=1)


def update(
    rule: Rule, params: Sequence[chainer.Parameter], loss: Any, sums: Any, threshold: float
) -> Any:
    """Clip the gradient to norm ``threshold``, update, unless loss or norm is not finite.

    Returns:
        Loss, norm before clipping, and sum of the absolute values: (3,), float64.
    """
    numbers = cuda.cupy.empty(3)
    for group in _groups(params):
        states = (p.update_rule.state[name] for p in group for name in rule.states)
        arrays = *(p.grad for p in group), numbers, *(p.array for p in group), *states
        scalars = rule.values(group[0].update_rule)
        kernel = _update_kernel(rule, len(group))
        kernel(sums, loss.reshape(1), threshold, *scalars, *arrays, size=THREADS)
    return numbers


def _groups(params: Sequence[chainer.Parameter]) -> list[Sequence[chainer.Parameter]]:
    return [params[i : i + ARRAYS] for i in range(0, len(params), ARRAYS)]


@functools.cache
def _sums_kernel(count: int) -> Callable:
    loops = "".join(
        f"for (ptrdiff_t k = i; k < g{j}.size(); k += _ind.size()) "
        f"{{ double x = g{j}[k]; square += x * x; size += fabs(x); }}"
        for j in range(count)
    )
    return cuda.elementwise(
        "int64 first, int64 row" + "".join(f", raw T g{j}" for j in range(count)),
        "raw float64 parts",
        f"double square = 0, size = 0; {loops} "
        "parts[first + i] = square; parts[row + first + i] = size;",
        "grustab_gradient_sums",
    )


@functools.cache
def _update_kernel(rule: Rule, count: int) -> Callable:
    names = [f"p{j}" for j in range(count)]
    names += [f"{name}{j}" for j in range(count) for name in rule.states]
    loops = ""
    for j in range(count):
        aliases = "".join(f"T &{name} = {name}{j}[k]; " for name in ("p", *rule.states))
        loops += f"""
        for (ptrdiff_t k = i; k < g{j}.size(); k += _ind.size()) {{
            T g = g{j}[k] * factor;
            {aliases}{rule.body}
        }}"""
    return cuda.elementwise(
        f"raw float64 sums, raw T loss, float64 threshold, {rule.scalars}"
        + "".join(f", raw T g{j}" for j in range(count)),
        "raw float64 numbers" + "".join(f", raw T {name}" for name in names),
        f"""
        double norm = sqrt(sums[0]);
        if (i == 0) {{ numbers[0] = loss[0]; numbers[1] = norm; numbers[2] = sums[1]; }}
        if (isfinite(norm) && isfinite((double)loss[0])) {{
            T factor = norm > threshold ? threshold / norm : 1;
            {loops}
        }}
        """,
        "grustab_update",
    )
