"""Predictions for persons of the fit and for new ones: class, own course with interval, probability of no fall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from analysis.trajectories.conditional import Given, given
from analysis.trajectories.design import Design
from analysis.trajectories.normal import both_above, mixture_quantile

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """What the model says of each person of a frame, from the scores in it.

    Its uncertainty is that of the person; the parameters count as known.
    """

    given: Given

    @property
    def posterior(self) -> pd.DataFrame:
        """One row per person: the person, `p1` … `pk`, `modal`."""
        p = self.given.posterior
        found = pd.DataFrame(p, columns=[f"p{g + 1}" for g in range(p.shape[1])])
        found.insert(0, self.given.design.spec.person, self.given.persons.to_numpy())
        found["modal"] = p.argmax(axis=1) + 1
        return found

    def course(self, times: Sequence[float] | Array, level: float = 0.95, new_score: bool = False) -> pd.DataFrame:
        """One row per person and time: `mean`, `sd`, `lower`, `upper` of the latent course.

        With `new_score` of a score that would be seen: the residual variance is added. The interval is that of the
        mixture over classes, not of a normal with its variance.
        """
        mean, cov = self.given.levels(times)
        variance = np.maximum(np.einsum("kntt->knt", cov), 0.0)
        if new_score:
            variance = variance + self.given.sd[:, :, None] ** 2
        weight = self.given.posterior.T[:, :, None]
        middle = (weight * mean).sum(axis=0)
        sd = np.sqrt((weight * (variance + (mean - middle) ** 2)).sum(axis=0))
        ends = [mixture_quantile(q, weight, mean, np.sqrt(variance)) for q in (0.5 - level / 2, 0.5 + level / 2)]
        spec = self.given.design.spec
        n, t = middle.shape
        return pd.DataFrame(
            {
                spec.person: np.repeat(self.given.persons.to_numpy(), t),
                spec.time: np.tile(np.asarray(times, dtype=float), n),
                "mean": middle.ravel(),
                "sd": sd.ravel(),
                "lower": ends[0].ravel(),
                "upper": ends[1].ravel(),
            }
        )

    def no_fall(
        self,
        weeks: Sequence[float],
        share: float = 0.25,
        baseline: str | None = None,
        last: Sequence[float] | None = None,
    ) -> pd.Series:
        """q of each person: P(own latent fall < `share` at every one of `weeks`, given the scores); one or two weeks.

        The fall is counted from the covariate `baseline`, or, where that is None, from the own latent level at time 0.
        `last` (k,) replaces the second week by one of each class. Indexed by person.
        """
        if not 1 <= len(weeks) <= 2:
            raise ValueError(f"{len(weeks)} weeks: the probability is for one or two of them")
        k = self.given.posterior.shape[1]
        total = np.zeros(len(self.given.persons))
        for g in range(k):
            at = list(weeks) if last is None else [weeks[0], float(last[g])]
            total += self.given.posterior[:, g] * self._no_fall_in(g, at, share, baseline)
        return pd.Series(total, index=pd.Index(self.given.persons, name=self.given.design.spec.person), name="q")

    def _no_fall_in(self, g: int, weeks: list[float], share: float, baseline: str | None) -> Array:
        """The same within class `g`."""
        if baseline is None:
            mean, cov = self.given.levels([0.0, *weeks])
            contrast = np.column_stack([np.full(len(weeks), share - 1), np.eye(len(weeks))])
            excess = mean[g] @ contrast.T
            spread = contrast @ cov[g] @ contrast.T
        else:
            mean, cov = self.given.levels(weeks)
            start = self.given.covariates[baseline].to_numpy(dtype=float)
            excess, spread = mean[g] - (1 - share) * start[:, None], cov[g]
        sd = np.sqrt(np.maximum(np.einsum("ntt->nt", spread), 1e-12))
        h = -excess / sd
        if len(weeks) == 1 or weeks[0] == weeks[1]:
            return np.asarray(ndtr(-h[:, 0]))
        return both_above(h[:, 0], h[:, 1], spread[:, 0, 1] / (sd[:, 0] * sd[:, 1]))


def predict(design: Design, phi: Array, frame: pd.DataFrame | None = None) -> Prediction:
    """Predictions for the persons of `frame` from the scores in it; None: the persons of the fit."""
    return Prediction(given(design, phi, frame))
