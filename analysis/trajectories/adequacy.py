"""Does the fit describe the data: posterior tables, residuals, observed against fitted, stability over halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from analysis.trajectories.conditional import given
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.result import Trajectories
from analysis.trajectories.show import observed
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]

__all__ = ["SplitHalf", "observed", "posterior_table", "residual_table", "residuals", "split_half"]


def posterior_table(result: Fitted) -> pd.DataFrame:
    """One row per modal class: mean posteriors `p1` … `pk`, `odds` of correct classification, `mismatch`.

    `odds` (Nagin 2005) compare the odds of the mean posterior with those of the class share; above 5 is usual.
    `mismatch` is the modal share minus the estimated one.
    """
    p = result.probabilities
    weight = np.ones(result.n) if result.design.panel.weight is None else result.design.panel.weight
    modal = p.argmax(axis=1)
    share = np.average(p, axis=0, weights=weight)
    rows = []
    for g in range(result.k):
        inside = (modal == g) * weight
        mean = (p * inside[:, None]).sum(axis=0) / inside.sum() if inside.sum() > 0 else np.full(result.k, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = mean[g] / (1 - mean[g]) / (share[g] / (1 - share[g])) if result.k > 1 else np.nan
        rows.append([g + 1, *mean, odds, inside.sum() / weight.sum() - share[g]])
    names = ["class", *(f"p{g + 1}" for g in range(result.k)), "odds", "mismatch"]
    return pd.DataFrame(rows, columns=names)


def residuals(result: Trajectories) -> pd.DataFrame:
    """One row per score: person, time, `fitted` (the class means weighted by the posterior), `residual`, `scaled`.

    `scaled` is the residual about the person's own predicted course over the residual standard deviation; of the
    scores as they stand, so at a floor it is not centred.
    """
    design = result.design
    means = result.row_means()
    weight = result.probabilities[design.person].T
    fitted = (weight * means).sum(axis=0)
    own = given(design, result.phi)
    effects = np.einsum("rq,krq->kr", design.z, own.effects[:, design.person])
    sd = (weight * own.sd[:, design.person]).sum(axis=0)
    return pd.DataFrame(
        {
            result.spec.person: design.persons.to_numpy()[design.person],
            result.spec.time: design.time,
            "fitted": fitted,
            "residual": design.y - fitted,
            "scaled": (design.y - fitted - (weight * effects).sum(axis=0)) / sd,
        }
    )


def residual_table(result: Trajectories, bins: int = 9) -> pd.DataFrame:
    """One row per bin of time: number of scores, mean, standard deviation and skewness of the residual."""
    rows = residuals(result)
    time = rows[result.spec.time].to_numpy()
    seen = np.unique(time)
    edges = (
        (seen[1:] + seen[:-1]) / 2 if len(seen) <= 2 * bins else np.quantile(time, np.linspace(0, 1, bins + 1))[1:-1]
    )
    groups = rows.groupby(np.digitize(time, np.unique(edges)))
    return pd.DataFrame(
        {
            result.spec.time: groups[result.spec.time].mean(),
            "scores": groups.size(),
            "mean": groups["residual"].mean(),
            "sd": groups["residual"].std(),
            "skewness": groups["residual"].skew(),
        }
    ).reset_index(drop=True)


@dataclass(frozen=True)
class SplitHalf:
    """Two random halves fitted apart from the solution of the whole.

    `courses`: class, time, mean in each half, `difference`. `shares` (2, k). `agreement`: share of all persons whom
    both fits put into the same class.
    """

    courses: pd.DataFrame
    shares: Array
    agreement: float

    @property
    def largest(self) -> float:
        """The largest difference between the two mean courses of a class, in points of the score."""
        return float(self.courses["difference"].abs().max())


def split_half(result: Fitted, seed: int = 0, starts: int = 0) -> SplitHalf:
    """Fit two random halves of the persons, each from the solution and from `starts` new starts, and compare them.

    The classes of a half are matched to those of the whole by their mean courses.
    """
    design = result.design
    rng = np.random.default_rng(seed)
    half = rng.permutation(design.n) % 2
    grid = np.linspace(design.time.min(), design.time.max(), 13)
    whole = result.means_at(result.phi, grid)
    means, shares, modal = [], [], []
    for h in (0, 1):
        with one_thread():
            phi = result.refit(result.data.take(np.flatnonzero(half == h)), rng, starts)
        far = ((whole[:, None] - result.means_at(phi, grid)[None]) ** 2).sum(axis=-1)
        phi = result.permuted(phi, linear_sum_assignment(far)[1])
        means.append(result.means_at(phi, grid))
        joint = result.log_joint_at(phi)
        p = np.exp(joint - np.logaddexp.reduce(joint, axis=0)).T
        shares.append(np.average(p[half == h], axis=0))
        modal.append(p.argmax(axis=1))
    table = pd.DataFrame(
        {
            "class": np.repeat(np.arange(1, result.k + 1), len(grid)),
            design.spec.time: np.tile(grid, result.k),
            "first_half": means[0].ravel(),
            "second_half": means[1].ravel(),
            "difference": (means[0] - means[1]).ravel(),
        }
    )
    return SplitHalf(table, np.array(shares), float((modal[0] == modal[1]).mean()))
