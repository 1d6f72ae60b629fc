"""P_delta the fast way: only the singular values that matter, followed from step to step."""

import math
from typing import Any

import chainer
import numpy as np
from chainer import backend
from chainer.backends import cuda

from grustab.projection import subspace
from grustab.projection.cap import (
    ACCURACY,
    TOLERANCE,
    ProjectionInfo,
    cap_of,
    remove_excess,
    require_finite,
    require_matrix,
    within_cap,
)
from grustab.projection.decompositions import eigh, svd
from grustab.projection.together import Steps, after_the_copy, together
from grustab.serialization import serialize_array, serialize_json

#: Random vectors in each search, which find what the followed subspace does not hold.
PROBES = 8
#: Singular values above the first of these shares of the cap are followed, and at least SPARE
#: more. If they are a crowd, only those above the second share, with a stronger filter.
FOLLOWED, SPARE = (0.88, 0.95), 4
#: Degree of the Chebyshev filter, by share: one pass makes a value at the cap 90 times larger than
#: one at the share. On a GPU the operator already has twice the degree, so 4 makes it 2000 and 90
#: times larger: more would hide what is at the cap beside what is far above it.
DEGREES, GPU_DEGREE = (5, 8), 4
#: Parts of the columns: so many are a crowd; so many cost more to follow than the exact way.
CROWDED, TOO_MANY = 1 / 8, 1 / 3
#: Above these multiples of the cap, a singular value or a Frobenius norm is left to the exact way.
FAR, HUGE = 3, 100
#: Looks at the block, each after a pass of the filter, before the search is given up.
MAX_LOOKS = 4
#: Results of the subspace from one verification to the next.
CHECK_INTERVAL = 50


def margin_of(share: float) -> float:
    """Share of the cap that nothing may exceed unless it is followed."""
    return 1 - (1 - share) / 4


class AutoProjection:
    """P_delta of a matrix of any shape that changes by steps, such as ``W_hh`` in training.

    Each call takes the cheapest way that serves:

    1. *Nothing to do* (Lemma 6): an exact ``sigma_1`` of an earlier matrix and the Frobenius norm
       of the whole change since then prove that nothing exceeds the cap. It is the true change,
       so this holds for any optimizer.
    2. *Subspace*: block subspace iteration, with a Chebyshev filter, from the singular vectors of
       the call before and :data:`PROBES` random ones; taken when its residuals bound the error by
       :data:`ACCURACY` of the correction and the largest singular value left by the tolerance. A
       value above the cap that the subspace misses must be almost orthogonal to all the random
       vectors.
    3. *Exact*: eigenvectors of ``W^T W`` in float64 (a full SVD where its norm is huge), when
       that did not converge or failed its verification, when there is no call before, when too
       many values come near the cap for the matrix's size, or when one lies far above it.

    Every :data:`CHECK_INTERVAL`-th result of the second way is verified by a Cholesky decomposition
    in float64, and replaced by an exact one if that fails. Singular values above 2 - delta are
    then capped by subtracting the excess, ``W - U (Sigma - cap)_+ V^T``.

    Args:
        delta: Safety margin in (0, 2).
        rng: Generator of the random vectors, or a seed; ``None`` means 0.

    Attributes:
        counts: Calls so far by way: ``skipped``, ``subspace``, ``exact``; and ``checks``,
            ``failed_checks``.

    Raises:
        ValueError: If ``delta`` does not lie between 0 and 2.
    """

    def __init__(self, delta: float, rng: np.random.Generator | int | None = None) -> None:
        self.cap = cap_of(delta)
        self.rng = np.random.default_rng(0 if rng is None else rng)
        self.counts = dict.fromkeys(("skipped", "subspace", "exact", "checks", "failed_checks"), 0)
        self._v: Any = None  # followed right singular vectors (n, q)
        self._crowded = False  # whether only values above the second share are followed
        self._reference: tuple[Any, float] | None = None  # a matrix and its exact sigma_1

    def __call__(self, w: Any, name: str = "a matrix") -> tuple[Any, ProjectionInfo]:
        """Project a matrix (m, n), NumPy or CuPy, float32 or float64; errors give its name.

        Returns:
            The projected matrix, ``w`` itself where nothing exceeds the cap, and what was done.

        Raises:
            ValueError: If ``w`` is no matrix, is empty, or of another dtype, whose precision would
                not do.
            NonFiniteMatrixError: If ``w`` holds NaN or Inf.
        """
        return together([self.steps(w, name)])[0]

    def steps(self, w: Any, name: str = "a matrix") -> Steps[tuple[Any, ProjectionInfo]]:
        """The same for :func:`~grustab.projection.together.together`."""
        require_matrix(w)
        if w.shape[0] < w.shape[1]:  # what follows needs W^T W to be the smaller product
            projected, info = yield from self.steps(w.T, name)
            return w if info.capped == 0 else projected.T, info
        xp, device = backend.get_array_module(w), backend.get_device_from_array(w)
        if self._v is not None:
            self._v = device.send(self._v)  # the matrix may have moved
        if self._reference is not None:
            reference, sigma_1 = device.send(self._reference[0]), self._reference[1]
            bound = sigma_1 + float(xp.linalg.norm(w - reference))
            if bound <= self.cap:
                yield from after_the_copy(xp)
                self.counts["skipped"] += 1
                return w, ProjectionInfo(None, bound, 0, 0, None)
            if xp is not np:  # it would be waited for at every step, and seldom serve again
                self._reference = None
        found = None
        if self._v is not None and self._v.shape[1] < TOO_MANY * w.shape[1]:
            found = yield from self._search(xp, w)
        if found is not None:
            projected, info = self._subtract(w, *found)
            if (self.counts["subspace"] + 1) % CHECK_INTERVAL or self._check(projected):
                self.counts["subspace"] += 1
                return projected, info
        else:
            yield from after_the_copy(xp)
        return self._exact(xp, w, name)

    def serialize(self, serializer: chainer.AbstractSerializer, device: Any) -> None:
        """Save or load what is followed and counted, but not the generator's state."""
        reference, sigma_1 = self._reference or (None, None)
        v = serialize_array(serializer, "v", self._v)
        reference = serialize_array(serializer, "reference", reference)
        sigma_1 = serialize_json(serializer, "sigma_1", sigma_1)
        self._crowded = serialize_json(serializer, "crowded", self._crowded)
        self.counts = serialize_json(serializer, "counts", self.counts)
        self._v = None if v is None else device.send(v)
        self._reference = None if reference is None else (device.send(reference), sigma_1)

    def _check(self, projected: Any) -> bool:
        self.counts["checks"] += 1
        passed = within_cap(projected, self.cap)
        self.counts["failed_checks"] += not passed
        return passed

    def _subtract(self, w: Any, u: Any, sigma: np.ndarray, v: Any) -> tuple[Any, ProjectionInfo]:
        capped = int((sigma > self.cap).sum())
        before = float(sigma[0]) if capped else None  # below the cap it need not have converged
        projected = remove_excess(w, u, sigma, v.T, self.cap)
        return projected, ProjectionInfo(before, self.cap, capped, len(sigma), None)

    def _exact(self, xp: Any, w: Any, name: str) -> tuple[Any, ProjectionInfo]:
        """Eigenvectors of ``W^T W``, on the CPU in float64."""
        a = cuda.to_cpu(w).astype(np.float64)
        require_finite(a, name)  # no other way succeeds where it is not
        self.counts["exact"] += 1
        huge = np.linalg.norm(a) > HUGE * self.cap
        if huge:  # its square, or subtracting its excess, loses what is near the cap
            u, sigma, vt = svd(a, full_matrices=False)
            v = vt.T
        else:
            squares, v = eigh(a.T @ a)
            sigma, v = np.sqrt(np.maximum(squares[::-1], 0)), v[:, ::-1]
        self._crowded = False
        self._follow(sigma, v)
        self._v = xp.asarray(self._v, dtype=w.dtype)
        k = int((sigma > self.cap).sum())
        top = float(sigma[0])
        self._reference = (w.copy(), top) if k == 0 else None
        projected = w
        if huge and k:
            projected = xp.asarray((u * np.minimum(sigma, self.cap)) @ vt, dtype=w.dtype)
        elif k:
            # W V (1 - cap / sigma) V^T is the excess U (Sigma - cap) V^T.
            excess = (a @ v[:, :k]) * (1 - self.cap / sigma[:k]) @ v[:, :k].T
            projected = xp.asarray(a - excess, dtype=w.dtype)
        return projected, ProjectionInfo(top, min(top, self.cap), k, len(sigma), None)

    def _search(self, xp: Any, w: Any) -> Steps[tuple[Any, np.ndarray, Any] | None]:
        """Singular triplets that hold all values above the cap, or ``None``."""
        if xp is np and not np.linalg.norm(w) <= HUGE * self.cap:
            return None  # the filter would overflow; a GPU's result says that it did
        probes = self.rng.standard_normal((w.shape[1], PROBES)).astype(w.dtype)
        block = xp.concatenate((self._v, xp.asarray(probes)), axis=1)
        share = FOLLOWED[self._crowded]
        times = subspace.operator(xp, w, share * self.cap, block.shape[1])
        degree = DEGREES[self._crowded] if xp is np else GPU_DEGREE
        if xp is np:
            block = subspace.orthonormal(subspace.chebyshev(times, block, degree))
        for number in range(MAX_LOOKS):
            filtered = subspace.chebyshev(times, block, degree)
            if xp is np:
                found = subspace.rayleigh_ritz(w, subspace.orthonormal(filtered))
            else:
                found = yield from subspace.rayleigh_ritz_on_gpu(w, filtered)
            if found is None:
                return None
            u, sigma, block, residuals = found
            if (sigma > share * self.cap).sum() > len(sigma) - PROBES:
                return None  # there may be more of them
            if not sigma[0] <= FAR * self.cap:
                return None  # it, or NaN, would hide what is near the cap
            nothing_hidden = sigma[-1] > 0  # else a second pass shows it
            if (nothing_hidden or number) and self._converged(sigma, residuals, share):
                self._follow(sigma, block)
                return u, sigma, block
        return None

    def _follow(self, sigma: np.ndarray, v: Any) -> None:
        """Keep the vectors to follow, given all singular values above the share followed so far."""
        near = [int((sigma > share * self.cap).sum()) for share in FOLLOWED]
        self._crowded |= near[0] >= CROWDED * len(v)
        wanted = near[self._crowded] + SPARE + PROBES
        width = -(-wanted // 16) * 16 - PROBES  # with the probes a multiple of 16, as BLAS likes it
        self._v = v[:, :width].copy()

    def _converged(self, sigma: np.ndarray, residuals: np.ndarray, share: float) -> bool:
        cap, margin = self.cap, margin_of(share) * self.cap
        near = sigma > margin
        sigma, residuals = sigma[near], residuals[near]
        excess, gap = np.maximum(sigma - cap, 0), sigma - share * cap
        # How much larger the value may be, and how far its vectors may be turned.
        error = np.maximum(sigma + residuals**2 / gap - cap, 0) - excess + residuals * excess / gap
        if np.linalg.norm(error) > ACCURACY * np.linalg.norm(excess):
            return False
        # In the basis of the singular vectors the result is block triangular: value i, its
        # residual beside it, the rest below. The norm of each 2 x 2 of norms bounds the whole.
        bound = margin
        for s, r in zip(sigma[::-1], residuals[::-1], strict=True):
            s = min(s, cap)
            bound = (math.hypot(s + bound, r) + math.hypot(s - bound, r)) / 2
        return bound <= cap * (1 + 0.9 * TOLERANCE)
