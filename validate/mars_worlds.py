"""MARS persons of the named worlds as frames, without files and builds: what Aim B reads from a warehouse.

SYNTHETIC: nobody was measured. The population model is that of the synthetic study; every trial counts as adequate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.resistance.people import OTHERS, SCORES, schema
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import totals
from harmonize.synthetic.mars_course import draw as draw_cohort


@dataclass(frozen=True)
class Drawn:
    """`scores` as a cohort's frame has them, `people` as `read_people` gives them, `course` what nobody sees."""

    scores: pd.DataFrame
    people: pd.DataFrame
    course: pd.Series


def draw(world: str, n: int, seed: int) -> Drawn:
    """`n` persons of a world."""
    cohort = draw_cohort(np.arange(n), Draws(seed), world)
    stay, who = cohort.stays[0], cohort.persons
    items = stay.items[:, :, :17]
    score = totals("HRSD17", items.reshape(-1, 17)).reshape(n, -1).astype(float)
    ids = np.array([f"m{i:06d}" for i in range(n)], dtype=object)
    place = np.arange(score.shape[1])
    person, visit = np.nonzero((place > 0) & (place <= stay.last[:, None]))
    scores = pd.DataFrame(
        {
            "subject_id": ids[person],
            "study_id": "mars",
            "site": [f"mars:{c}" for c in cohort.clinic[person]],
            "week": stay.days[person, visit] / 7.0,
            "score": score[person, visit],
            "baseline": score[person, 0],
            "link": "as_measured",
        }
    )
    scores = scores[scores["week"] > 0].drop_duplicates(["subject_id", "week"]).reset_index(drop=True)
    last = scores.groupby("subject_id")["week"].max().reindex(ids)
    failed = who.n_failed_trials.astype(float)
    people = pd.DataFrame(
        {
            "subject_id": ids,
            "study_id": "mars",
            "is_evaluable": (last >= 4).to_numpy(),
            "n_failed": failed,
            "n_possible": failed,
            **{f"n_{d}": failed for d in OTHERS},
            **{f"{s}_{scope}": failed for s in SCORES for scope in ("before", "all")},
            "baseline": score[:, 0],
            "age": who.age.astype(float),
            "female": who.female.astype(float),
            "chronic": (who.episode_weeks >= 104).astype(float),
            "episodes": who.n_episodes.astype(float),
            "anxious": who.anxious.astype(float),
            "next_week": np.nan,
            "next_failed": np.nan,
            "next_entry": np.nan,
        }
    )
    order = [c for c in schema().columns if c in people]
    course = pd.Series(stay.step.course, index=pd.Index(ids), name="course")
    return Drawn(scores, schema().validate(people[order]), course)
