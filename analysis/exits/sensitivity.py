"""How much classes and courses move when exits may depend on what nobody saw.

Rows of the table: missing at random; hazards by class; hazards by class and last score. Exits that depend on the scores
seen alone leave everything where missing at random has it, so that model is fitted only for the test against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.exits.hazards import Hazards
from analysis.exits.joint import Joint, JointFit, likelihood_ratio
from analysis.exits.rows import PersonTime, person_time
from analysis.trajectories import Trajectories, courses, labels

Array = NDArray[np.float64]

MAR, BY_CLASS, BY_BOTH = "missing at random", "hazard by class", "hazard by class and last score"


@dataclass(frozen=True)
class ExitSensitivity:
    """`time`: the exits; `at_random`, `by_class`, `by_both`: joint fits; `tests`: are exits free of the class."""

    result: Trajectories
    time: PersonTime
    at_random: JointFit
    by_class: JointFit
    by_both: JointFit
    tests: pd.DataFrame

    def table(
        self, baseline: float, weeks: Sequence[float] = (8.0,), rule: labels.TfRule = labels.PLAN
    ) -> pd.DataFrame:
        """One row per model and class: `model`, `class`, `share`, `share_se`, `mean_week_…`, `label`.

        Labels count falls from the mean `baseline`, up to the last week the class carries under that model.
        """
        design = self.result.design
        found = []
        rows = courses.rows_at(design, weeks)
        for name, fit in ((MAR, self.at_random), (BY_CLASS, self.by_class), (BY_BOTH, self.by_both)):
            phi, p, weight, errors = fit.phi, fit.probabilities, fit.model.weight, fit.share_errors
            means, _ = courses.means(design, phi, rows)
            given = labelled(self.result, phi, p * weight[:, None], baseline, rule)
            for g in range(self.result.k):
                row = {"model": name, "class": g + 1, "share": fit.shares[g], "share_se": errors[g]}
                row |= {f"mean_week_{w:g}": float(means[g, i]) for i, w in enumerate(weeks)}
                found.append(row | {"label": given[g]})
        return pd.DataFrame(found)


def labelled(
    result: Trajectories,
    phi: Array,
    p: Array,
    baseline: float,
    rule: labels.TfRule,
    shift: Array | None = None,
    exits: PersonTime | None = None,
) -> list[str]:
    """Labels of the classes at `phi`, `p` (N, k) deciding how far each is carried.

    With `shift` (k,) and `exits`, the mean at a week is moved by shift times the share of the class lost before.
    """
    design = result.design
    last_seen = np.maximum.reduceat(design.time, design.starts)
    found = []
    for g in range(result.k):
        last = labels.last_week(last_seen, p[:, g], rule)
        at = labels.weeks(last, rule)
        mean = courses.means(design, phi, courses.rows_at(design, at))[0][g]
        if shift is not None and exits is not None:
            mean = mean + shift[g] * lost_before(exits, p[:, g], at)
        found.append(labels.label(mean, baseline, last, rule))
    return found


def lost_before(exits: PersonTime, p: Array, weeks: Array, cause: int = 0) -> Array:
    """(weeks,): share of a class, persons weighted by `p` (N,), that left for `cause` before each week."""
    gone = (exits.cause == cause)[:, None] & (exits.exit[:, None] < weeks)
    found: Array = p @ gone / p.sum()
    return found


def exit_sensitivity(
    result: Trajectories,
    exits: pd.DataFrame,
    *,
    causes: Sequence[str] = ("lost", "intolerance"),
    planned: Sequence[str] = ("moved_on", "follow_up"),
    cuts: Sequence[float] = (4.0, 8.0),
    week: str = "exit_week",
    cause: str = "exit_cause",
) -> ExitSensitivity:
    """Fit the joint models to the exits of the persons of `result`; see `person_time` for what `exits` holds."""
    time = person_time(result.design, exits, causes, planned, cuts, week=week, cause=cause)

    def fit(by_class: bool, by_score: bool) -> JointFit:
        hazards = Hazards(tuple(causes), time.n_pieces, result.k, by_class and result.k > 1, by_score)
        return Joint(result, time, hazards).fit()

    at_random, by_class, by_both = fit(False, False), fit(True, False), fit(True, True)
    rows = []
    for name, larger, smaller in ((BY_CLASS, by_class, at_random), (BY_BOTH, by_both, fit(False, True))):
        statistic, df, p_value = likelihood_ratio(larger, smaller)
        rows.append({"model": name, "statistic": statistic, "df": df, "p_value": p_value})
    return ExitSensitivity(result, time, at_random, by_class, by_both, pd.DataFrame(rows))
