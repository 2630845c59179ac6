"""The specification of an ordinal latent class growth model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.trajectories.design import GrowthMixture
from analysis.trajectories.errors import DesignError

if TYPE_CHECKING:
    from analysis.trajectories.ordinal.result import OrdinalTrajectories

LINKS = ("logit", "probit")


@dataclass(frozen=True)
class OrdinalGrowth:
    """Latent class growth of one ordinal item: P(item <= c | class g) = F(threshold_c - x'beta_g).

    Configuration only: fitted values live in the result of `fit`. There are no random effects.

    k: number of classes; 1 is the cumulative regression (McCullagh 1980).
    fixed: one-sided formula of the location. Its intercept belongs to the classes but the last, against the last, for
        the thresholds, which all classes share, hold the intercept of the last class.
    class_specific: one-sided formula naming the part of `fixed` that differs between classes; None: all of it.
    membership: one-sided formula of the multinomial logit against the last class, constant within a person.
    link: `logit` or `probit`.
    outcome, person, time, weights, cluster: names of columns; `weights` multiply a person's log-likelihood, errors
        robust to `cluster` come from `parameters("cluster")`.
    categories: least and largest value the item may have; None: those seen.
    order_at: time whose mean category orders the classes, lowest first; None: the last time seen.
    """

    k: int
    fixed: str = "~ log1p(week) + week"
    membership: str = "~ 1"
    link: str = "logit"
    outcome: str = "item"
    person: str = "subject_id"
    time: str = "week"
    weights: str | None = None
    cluster: str | None = None
    class_specific: str | None = None
    categories: tuple[int, int] | None = None
    order_at: float | None = None

    def __post_init__(self) -> None:
        self.as_mixture()  # checks what both have in common
        if self.link not in LINKS:
            raise DesignError(f"link = {self.link!r} is none of {', '.join(LINKS)}")
        if not self.fixed.lstrip().startswith("~"):
            raise DesignError(f"fixed = {self.fixed!r} has a left side: write '~ week' and name the item by outcome")
        if self.categories is not None and not self.categories[0] < self.categories[1]:
            raise DesignError(f"categories = {self.categories}: give the least and the largest value, e.g. (0, 4)")

    def as_mixture(self) -> GrowthMixture:
        """The same columns and formulas as the engine reads them."""
        return GrowthMixture(
            self.k,
            f"{self.outcome} {self.fixed}",
            class_specific=self.class_specific,
            membership=self.membership,
            person=self.person,
            time=self.time,
            weights=self.weights,
            cluster=self.cluster,
            order_at=self.order_at,
        )

    def with_classes(self, k: int) -> OrdinalGrowth:
        """The same model with another number of classes."""
        return replace(self, k=k)

    def fit(
        self,
        frame: pd.DataFrame,
        *,
        starts: int = 20,
        max_starts: int = 160,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> OrdinalTrajectories:
        """Fit to `frame`, one row per person and time; see `analysis.trajectories.ordinal.search.fit`."""
        from analysis.trajectories.ordinal.search import fit

        return fit(self, frame, starts=starts, max_starts=max_starts, seed=seed, progress=progress)
