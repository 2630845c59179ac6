"""The linked population over drawn linking functions: what of shares, courses, labels and q is due to the link.

The draws are those of `analysis.trajectories.linked`: one curve for everybody in each draw, no error of the person
beside the link, which the residual of the class model already holds. Figures are pooled by Rubin's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import t as student

from analysis.linking.plausible import combine
from analysis.plan import Plan
from analysis.trajectories import Trajectories, labels
from analysis.trajectories.linked import Carried, Draws, carried, refitted
from analysis.trajectories.run import rule_of
from analysis.treatment_failure.own_fall import own_step, states
from analysis.treatment_failure.section import Classes

Array = NDArray[np.float64]
Say = Callable[[str], None]


@dataclass(frozen=True)
class LinkDraws:
    """classes: the chosen model over the draws, None where there is none. own: mean q of the evaluable, pooled, as
    `combine` gives it. range_q: its least and largest value over the draws. draws: asked for. source: of the error.
    """

    classes: Carried | None
    own: dict[str, float]
    range_q: tuple[float, float]
    draws: int
    source: str

    def failing(self) -> float:
        """Share of the draws in which some class is treatment failure; missing without classes."""
        if self.classes is None:
            return float("nan")
        return float((self.classes.labels == labels.TF).any(axis=1).mean())

    def pooled(self, quantity: str) -> pd.DataFrame:
        """Rows of one quantity with their 95 % interval, `lower` and `upper`; empty without classes."""
        if self.classes is None:
            return pd.DataFrame()
        found = self.classes.table[self.classes.table["quantity"] == quantity].reset_index(drop=True)
        half = student.ppf(0.975, found["df"].clip(upper=1e9)) * found["se"]
        return found.assign(lower=found["estimate"] - half, upper=found["estimate"] + half)


def link_draws(plan: Plan, found: Classes, draws: Draws, jobs: int, say: Say) -> LinkDraws:
    """Chosen and one-class model of `found` refitted to every draw. Raises CohortError where too few converge."""
    over = None
    if found.fit is not None:
        over = carried(
            found.fit, found.cohort, draws, grid_of(found.fit), [float(w) for w in plan.own_fall["weeks"]],
            rule=rule_of(plan), below=float(plan.own_fall["below"]), jobs=jobs, progress=say,
        )  # fmt: skip
    say(f"q over {len(draws)} draws of the link")
    end = float(found.single.last_weeks[0])
    floor = found.single.spec.floor
    work = (delayed(_mean_q)(found.single, draws.frame(found.cohort, m, floor), plan, end, evaluable(found))
            for m in range(len(draws)))  # fmt: skip
    means = np.array([q for q in Parallel(n_jobs=jobs)(work) if q is not None])
    within = np.full(len(means), _variance(found, plan, end))
    return LinkDraws(over, combine(means, within), (float(means.min()), float(means.max())), len(draws), draws.source)


def grid_of(fit: Trajectories) -> Array:
    """Weeks at which courses are pooled: whole ones, to the last that a class carries."""
    return np.arange(0, float(fit.last_weeks.max()) + 1)


def evaluable(found: Classes) -> NDArray[np.bool_]:
    """(N,) who is evaluable for failure, in the order of the persons."""
    mask: NDArray[np.bool_] = found.persons["is_evaluable"].fillna(False).astype(bool).to_numpy()
    return mask


def _mean_q(
    single: Trajectories, frame: pd.DataFrame, plan: Plan, end: float, inside: NDArray[np.bool_]
) -> float | None:
    one = refitted(single, frame)
    return None if one is None else float(states(one, plan, end)[inside, 0].mean())


def _variance(found: Classes, plan: Plan, end: float) -> float:
    """Of the mean q without the link: persons as a sample, and the error of the one-class model. Same in all draws."""
    step, inside = own_step(found.single, plan, end), evaluable(found)
    q = step.p[:, 0]
    n = inside.sum()
    influence = np.where(inside, q - q[inside].mean(), 0.0) / n
    influence = influence + (q[inside, None] * step.slopes[inside, 0]).mean(axis=0) @ step.influence
    return float((influence**2).sum())
