"""Delta-shift: how much worse the unseen scores of the lost would have to be for a label to change.

Under missing at random the mean course of a class is that of everybody in it, seen or not. If the scores that the lost
would have had are higher by delta, the mean at week t is m_k(t) + delta x (share of class k lost before t); classes and
probabilities stay (a pattern mixture, Little & Rubin). Planned exits and intolerance are not moved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.exits.rows import PersonTime
from analysis.exits.sensitivity import labelled, lost_before
from analysis.trajectories import Trajectories, courses, labels

Array = NDArray[np.float64]

DELTAS = np.round(np.arange(-10.0, 10.25, 0.25), 10)


def tipping(
    result: Trajectories,
    exits: PersonTime,
    baseline: float,
    deltas: Sequence[float] | Array = DELTAS,
    rule: labels.TfRule = labels.PLAN,
) -> pd.DataFrame:
    """One row per delta and class: `delta`, `class`, `label`, `changed`, `lost` (share at the last week), `mean`.

    `lost` must be the first cause of `exits`. `mean` is the shifted one at the last week T that the class carries.
    """
    weight = result.design.panel.weight
    p = result.probabilities if weight is None else result.probabilities * weight[:, None]
    last_seen = np.maximum.reduceat(result.design.time, result.design.starts)
    last = np.array([labels.last_week(last_seen, p[:, g], rule) for g in range(result.k)])
    gone = np.array([lost_before(exits, p[:, g], last[g : g + 1])[0] for g in range(result.k)])
    rows = courses.rows_at(result.design, last)
    end = np.diag(courses.means(result.design, result.phi, rows)[0])
    at_zero = labelled(result, result.phi, p, baseline, rule)
    found = []
    for delta in np.asarray(deltas, dtype=float):
        given = labelled(result, result.phi, p, baseline, rule, np.full(result.k, delta), exits)
        for g in range(result.k):
            found.append(
                {
                    "delta": float(delta),
                    "class": g + 1,
                    "label": given[g],
                    "changed": given[g] != at_zero[g],
                    "lost": float(gone[g]),
                    "mean": float(end[g] + delta * gone[g]),
                }
            )
    return pd.DataFrame(found)


def tipping_points(sweep: pd.DataFrame) -> pd.DataFrame:
    """One row per class and direction: `class`, `label`, `direction`, `delta`, `becomes`.

    `delta` is the one nearest to 0 that changes the label, missing where none in the sweep does.
    """
    found = []
    for klass, own in sweep.groupby("class"):
        at_zero = own["label"].iloc[int(own["delta"].abs().argmin())]
        for direction, sign in (("worse", 1), ("better", -1)):
            side = own[(np.sign(own["delta"]) == sign) & own["changed"]]
            first = side.iloc[int(side["delta"].abs().argmin())] if len(side) else None
            found.append(
                {
                    "class": klass,
                    "label": at_zero,
                    "direction": direction,
                    "delta": np.nan if first is None else first["delta"],
                    "becomes": None if first is None else first["label"],
                }
            )
    return pd.DataFrame(found)
