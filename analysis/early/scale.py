"""The link of QIDS-SR16 to HRSD17, fitted to the training persons of a fold alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.early.material import COURSE_SCALE, LINKED_FROM, EarlyError, Material
from analysis.linking.estimate import LEAST_PERSONS, estimate
from analysis.linking.pairs import Pairs, Scale, as_frame
from analysis.linking.smoothing import Degrees

Array = NDArray[np.float64]

QIDS, HRSD = Scale(LINKED_FROM, 0, 27, 5), Scale(COURSE_SCALE, 0, 52, 7)
DEGREES = Degrees(4, 4)
"""The least that keeps mean, spread, skew and tails; chosen beforehand, so that no fold chooses otherwise."""


@dataclass(frozen=True)
class FoldLink:
    """HRSD17-equivalent of every whole QIDS-SR16 score; `n_pairs` and `n_persons` behind it."""

    points: Array
    n_persons: int
    n_pairs: int

    def equivalents(self, score: Array) -> Array:
        """Equivalents of scores (n,), straight between whole ones."""
        found: Array = np.interp(score, QIDS.scores, self.points)
        return found


def fit_link(pairs: pd.DataFrame) -> FoldLink:
    """Equipercentile link of the pairs. Scores too rare for an equivalent get that of the linear link.

    Raises EarlyError for too few persons.
    """
    whole = (pairs["x"] % 1 == 0) & (pairs["y"] % 1 == 0)
    inside = pairs["x"].between(0, QIDS.highest) & pairs["y"].between(0, HRSD.highest)
    rows = pairs[whole & inside]
    persons = rows["subject_id"].nunique()
    if persons < LEAST_PERSONS:
        raise EarlyError(
            f"{persons} training persons have {LINKED_FROM} and {COURSE_SCALE} on one day, {LEAST_PERSONS} are needed:"
            " give more persons, or studies that are followed on the HRSD17"
        )
    link = estimate(Pairs(QIDS, HRSD, as_frame(rows), 0), bootstraps=2, seed=0, degrees=DEGREES)
    slope = rows["y"].std() / rows["x"].std()
    points = rows["y"].mean() + slope * (QIDS.scores - rows["x"].mean())
    points[link.scores.astype(int)] = link.equipercentile
    return FoldLink(np.maximum.accumulate(points), int(persons), len(rows))


def on_common_scale(material: Material, link: FoldLink | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Persons and scores with `baseline` and `score` on the HRSD17; as measured they stay in `baseline_measured` and
    `measured`. Raises EarlyError where a score needs a link and there is none.
    """
    persons, scores = material.persons.copy(), material.scores.copy()
    persons["baseline_measured"], scores["measured"] = persons["baseline"], scores["score"]
    scores["score"] = scores["score"].astype(float)
    other = persons["instrument_id"] == LINKED_FROM
    if not other.any():
        return persons, scores
    if link is None:
        raise EarlyError(f"{int(other.sum())} persons are followed on {LINKED_FROM} and no link was fitted")
    persons.loc[other, "baseline"] = link.equivalents(persons.loc[other, "baseline"].to_numpy(dtype=float))
    rows = scores["subject_id"].isin(persons.loc[other, "subject_id"])
    scores.loc[rows, "score"] = link.equivalents(scores.loc[rows, "measured"].to_numpy(dtype=float))
    return persons, scores
