"""The growth models of a fold: classes chosen anew among the training persons, then asked about test persons.

Study stands neither in membership nor in intercept nor in the residual here, unlike in the plan's class model: a
prediction has to be possible where no person of the study was ever seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.early.landmark import known
from analysis.trajectories import GrowthMixture, Trajectories
from analysis.trajectories.enumeration import enumerate_classes

Array = NDArray[np.float64]

SPEC = GrowthMixture(
    1,
    "score ~ log1p(week) + week + baseline * log1p(week)",
    class_specific="~ log1p(week) + week + baseline:log1p(week)",
    random="~ log1p(week)",
)
CLASSES, STARTS = (1, 2, 3, 4, 5), 20
"""Numbers of classes and starts within a fold."""
HORIZON, HALF = 12.0, 0.50
"""The own latent course is asked for: will less than half of the baseline be lost at this week?"""


@dataclass(frozen=True)
class Courses:
    """`chosen` by the plan's rule, and the one-class model; `why` says how the number was chosen."""

    chosen: Trajectories
    single: Trajectories
    why: str

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.chosen.k


def fit_courses(persons: pd.DataFrame, scores: pd.DataFrame, seed: int, say: Callable[[str], None]) -> Courses:
    """Both models, from all follow-ups of the training persons (frames of `on_common_scale`)."""
    frame = scores.merge(persons[["subject_id", "baseline"]].dropna(), on="subject_id")
    frame = frame.assign(week=frame["day"] / 7)[["subject_id", "week", "score", "baseline"]]
    found = enumerate_classes(SPEC, frame, CLASSES, starts=STARTS, max_starts=STARTS, seed=seed, progress=say)
    single = found.fits[0]
    chosen = found.best if found.chosen is not None else single
    return Courses(chosen, single, found.why)


def dynamic(courses: Courses, persons: pd.DataFrame, scores: pd.DataFrame, week: float) -> pd.DataFrame:
    """What the models say of persons from their scores up to the landmark; indexed by subject_id.

    one, chosen: logit of P(own latent fall < half at week 12); p1 …: probabilities of the classes but the last.
    """
    seen = known(scores, week)[["subject_id", "day", "score"]]
    nobody = pd.DataFrame({"subject_id": persons["subject_id"], "day": 0.0, "score": np.nan})
    rows = pd.concat([nobody, seen], ignore_index=True).merge(persons[["subject_id", "baseline"]], on="subject_id")
    rows = rows.assign(week=rows["day"] / 7)[["subject_id", "week", "score", "baseline"]]
    ids = pd.Index(persons["subject_id"])
    found = pd.DataFrame(index=ids)
    for name, fit in (("one", courses.single), ("chosen", courses.chosen)):
        told = fit.predict(rows)
        q = told.no_fall([HORIZON], HALF, "baseline").reindex(ids)
        found[name] = _logit(q.to_numpy(dtype=float))
    p = told.posterior.set_index("subject_id").reindex(ids)
    for g in range(1, courses.k):
        found[f"p{g}"] = p[f"p{g}"]
    return found


def _logit(p: Array) -> Array:
    inside = np.clip(p, 1e-4, 1 - 1e-4)
    found: Array = np.log(inside / (1 - inside))
    return found
