"""Where each parameter stands, and how internal parameters become those of the frame.

Natural parameters (free,): membership logits of the classes but the last, thresholds, intercepts of the classes but the
last, class-specific coefficients class by class, common coefficients; all by internal columns. The optimiser's
parameters differ in the thresholds only: the first, then logarithms of the distances, so that the order cannot break.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Layout:
    """Sizes: classes, thresholds, membership columns, class-specific and common columns (without the intercept)."""

    k: int
    link: str
    n_thresholds: int
    n_membership: int
    n_specific: int
    n_common: int
    intercepts: bool

    def with_classes(self, k: int) -> Layout:
        """The same model with another number of classes."""
        return replace(self, k=k)

    @property
    def n_logits(self) -> int:
        """Number of membership logits."""
        return (self.k - 1) * self.n_membership

    @property
    def thresholds(self) -> slice:
        """Place of the thresholds."""
        return slice(self.n_logits, self.n_logits + self.n_thresholds)

    @property
    def n_intercepts(self) -> int:
        """Number of intercepts."""
        return self.k - 1 if self.intercepts else 0

    @property
    def n_free(self) -> int:
        """Number of parameters."""
        return self.thresholds.stop + self.n_intercepts + self.k * self.n_specific + self.n_common

    def intercept_at(self, g: int) -> int:
        """Place of the intercept of class `g` < k - 1, counted from 0."""
        return self.thresholds.stop + g

    def specific_at(self, g: int) -> slice:
        """Place of the class-specific coefficients of class `g`."""
        first = self.thresholds.stop + self.n_intercepts + g * self.n_specific
        return slice(first, first + self.n_specific)

    @property
    def common_at(self) -> slice:
        """Place of the common coefficients."""
        return slice(self.n_free - self.n_common, self.n_free)

    @cached_property
    def local(self) -> list[tuple[Index, Index]]:
        """For each class the columns of [thresholds, 1, specific, common] it uses and their places."""
        c, found = self.n_thresholds, []
        for g in range(self.k):
            own = g < self.k - 1 and self.intercepts
            use = np.r_[np.arange(c), [c] * own, np.arange(c + 1, c + 1 + self.n_specific + self.n_common)]
            places = np.arange(self.n_free)
            where = np.r_[
                places[self.thresholds],
                [self.intercept_at(g)] * own,
                places[self.specific_at(g)],
                places[self.common_at],
            ]
            found.append((use.astype(np.intp), where.astype(np.intp)))
        return found

    def natural(self, phi: Array) -> Array:
        """Natural parameters (R, free) of the optimiser's (R, free)."""
        found = phi.copy()
        cuts = phi[:, self.thresholds].copy()
        with np.errstate(over="ignore"):
            cuts[:, 1:] = np.exp(cuts[:, 1:])
        found[:, self.thresholds] = np.cumsum(cuts, axis=1)
        return found

    def free(self, nu: Array) -> Array:
        """The inverse of `natural`."""
        found = nu.copy()
        cuts = nu[:, self.thresholds].copy()
        cuts[:, 1:] = np.log(np.diff(cuts, axis=1))
        found[:, self.thresholds] = cuts
        return found

    def jacobian(self, phi: Array) -> Array:
        """(R, free, free): derivatives of the natural by the optimiser's parameters."""
        found = np.tile(np.eye(self.n_free), (len(phi), 1, 1))
        size = phi[:, self.thresholds].copy()
        with np.errstate(over="ignore"):
            size = np.concatenate([np.ones((len(phi), 1)), np.exp(size[:, 1:])], axis=1)
        found[:, self.thresholds, self.thresholds] = np.tri(self.n_thresholds) * size[:, None, :]
        return found

    def chain(self, phi: Array, gradient: Array, hessian: Array) -> tuple[Array, Array]:
        """Gradient and Hessian by the optimiser's parameters from those by the natural ones."""
        jac = self.jacobian(phi)
        at = np.arange(self.n_free)[self.thresholds][1:]
        tail = np.cumsum(gradient[:, self.thresholds][:, ::-1], axis=1)[:, ::-1][:, 1:]
        found = jac.swapaxes(1, 2) @ hessian @ jac
        with np.errstate(over="ignore"):
            found[:, at, at] += np.exp(phi[:, at]) * tail
        return np.einsum("rij,ri->rj", jac, gradient), found

    def permuted(self, nu: Array, order: Index) -> Array:
        """The same point (free,) with the classes in another `order`."""
        found = nu.copy()
        gamma = np.vstack([nu[: self.n_logits].reshape(self.k - 1, -1), np.zeros((1, self.n_membership))])[order]
        found[: self.n_logits] = (gamma[:-1] - gamma[-1]).ravel()
        if self.intercepts:
            level = np.r_[[nu[self.intercept_at(g)] for g in range(self.k - 1)], 0.0][order]
            found[self.thresholds] -= level[-1]
            found[self.thresholds.stop : self.thresholds.stop + self.k - 1] = level[:-1] - level[-1]
        for g, old in enumerate(order):
            found[self.specific_at(g)] = nu[self.specific_at(int(old))]
        return found
