"""What a run adds to the chosen model when it is asked: stability over halves, and the error of linking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from analysis.plan import Plan
from analysis.trajectories.adequacy import split_half
from analysis.trajectories.cohort import Cohort
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.labels import TfRule
from analysis.trajectories.linked import Carried, Draws, carried
from analysis.trajectories.result import Trajectories

Say = Callable[[str], None]


def halves(fit: Fitted, repeats: int, seed: int, say: Say) -> pd.DataFrame:
    """One row per random division of the persons and class.

    `repeat`, `class`, `share_first`, `share_second`, `difference` (the largest between the two mean courses of the
    class, in points), `agreement` (share of all persons whom both halves put into the same class).
    """
    rows = []
    for r in range(repeats):
        say(f"halves: {r + 1} of {repeats}")
        found = split_half(fit, seed + r)
        largest = found.courses.groupby("class")["difference"].agg(lambda d: float(d.abs().max()))
        for g in range(fit.k):
            shares = found.shares[:, g]
            rows.append((r + 1, g + 1, shares[0], shares[1], largest[g + 1], found.agreement))
    return pd.DataFrame(rows, columns=["repeat", "class", "share_first", "share_second", "difference", "agreement"])


def plausible(
    plan: Plan, fit: Trajectories, cohort: Cohort, draws: Draws, rule: TfRule, say: Say, jobs: int = 1
) -> tuple[dict[str, pd.DataFrame], Carried]:
    """Tables `plausible` and `plausible_persons` of the fit carried through the draws of linked scores."""
    grid = np.arange(0, int(np.ceil(fit.design.time.max())) + 1, dtype=float)
    weeks: Sequence[float] = [float(w) for w in plan.own_fall["weeks"]]
    found = carried(fit, cohort, draws, grid, weeks, rule=rule, below=plan.own_fall["below"], jobs=jobs, progress=say)
    used = len(draws) - found.failed
    tables = {
        "plausible": found.table.assign(draws=used, failed=found.failed, link_error=draws.source),
        "plausible_persons": found.persons.assign(draws=used),
    }
    return tables, found
