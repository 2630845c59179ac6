"""Scores that pile up at a floor or a ceiling: which rows are censored, and what the likelihood needs of them.

Persons without a censored score keep their cross-products. Of the others the censored rows are kept one by one, the
rest as cross-products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.errors import DesignError
from analysis.trajectories.panel import Panel, cross_products

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class CensoredPanel:
    """N persons with some censored scores, in internal coordinates.

    `panel` holds all scores as if they were seen (starts are drawn from it), `seen` those that are. Censored rows are
    sorted by person: `person` (rows,), `x` (p, rows), `z` (q, rows), `limit` (rows,), `side` (rows,): 1 at the floor,
    -1 at the ceiling. `nodes` per random effect of the adaptive Gauss-Hermite quadrature.
    """

    panel: Panel
    seen: Panel
    person: Indices
    x: Array
    z: Array
    limit: Array
    side: Array
    nodes: int = 9

    @property
    def n(self) -> int:
        """Number of persons."""
        return self.panel.n

    @property
    def weight(self) -> Array | None:
        """Weights of persons."""
        return self.panel.weight

    @property
    def visits(self) -> Array:
        """Number of scores of each person, censored ones included."""
        return self.panel.visits

    @property
    def touched(self) -> NDArray[np.bool_]:
        """(N,) which persons have a censored score."""
        found = np.zeros(self.n, dtype=bool)
        found[self.person] = True
        return found

    def take(self, which: Indices) -> CensoredPanel:
        """Some of the persons; `which` are indices in increasing order."""
        place = np.full(self.n, -1, dtype=np.intp)
        place[which] = np.arange(len(which))
        rows = place[self.person] >= 0
        return CensoredPanel(
            self.panel.take(which),
            self.seen.take(which),
            place[self.person[rows]],
            self.x[:, rows],
            self.z[:, rows],
            self.limit[rows],
            self.side[rows],
            self.nodes,
        )

    def weighted(self, weight: Array) -> CensoredPanel:
        """The same persons with other weights."""
        return replace(self, panel=self.panel.weighted(weight), seen=self.seen.weighted(weight))

    def with_nodes(self, nodes: int) -> CensoredPanel:
        """The same with another number of nodes."""
        return replace(self, nodes=nodes)


def sides(y: Array, floor: float | None, ceiling: float | None, outcome: str) -> Array:
    """(rows,) 1 for a score at the floor, -1 at the ceiling, 0 between. Raises DesignError for one beyond."""
    found = np.zeros(len(y))
    if floor is not None:
        if (y < floor).any():
            raise DesignError(f"{outcome} is {y.min():g} in row {int(y.argmin())}, below the floor {floor:g}")
        found[y == floor] = 1.0
    if ceiling is not None:
        if (y > ceiling).any():
            raise DesignError(f"{outcome} is {y.max():g} in row {int(y.argmax())}, above the ceiling {ceiling:g}")
        found[y == ceiling] = -1.0
    return found


def censored_panel(
    panel: Panel, columns: Array, z: Array, person: Indices, starts: Indices, side: Array, p: int
) -> CensoredPanel:
    """From internal columns [X* (Z*) y*] (rows, m) and random-effect columns `z` (rows, q) of all rows."""
    hidden = side != 0
    kept = np.where(hidden[:, None], 0.0, columns)
    seen = Panel(
        cross_products(kept, starts),
        np.bincount(person[~hidden], minlength=panel.n).astype(float),
        panel.membership,
        panel.group,
        panel.weight,
    )
    return CensoredPanel(
        panel,
        seen,
        person[hidden],
        np.ascontiguousarray(columns[hidden, :p].T),
        np.ascontiguousarray(z[hidden].T),
        columns[hidden, -1],
        side[hidden],
    )
