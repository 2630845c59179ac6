"""One factor of a weight, with what a stacked sandwich needs of its estimation.

A factor w_i(theta) comes from one or more independent estimators (denominator, numerator). Of each, `Part` holds the
slopes d log w / d theta and the scores as columns times a number per row, so that nothing of size rows × parameters is
kept beside the columns themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Block:
    """Parameters that belong to columns `x` (m, p): d log w = x × `slope` (m,); scores = sum of x × number `terms`."""

    x: Array
    slope: Array
    terms: tuple[tuple[Array, Array], ...]

    def scores(self, d: Array) -> Array:
        """`d` (k, p) times the scores: (k, m)."""
        found = np.zeros((len(d), len(self.x)))
        for x, r in self.terms:
            found += (d @ x.T) * r
        return found


@dataclass(frozen=True)
class Part:
    """One estimator: `bread` (P, P), the inverse of minus the derivative of its equations, over all its blocks."""

    blocks: tuple[Block, ...]
    bread: Array

    def carry(self, g: Array) -> Array:
        """`g` (k, m): derivative of later equations by log w, per row. Gives their influence (k, m) by way of theta."""
        c = np.concatenate([(g * b.slope) @ b.x for b in self.blocks], axis=1) @ self.bread
        found, at = np.zeros_like(g), 0
        for b in self.blocks:
            found += b.scores(c[:, at : at + b.x.shape[1]])
            at += b.x.shape[1]
        return found


@dataclass(frozen=True)
class Factor:
    """`values` (n,), 0 for who is not kept. `rows` (m,): where the rows of the parts stand among the n."""

    values: Array
    rows: Indices
    parts: tuple[Part, ...] = ()
    chance: Array | None = None
    """(m,) or (m, k): probabilities behind the factor, where there are such."""
    coefficients: dict[str, dict[str, float]] = field(default_factory=dict)
    """By equation and column, in the units of the frame."""

    def carry(self, g: Array) -> Array:
        """`g` (k, n) to influence (k, n); see `Part.carry`."""
        if not self.parts:
            return np.zeros_like(g)
        here = g[:, self.rows] if len(self.rows) < g.shape[1] else g
        found = sum((part.carry(here) for part in self.parts), np.zeros_like(here))
        if len(self.rows) == g.shape[1]:
            return found
        out = np.zeros_like(g)
        out[:, self.rows] = found
        return out
