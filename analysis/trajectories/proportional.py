"""Proportional covariances in terms of covariances of each class, for likelihoods that know only the latter.

Class g has the factor exp(r_g) L, r of the last class 0. What is worked out with a factor for each class follows the
chain rule back to L and r.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]


def is_proportional(st: Structure) -> bool:
    """Whether the covariances of the classes are multiples of each other."""
    return st.own_covariance and st.covariance == "proportional"


def widened(st: Structure) -> Structure:
    """The same model with a covariance of each class."""
    return replace(st, covariance="class")


def widen(st: Structure, phi: Array) -> tuple[Array, Array]:
    """The point (free,) in the free order of `widened(st)` (wide,), and its derivatives (wide, free)."""
    wide = widened(st)
    jac = np.zeros((wide.n_free, st.n_free))
    for name in ("logits", "specific", "common", "log_s"):
        jac[_places(wide, name), _places(st, name)] = 1.0
    entries, ratio = phi[st.free["factor"]], phi[st.free["ratio"]]
    scale = np.exp(np.append(ratio, 0.0))
    found = jac @ phi
    for g in range(st.k):
        at = _factor(wide, g, len(entries))
        found[at] = scale[g] * entries
        jac[at, _places(st, "factor")] = scale[g]
        if g < st.k - 1:
            jac[at, st.free["ratio"].start + g] = scale[g] * entries
    return found, jac


def curvature(st: Structure, phi: Array, gradient: Array) -> Array:
    """(free, free): what the bend of the widening adds to the Hessian; `gradient` (wide,)."""
    found = np.zeros((st.n_free, st.n_free))
    entries, ratio = phi[st.free["factor"]], phi[st.free["ratio"]]
    factor = _places(st, "factor")
    for g in range(st.k - 1):
        slope = np.exp(ratio[g]) * gradient[_factor(widened(st), g, len(entries))]
        at = st.free["ratio"].start + g
        found[factor, at] = found[at, factor] = slope
        found[at, at] = slope @ entries
    return found


def _places(st: Structure, name: str) -> NDArray[np.intp]:
    where = st.free[name]
    return np.arange(where.start, where.stop)


def _factor(wide: Structure, g: int, n: int) -> NDArray[np.intp]:
    return wide.free["factor"].start + g * n + np.arange(n)
