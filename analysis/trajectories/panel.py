"""Repeated scores reduced to one small matrix of cross-products per person.

With T_i = [X Z y]'[X Z y] the likelihood of a Gaussian growth model needs no single visit again, so the number of
visits costs nothing after this step. Arrays keep persons on the last axis: numpy then works on long runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Panel:
    """The data of N persons in internal coordinates.

    `products` (pairs, N): upper triangle of each person's cross-product; `visits` (N,): number of scores;
    `membership` (columns, N); `group` (N,): which residual variance; `weight` (N,) or None: all count once.
    """

    products: Array
    visits: Array
    membership: Array
    group: Indices
    weight: Array | None = None

    @property
    def n(self) -> int:
        """Number of persons."""
        return len(self.visits)

    @property
    def total_weight(self) -> float:
        """Sum of the weights; the number of persons where there are none."""
        return float(self.n if self.weight is None else self.weight.sum())

    @cached_property
    def same_membership(self) -> bool:
        """Whether membership has one column and everybody the same value in it."""
        return len(self.membership) == 1 and bool(np.all(self.membership == self.membership[0, :1]))

    def by_group(self, n_groups: int) -> list[tuple[Indices | None, Panel]]:
        """The persons of each residual variance and where they stand; None: all, in their order."""
        if n_groups == 1:
            return [(None, self)]
        return self._groups

    @cached_property
    def _groups(self) -> list[tuple[Indices | None, Panel]]:
        found: list[tuple[Indices | None, Panel]] = []
        for g in range(int(self.group.max(initial=0)) + 1):
            indices = np.flatnonzero(self.group == g)
            found.append((indices, self.take(indices)))
        return found

    def weighted(self, weight: Array) -> Panel:
        """The same persons with other weights."""
        return replace(self, weight=weight)

    def take(self, which: slice | Indices) -> Panel:
        """Some of the persons."""
        return Panel(
            np.ascontiguousarray(self.products[:, which]),
            self.visits[which],
            np.ascontiguousarray(self.membership[:, which]),
            self.group[which],
            None if self.weight is None else self.weight[which],
        )


def cross_products(columns: Array, starts: Indices) -> Array:
    """Upper triangles of the cross-products of each person's rows, (pairs, N).

    `columns` (rows, m) has the rows of a person together; `starts` (N,) says where each person begins.
    """
    m = columns.shape[1]
    a, b = np.triu_indices(m)
    found = np.empty((len(a), len(starts)))
    by_column = np.ascontiguousarray(columns.T)
    product = np.empty(len(columns))
    for e, (i, j) in enumerate(zip(a, b, strict=True)):
        np.multiply(by_column[i], by_column[j], out=product)
        found[e] = np.add.reduceat(product, starts)
    return found
