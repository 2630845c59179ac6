"""How the predictions do in parts of the population: by study, sex and age (TRIPOD+AI items 14 and 23)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.early import measures
from analysis.early.models import BOTH, LAST

AGE = 50
SHOWN = (LAST, BOTH)
LEAST = 50
"""Fewer persons are not judged by themselves."""


def groups_of(persons: pd.DataFrame) -> pd.DataFrame:
    """The groups of each person, indexed by subject_id: study, sex, age."""
    frame = persons.set_index("subject_id")
    found = pd.DataFrame(index=frame.index)
    found["study"] = frame["study_id"]
    found["sex"] = frame["female"].map({1.0: "female", 0.0: "male"})
    older = np.where(frame["age"] >= AGE, f"{AGE} or older", f"younger than {AGE}")
    found["age"] = pd.Series(older, index=frame.index).where(frame["age"].notna())
    return found


def table(wide: pd.DataFrame, persons: pd.DataFrame, bootstraps: int, seed: int, minimum: int) -> pd.DataFrame:
    """AUC and calibration intercept of two predictors in each group: one row per group, predictor and measure."""
    of = groups_of(persons).reindex(wide.index)
    rows = []
    for by in of.columns:
        for group, index in of.groupby(by).groups.items():
            part = wide.loc[index]
            bad = part["bad"].to_numpy()
            few = min(bad.sum(), len(bad) - bad.sum())
            if len(part) < LEAST or few < minimum:
                continue
            weight = measures.draws(part["study_id"].to_numpy(dtype=object), bootstraps, seed)
            for predictor in (name for name in SHOWN if name in wide):
                p = part[predictor].to_numpy()
                level, _ = measures.calibration(bad, p, weight)
                for name, values in (("auc", measures.auc(bad, p, weight)), ("intercept", level)):
                    rows.append((by, str(group), predictor, name, *measures.interval(values)))
    return pd.DataFrame(rows, columns="by group predictor measure estimate lower upper".split())
