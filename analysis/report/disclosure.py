"""The small-cell rule (decision 14): what a page may show of counts of patients and of their rows.

A count from 1 to `minimum` − 1 is small and is not shown (primary suppression). That is not enough where it can be
computed from what is shown: a total and the other parts, a stage and the stage inside it. So counts are declared
together with the sums they stand in, and further counts are withheld (complementary suppression) until, for every
small count, both 1 and `minimum` − 1 fit everything the page shows: the shown counts, the declared sums, and the marks
themselves ("<5" says 1 to 4, "withheld" says 5 or more). A zero is shown.

What to withhold is a linear programme per small count and direction: move it to the end of its range, keep every sum,
and pay for each shown count that moves with it. The counts that move are withheld; the moved table is the proof.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack

Key = tuple[str, ...]
Mark = Literal["shown", "small", "withheld", "implied"]
"""`small` prints as <5; `withheld` protects another count, or itself where <5 would say too much; `implied` counts
are never printed and stand for what a reader can compute."""

DEFAULT_MINIMUM = 5
WITHHELD = "withheld"


def minimum_count(minimum: int | None = None) -> int:
    """The smallest count above zero that may be shown: the argument, else `$TRD_MIN_CELL`, else 5; 1 shows all."""
    if minimum is not None:
        value = minimum
    else:
        named = os.environ.get("TRD_MIN_CELL") or str(DEFAULT_MINIMUM)
        if not named.strip().isdigit():
            raise ValueError(f"TRD_MIN_CELL must be a whole number of 1 or more, not {named!r}")
        value = int(named)
    if value < 1:
        raise ValueError(f"the smallest count that may be shown must be 1 or more, not {value}")
    return value


@dataclass(frozen=True)
class Shown:
    """One count as the page may show it; `value` is None where it is not shown."""

    value: int | None
    mark: Mark
    text: str


@dataclass(frozen=True)
class Published:
    """What of the declared counts may be shown. Holds no value that is not shown."""

    cells: Mapping[Key, Shown]
    minimum: int

    def __getitem__(self, key: Key) -> Shown:
        return self.cells[key]

    def get(self, key: Key) -> Shown:
        """The count, or zero where nobody counted it."""
        return self.cells.get(key, Shown(0, "shown", "0"))

    def percent(self, part: Key, whole: Key) -> float | None:
        """`part` of `whole` in per cent, from shown counts only; None where either is not shown or whole is 0."""
        top, bottom = self.get(part).value, self.get(whole).value
        return None if top is None or not bottom else 100 * top / bottom

    @property
    def n_small(self) -> int:
        """How many counts are not shown because they are small."""
        return sum(c.mark == "small" for c in self.cells.values())

    @property
    def n_withheld(self) -> int:
        """How many counts are withheld to protect others."""
        return sum(c.mark == WITHHELD for c in self.cells.values())


@dataclass
class Counts:
    """Counts of one page with the sums they stand in; `protect` says what may be shown.

    Every way in which a reader could compute one count from others must be declared by `total` or `within`.
    """

    values: dict[Key, int] = field(default_factory=dict)
    weights: dict[Key, float] = field(default_factory=dict)
    implied: set[Key] = field(default_factory=set)
    sums: list[tuple[Key, tuple[Key, ...]]] = field(default_factory=list)

    def add(self, key: Key, value: int, weight: float = 1) -> Key:
        """A count that the page shows; one of low weight is withheld before one of high weight."""
        if value < 0:
            raise ValueError(f"{key}: a count cannot be {value}")
        self.values[key] = int(value)
        self.weights[key] = weight
        return key

    def total(self, whole: Key, parts: Iterable[Key]) -> None:
        """`whole` is the sum of `parts`. A sum that does not hold in the data says nothing and is left out."""
        members = tuple(parts)
        if self.values[whole] == sum(self.values[p] for p in members):
            self.sums.append((whole, members))

    def split(self, whole: Key, parts: Iterable[Key], rest: str) -> None:
        """`whole` is the sum of `parts` and of a rest that a reader can compute."""
        members = tuple(parts)
        left = self.values[whole] - sum(self.values[p] for p in members)
        if left < 0:
            return
        if left == 0:
            self.total(whole, members)
            return
        hidden = (*whole, rest)
        self.values[hidden] = left
        self.implied.add(hidden)
        self.sums.append((whole, (*members, hidden)))

    def within(self, inner: Key, outer: Key) -> None:
        """The `inner` ones are among the `outer` ones, so that their difference counts too."""
        self.split(outer, [inner], "but not " + "/".join(inner))

    def same(self, keys: Sequence[Key]) -> None:
        """Counts that are the same number by construction; only those that are equal are tied."""
        for one, other in pairwise(keys):
            self.total(one, [other])

    def protect(self, minimum: int) -> Published:
        """Say what may be shown so that nothing small can be computed."""
        hidden = _marks(self, minimum)
        cells = {k: _shown(v, hidden.get(k), minimum) for k, v in self.values.items() if k not in self.implied}
        return Published(cells, minimum)


def _shown(value: int, mark: Mark | None, minimum: int) -> Shown:
    if mark == "small":
        return Shown(None, "small", f"<{minimum}")
    if mark == "withheld":
        return Shown(None, "withheld", WITHHELD)
    return Shown(value, "shown", f"{value:,}")


def _marks(counts: Counts, minimum: int) -> dict[Key, Mark]:
    """The mark of every count that a reader does not see."""
    small = {k for k, v in counts.values.items() if 0 < v < minimum}
    marks: dict[Key, Mark] = dict.fromkeys(small, "small")
    marks |= dict.fromkeys(counts.implied, "implied")
    for keys in _components(counts):
        aims = [k for k in keys if k in small]
        if aims:
            _Component(counts, keys, marks, minimum).protect(aims)
    return marks


def _components(counts: Counts) -> list[list[Key]]:
    """Counts that hang together by sums. A zero is shown and stays zero, so it ties nothing."""
    boss = {k: k for k, v in counts.values.items() if v}

    def top(key: Key) -> Key:
        while boss[key] != key:
            boss[key] = boss[boss[key]]
            key = boss[key]
        return key

    for whole, parts in counts.sums:
        members = [k for k in (whole, *parts) if k in boss]
        for other in members[1:]:
            boss[top(other)] = top(members[0])
    found: dict[Key, list[Key]] = {}
    for key in sorted(boss):
        found.setdefault(top(key), []).append(key)
    return list(found.values())


SAID_TOO_MUCH = 1e3
"""Price of replacing the mark <5 by withheld; more than of withholding any one count."""
REWARD = 1e6
"""Pays for moving the small count itself, so that it goes as far as it can."""


class _Component:
    """Counts that hang together. Each may move up, up beyond what the mark <5 allows, or down."""

    def __init__(self, counts: Counts, keys: list[Key], marks: dict[Key, Mark], minimum: int) -> None:
        self.counts, self.keys, self.marks, self.minimum = counts, keys, marks, minimum
        self.place = {k: j for j, k in enumerate(keys)}
        self.values = np.array([counts.values[k] for k in keys], dtype=float)
        entries = [
            (row, self.place[k], sign)
            for row, (whole, parts) in enumerate(s for s in counts.sums if s[0] in self.place)
            for k, sign in ((whole, -1.0), *((p, 1.0) for p in parts))
            if k in self.place
        ]
        rows, columns, signs = zip(*entries, strict=True) if entries else ((), (), ())
        shape = (max(rows, default=-1) + 1, len(keys))
        moves = csr_array((signs, (rows, columns)), shape=shape)
        self.matrix = hstack([moves, moves, -moves]).tocsr()
        self.reached: set[tuple[Key, int]] = set()

    def protect(self, aims: list[Key]) -> None:
        """Withhold until each of `aims` can be anything from 1 to minimum − 1."""
        for key in sorted(aims, key=lambda k: (-self.counts.values[k], k)):
            for end in (1, self.minimum - 1):
                if (key, end) not in self.reached and self.counts.values[key] != end:
                    self.move(key, end, aims)

    def move(self, key: Key, end: int, aims: list[Key]) -> None:
        """Find the cheapest way to `end`, or as near as can be, and withhold what it moves."""
        size = len(self.keys)
        cost, room = self.prices()
        at = self.place[key]
        way = at if end > self.values[at] else 2 * size + at
        room[[at, size + at, 2 * size + at]] = 0
        room[way] = abs(end - self.values[at])
        cost[way] = -REWARD
        found = self.solve(cost, room)
        up, beyond, down = found[:size], found[size : 2 * size], found[2 * size :]
        moved = up + beyond - down
        for j in np.flatnonzero((moved != 0) | (beyond != 0)):
            mark = self.marks.get(self.keys[j])
            if mark is None or (mark == "small" and beyond[j]):
                self.marks[self.keys[j]] = "withheld"
        self.reached |= {(k, int(self.values[self.place[k]] + moved[self.place[k]])) for k in aims}

    def prices(self) -> tuple[np.ndarray, np.ndarray]:
        """Price and room of the three ways in which each count may move."""
        size = len(self.keys)
        cost, room = np.full(3 * size, 1e-3), np.zeros(3 * size)
        for j, key in enumerate(self.keys):
            value, top = self.values[j], self.minimum - 1
            match self.marks.get(key):
                case "implied":
                    up, beyond, floor = np.inf, 0.0, 0.0
                case "small":
                    up, beyond, floor = top - value, np.inf, 1.0
                    cost[size + j] = SAID_TOO_MUCH
                case "withheld":
                    up, beyond, floor = np.inf, 0.0, self.floor(value)
                case _:
                    up, beyond, floor = np.inf, 0.0, self.floor(value)
                    cost[j] = cost[2 * size + j] = self.counts.weights[key]
            room[j], room[size + j], room[2 * size + j] = up, beyond, value - floor
        return cost, room

    def floor(self, value: float) -> float:
        """What a reader knows of a withheld count: it protects another and is large, or is at least not zero."""
        return float(self.minimum) if value >= self.minimum else 1.0

    def solve(self, cost: np.ndarray, room: np.ndarray) -> np.ndarray:
        """The cheapest moves in whole numbers; vertices are whole as a rule, else they are asked for."""
        right = np.zeros(self.matrix.shape[0])
        limits = np.column_stack([np.zeros_like(room), room])
        found = linprog(cost, A_eq=self.matrix, b_eq=right, bounds=limits, method="highs")
        if not found.success or np.abs(found.x - np.round(found.x)).max() > 1e-6:
            sums = LinearConstraint(self.matrix, right, right)
            found = milp(cost, constraints=sums, bounds=Bounds(0, room), integrality=np.ones(len(cost)))
        if not found.success:
            raise RuntimeError(f"the small-cell rule could not be applied: {found.message}")
        return np.round(found.x)
