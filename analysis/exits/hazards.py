"""Cause-specific hazards, constant within pieces of time, proportional between classes.

log h = a[cause, piece] + d[cause, class] + g[cause] x last score, d of the last class 0; parameters in that order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.exits.rows import PersonTime
from analysis.trajectories.errors import DesignError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hazards:
    """What hazards depend on: the class, the last score seen, both or neither (then time alone)."""

    causes: tuple[str, ...]
    pieces: int
    k: int
    by_class: bool = True
    by_score: bool = False

    @property
    def n_base(self) -> int:
        """Number of a."""
        return len(self.causes) * self.pieces

    @property
    def n_class(self) -> int:
        """Number of d."""
        return len(self.causes) * (self.k - 1) * self.by_class

    @property
    def n_parameters(self) -> int:
        """All of them."""
        return self.n_base + self.n_class + len(self.causes) * self.by_score

    def start(self, time: PersonTime, weight: Array) -> Array:
        """Events over exposure per cause and piece. Raises DesignError where a cause has no event in a piece."""
        rows = np.repeat(weight, np.diff(np.append(time.first, len(time.piece))))
        theta = np.zeros(self.n_parameters)
        exposed = np.bincount(time.piece, time.exposure * rows, self.pieces)
        for c, cause in enumerate(self.causes):
            events = np.bincount(time.piece, time.events[c] * rows, self.pieces)
            if (events == 0).any():
                piece = int(np.argmax(events == 0)) + 1
                raise DesignError(
                    f"nobody left for {cause} in piece {piece} of {self.pieces}: its hazard is 0 and has no logarithm; "
                    "take fewer cuts, or put causes together"
                )
            theta[c * self.pieces : (c + 1) * self.pieces] = np.log(events / exposed)
        return theta

    def terms(self, time: PersonTime, theta: Array, n: int) -> tuple[Array, Array]:
        """Log densities (k, N) of the exits in each class, and their derivatives (k, parameters, N)."""
        causes, k = len(self.causes), self.k
        a = theta[: self.n_base].reshape(causes, self.pieces)
        d = np.zeros((causes, k))
        if self.by_class:
            d[:, :-1] = theta[self.n_base : self.n_base + self.n_class].reshape(causes, k - 1)
        log_h = a[:, time.piece][:, None] + d[:, :, None]
        if self.by_score:
            log_h = log_h + (theta[-causes:, None] * time.score)[:, None]
        events = time.events[:, None]
        expected = np.exp(log_h) * time.exposure
        value = np.add.reduceat((events * log_h - expected).sum(axis=0), time.first, axis=1)
        rest = events - expected
        slopes = np.zeros((k, self.n_parameters, n))
        for c in range(causes):
            for j in range(self.pieces):
                slopes[:, c * self.pieces + j] = np.add.reduceat(rest[c] * (time.piece == j), time.first, axis=1)
            whole = np.add.reduceat(rest[c], time.first, axis=1)
            if self.by_class:
                for g in range(k - 1):
                    slopes[g, self.n_base + c * (k - 1) + g] = whole[g]
            if self.by_score:
                slopes[:, self.n_parameters - causes + c] = np.add.reduceat(rest[c] * time.score, time.first, axis=1)
        return value, slopes

    def names(self) -> pd.DataFrame:
        """One row per parameter: `cause`, `term` (`log hazard`, `log hazard ratio`, `per SD of the last score`),
        `piece`, `class` (0: all).
        """
        rows: list[tuple[str, str, int, int]] = []
        rows += [(c, "log hazard", j + 1, 0) for c in self.causes for j in range(self.pieces)]
        if self.by_class:
            rows += [(c, "log hazard ratio", 0, g + 1) for c in self.causes for g in range(self.k - 1)]
        if self.by_score:
            rows += [(c, "per SD of the last score", 0, 0) for c in self.causes]
        return pd.DataFrame(rows, columns=["cause", "term", "piece", "class"])
