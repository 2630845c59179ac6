"""Rule-based categories of the last score beside the classes, and how far the two agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score

from analysis.trajectories import labels
from analysis.treatment_failure.section import Classes

NO_SCORE = "no score"


def categories(persons: pd.DataFrame, failure: float) -> pd.Series:
    """Each person's category by the fall at the last score: failure below `failure`, partial below 50 %, response."""
    fall = 1 - persons["last_score"] / persons["baseline"].where(persons["baseline"] > 0)
    percent = f"{100 * failure:.0f} %"
    found = np.select(
        [fall.isna(), fall < failure, fall < 0.5],
        [NO_SCORE, f"fall below {percent}", f"fall {percent} to below 50 %"],
        "fall 50 % or more",
    )
    return pd.Series(found, index=persons.index, name="last score")


def standing(persons: pd.DataFrame) -> pd.Series:
    """Who can be called a failure at all: apart stand those who left early, the intolerant, and inadequate doses."""
    flags = {n: persons[n].fillna(False).astype(bool) for n in ("left_early", "intolerant", "is_evaluable")}
    inadequate = persons["adequate"].astype(object).where(persons["adequate"].notna(), "").astype(str) == "no"
    names = ["intolerant", "left early", "not scored from week 4", "evaluable, dose inadequate"]
    found = np.select(
        [flags["intolerant"], flags["left_early"], ~flags["is_evaluable"], inadequate], names, "evaluable"
    )
    return pd.Series(found, index=persons.index, name="standing")


def agreement(found: Classes, failure: float) -> dict[str, float | int | str]:
    """Kappa of failure by class against failure by rule, adjusted Rand index of all categories; evaluable persons."""
    people = found.persons[found.persons["is_evaluable"].fillna(False).astype(bool)]
    ruled = categories(people, failure)
    people, ruled = people[ruled != NO_SCORE], ruled[ruled != NO_SCORE]
    mine = people["label"] == labels.TF
    theirs = ruled == f"fall below {100 * failure:.0f} %"
    both_vary = mine.nunique() > 1 and theirs.nunique() > 1
    own = people["q_one"] >= 0.5
    return {
        "population": found.population,
        "rule": f"fall below {100 * failure:.0f} % at the last score",
        "persons": len(people),
        "kappa": float(cohen_kappa_score(mine, theirs)) if both_vary else float("nan"),
        "kappa_q": float(cohen_kappa_score(own, theirs)) if own.nunique() > 1 else float("nan"),
        "adjusted_rand": float(adjusted_rand_score(people["modal"], ruled)),
    }
