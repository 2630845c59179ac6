"""Internal coordinates: scores in units of their spread about the pooled regression, columns orthonormal.

Time in years or age in decades, a score from 0 to 100 or to 3: the optimiser sees the same problem. With X = X* R and
y = X b0 + s y*, the class effects are b = b0 + s R^-1 b*, exactly; the covariance of random effects D = s2 Rz^-1 D*
Rz^-T. R is upper triangular with the class-specific columns first, so that a common effect stays common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.errors import DesignError

Array = NDArray[np.float64]

RANK_TOLERANCE = 1e-8
"""Share of a column's length that must be left when the columns before it are taken out."""


@dataclass(frozen=True)
class Coordinates:
    """The way back. `beta0` (p,), `scale` s, inverses of the triangular factors of X, Z and the membership design."""

    beta0: Array
    scale: float
    fixed_inverse: Array
    random_inverse: Array
    membership_inverse: Array

    def beta(self, internal: Array) -> Array:
        """Fixed effects (..., p) in the units of the frame."""
        found: Array = self.beta0 + self.scale * (internal @ self.fixed_inverse.T)
        return found

    def cov(self, internal: Array) -> Array:
        """Covariances of random effects (..., q, q) in the units of the frame."""
        found: Array = self.scale**2 * (self.random_inverse @ internal @ self.random_inverse.T)
        return found

    def gamma(self, internal: Array) -> Array:
        """Membership logits (..., columns) for the columns of the frame."""
        found: Array = internal @ self.membership_inverse.T
        return found

    def columns(self, x: Array, z: Array, y: Array, nested: bool) -> Array:
        """[X* Z* y*] of rows in the units of the frame; Z* only where the random columns are not `nested` in X."""
        parts = [x @ self.fixed_inverse]
        if not nested:
            parts.append(z @ self.random_inverse)
        parts.append(((y - x @ self.beta0) / self.scale)[:, None])
        return np.concatenate(parts, axis=1)


def coordinates(
    x: Array,
    z: Array,
    y: Array,
    membership: Array,
    nested: bool,
    diagonal: bool,
    names: Sequence[str],
    random_names: Sequence[str],
    membership_names: Sequence[str],
) -> tuple[Coordinates, Array]:
    """Coordinates of the data, and the columns [X* Z* y*] of the cross-products (Z* only where not `nested` in X)."""
    upper = triangle(x, names, "fixed")
    inverse = np.asarray(np.linalg.inv(upper), dtype=float)
    whitened = x @ inverse
    slope = whitened.T @ y / len(y)
    residual = y - whitened @ slope
    scale = float(np.sqrt(residual @ residual / len(y)))
    if not scale > 1e-10 * max(float(np.abs(y).max()), 1.0):
        raise DesignError("the scores lie exactly on the pooled regression: there is nothing left to model")
    if nested:
        random = upper[: z.shape[1], : z.shape[1]]
    else:
        random = triangle(z, random_names, "random")
        if diagonal:
            random = np.diag(np.sqrt((z**2).mean(axis=0)))
    random_inverse = np.asarray(np.linalg.inv(random), dtype=float)
    membership_inverse = np.asarray(np.linalg.inv(triangle(membership, membership_names, "membership")), dtype=float)
    to = Coordinates(
        np.asarray(inverse @ slope),
        scale,
        inverse,
        random_inverse,
        membership_inverse,
    )
    return to, to.columns(x, z, y, nested)


def triangle(x: Array, names: Sequence[str], what: str) -> Array:
    """R of X = X* R with X*'X* = rows, positive diagonal. Raises DesignError naming the first superfluous column."""
    if x.shape[1] == 0:
        return np.zeros((0, 0))
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise DesignError(f"{what} column {names[column]} is {x[row, column]} in row {row}: values must be finite")
    size = np.sqrt((x**2).mean(axis=0))
    if (size == 0).any():
        raise DesignError(f"{what} column {names[int(np.argmax(size == 0))]} is zero everywhere; leave it out")
    upper = np.linalg.qr(x / size, mode="r") / np.sqrt(len(x))
    diagonal = np.diag(upper)
    if len(x) < x.shape[1] or (np.abs(diagonal) < RANK_TOLERANCE).any():
        column = int(np.argmin(np.abs(diagonal))) if len(x) >= x.shape[1] else len(x)
        raise DesignError(
            f"{what} column {names[column]} is a linear combination of those before it "
            f"({', '.join(names[:column]) or 'none'}); leave one out"
        )
    found: Array = upper * np.sign(diagonal)[:, None] * size
    return found
