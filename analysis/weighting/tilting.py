"""Weights d exp(z'b) whose sums of z are given totals: raking, calibration, entropy balancing of any kind.

Deming & Stephan (1940), Deville & Sarndal (1992), Hainmueller (2012); for continuous treatments Vegetabile et al.
(2021), Tuebbicke (2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.weighting.covariates import Columns, internal, inverse
from analysis.weighting.errors import WeightingError
from analysis.weighting.factor import Block, Factor, Part
from analysis.weighting.index import FAR, ITERATIONS, information

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tilt:
    """`b` (p,) and the weights' second factor exp(z'b), (n,)."""

    b: Array
    factor: Array
    information: Array


def tilt(z: Array, base: Array, totals: Array, what: str, names: tuple[str, ...]) -> Tilt:
    """Solve sum base exp(z'b) z = `totals`. Raises WeightingError where no positive weights can reach them."""
    b = np.zeros(z.shape[1])
    scale = float(base.sum())

    def objective(b: Array) -> float:
        return float(totals @ b) - float(base @ np.exp(np.minimum(z @ b, FAR)))

    value = objective(b)
    for _ in range(ITERATIONS * 2):
        w = base * np.exp(np.minimum(z @ b, FAR))
        gap = totals - w @ z
        info = information(z, w)
        if float(np.abs(gap).max()) < 1e-10 * scale:
            return Tilt(b, np.exp(z @ b), info)
        try:
            step = np.linalg.solve(info, gap)
        except np.linalg.LinAlgError:
            break
        length = min(1.0, 5.0 / float(np.abs(step).max()))
        for _ in range(50):
            new = objective(b + length * step)
            if np.isfinite(new) and new >= value - 1e-13 * abs(value):
                break
            length /= 2
        b, value = b + length * step, new
        if not np.isfinite(b).all() or float(np.abs(z @ b)[base > 0].max()) > FAR:
            break
    else:
        if float(np.abs(gap).max()) < 1e-6 * scale:
            return Tilt(b, np.exp(z @ b), info)
    reached = base @ z / scale
    worst = int(np.argmax(np.abs(totals / totals[0] * z[0, 0] - reached))) if len(totals) else 0
    raise WeightingError(
        f"{what}: no positive weights reach the totals; no overlap in {names[worst] if worst < len(names) else '?'} "
        "as the likeliest: take fewer or coarser columns, or restrict the target"
    )


def continuous(
    x: Array, names: tuple[str, ...], a: Array, moments: int, d_moments: int, node: str, case: Array | None
) -> tuple[Factor, Columns]:
    """Entropy balancing of a continuous treatment `a`: no correlation with powers of `x` up to `moments`, and the
    powers of x and a up to `d_moments` as in the sample.
    """
    c = np.ones(len(a)) if case is None else case
    share = c / c.sum()
    least = max(moments, d_moments)
    plain = [j for j, n in enumerate(names) if n != "Intercept"]
    base = (x[:, plain] - share @ x[:, plain]) / np.maximum(x[:, plain].std(axis=0), 1e-300)
    t = (a - share @ a) / a.std()
    binary = np.array([len(np.unique(x[:, j])) <= 2 for j in plain], dtype=bool)
    titles, columns, crossed = ["Intercept"], [np.ones(len(a))], [False]

    def powers(degree: int) -> list[tuple[str, Array]]:
        found = []
        for j, at in enumerate(plain):
            for m in range(1, (1 if binary[j] else degree) + 1):
                found.append((f"{names[at]}^{m}" if m > 1 else names[at], base[:, j] ** m))
        return found

    for title, column in [*powers(least), *((f"treatment^{m}", t**m) for m in range(1, least + 1))]:
        titles.append(title)
        columns.append(column)
        crossed.append(False)
    for title, column in powers(moments):
        titles.append(f"treatment × {title}")
        columns.append(t * (column - share @ column))
        crossed.append(True)
    z = np.column_stack(columns)
    z0 = z * ~np.array(crossed)
    made = internal(z.copy(), titles, node, case)
    keep = [titles.index(n) for n in made.names]
    target = z0[:, keep] @ made.to
    found = tilt(made.x, c, c @ target, node, made.names)
    part = Part(
        (Block(made.x, np.ones(len(a)), ((target, c), (made.x, -c * found.factor))),), inverse(found.information)
    )
    return Factor(found.factor, np.arange(len(a)), (part,)), made
