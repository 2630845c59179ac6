"""Newton's method with the exact Hessian and Levenberg damping, for many points at once.

A point has converged when the relative distance to the maximum, g' I^-1 g / parameters (Commenges et al. 2006), is
below `TOLERANCE` with the information I positive definite. Points that cannot get there are returned as they are and
say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.likelihood import Objective

Array = NDArray[np.float64]

TOLERANCE = 1e-9
NEARLY, SAME_TOP = 2e-3, 5e-4
LONGEST = 2.0
"""No parameter moves further than this in one step; all are of order one in internal coordinates."""


@dataclass
class Maxima:
    """Where R points ended. `distance` is the convergence criterion; `definite` says whether I is positive definite,
    `tolerance` what the criterion was.
    """

    phi: Array
    loglik: Array
    gradient: Array
    hessian: Array
    distance: Array
    definite: NDArray[np.bool_]
    iterations: NDArray[np.intp]
    tolerance: Array

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Which points met the criterion."""
        return self.definite & (self.distance < self.tolerance)

    def take(self, which: NDArray[np.intp]) -> Maxima:
        """Some of the points."""
        return Maxima(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def maximise(objective: Objective, phi: Array, max_iterations: int = 100, tolerance: float | None = None) -> Maxima:
    """Climb from the points `phi` (R, free).

    A point that has less than `NEARLY` left to gain, by its quadratic model, and is heading for the value that another
    such point is heading for (within `SAME_TOP`) waits and takes that point's end: the two are one maximum, whatever
    the order of their classes.
    """
    tolerance = TOLERANCE if tolerance is None else tolerance
    phi = phi.copy()
    loglik, gradient, hessian = objective(phi)
    r = len(phi)
    out = Maxima(
        phi,
        loglik,
        gradient,
        hessian,
        np.full(r, np.inf),
        np.zeros(r, bool),
        np.zeros(r, dtype=np.intp),
        np.full(r, tolerance),
    )
    damping = np.zeros(r)
    fails = np.zeros(r, dtype=np.intp)
    active = np.arange(r)
    leader = np.full(r, -1, dtype=np.intp)
    top = np.full(r, np.nan)
    for _ in range(max_iterations):
        step, distance, definite = _step(out.gradient[active], out.hessian[active], damping[active])
        out.distance[active], out.definite[active] = distance, definite
        done = (definite & (distance < tolerance)) | (fails[active] > 12)
        follows = np.zeros(len(active), dtype=bool)
        if r > 1:
            gain = 0.5 * distance * phi.shape[1]
            follows = _follow(active, out.loglik[active] + gain, definite & (gain < NEARLY), top, leader) & ~done
        active, step = active[~done & ~follows], step[~done & ~follows]
        if not len(active):
            break
        out.iterations[active] += 1
        trial = out.phi[active] + step
        value, slope, curve = objective(trial)
        usable = np.isfinite(value) & np.isfinite(slope).all(axis=1) & np.isfinite(curve).all(axis=(1, 2))
        better = usable & (value >= out.loglik[active] - 1e-10 * np.abs(out.loglik[active]))
        moved = active[better]
        out.phi[moved], out.loglik[moved] = trial[better], value[better]
        out.gradient[moved], out.hessian[moved] = slope[better], curve[better]
        fails[moved] = 0
        damping[moved] = np.where(damping[moved] > 1e-6, damping[moved] / 10, 0.0)
        stuck = active[~better]
        fails[stuck] += 1
        damping[stuck] = np.maximum(damping[stuck] * 10, 1e-4)
    else:
        _, out.distance[active], out.definite[active] = _step(
            out.gradient[active], out.hessian[active], damping[active]
        )
    for i in np.flatnonzero(leader >= 0):
        for name in ("phi", "loglik", "gradient", "hessian", "distance", "definite"):
            getattr(out, name)[i] = getattr(out, name)[leader[i]]
    return out


def joined(a: Maxima, b: Maxima) -> Maxima:
    """The ends of two climbs, in this order."""
    return Maxima(*(np.concatenate([getattr(a, n), getattr(b, n)]) for n in a.__dataclass_fields__))


def _follow(
    active: NDArray[np.intp], heading: Array, near: NDArray[np.bool_], top: Array, leader: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which of the active points follow another from now on; keeps `top` and `leader` of all points up to date."""
    follows = np.zeros(len(active), dtype=bool)
    for e in np.flatnonzero(near):
        i = active[e]
        top[i] = np.nan
        others = np.flatnonzero((np.abs(top - heading[e]) < SAME_TOP) & (leader < 0))
        if len(others):
            leader[i], follows[e] = others[0], True
        else:
            top[i] = heading[e]
    return follows


def relative_distance(gradient: Array, hessian: Array) -> tuple[float, bool]:
    """The convergence criterion at one point, and whether the information is positive definite."""
    _, distance, definite = _step(gradient[None], hessian[None], np.zeros(1))
    return float(distance[0]), bool(definite[0])


def _step(gradient: Array, hessian: Array, damping: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Steps, relative distances and whether the information is positive definite.

    Where it is not, eigenvalues count by their size, so that the step goes uphill along every axis.
    """
    values, vectors = np.linalg.eigh(-hessian)
    largest = np.maximum(np.abs(values).max(axis=1), 1e-300)
    definite = values[:, 0] > 1e-12 * largest
    slope = np.einsum("rij,ri->rj", vectors, gradient)
    size = np.maximum(np.abs(values), 1e-9 * largest[:, None])
    with np.errstate(over="ignore"):
        distance = (slope**2 / size).sum(axis=1) / gradient.shape[1]
    typical = np.median(size, axis=1)
    step = np.einsum("rij,rj->ri", vectors, slope / (size + (damping * typical)[:, None]))
    longest = np.abs(step).max(axis=1)
    return step * np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300))[:, None], distance, definite
