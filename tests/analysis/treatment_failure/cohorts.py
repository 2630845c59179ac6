"""The class step on courses of `analysis.trajectories.simulate`, as persons of iSPOT-D; nothing of it is a patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.plan import read_plan
from analysis.trajectories.cohort import Cohort
from analysis.treatment_failure.finding import Search, enumerate_one, settle
from analysis.treatment_failure.section import Classes


def classes_of(
    drawn: pd.DataFrame, k: tuple[int, ...], *, replicates: int = 0, snri: pd.Series | None = None
) -> Classes:
    """Gaussian classes of the scores in `drawn` (subject_id, week, score). `snri` by person, nobody by default."""
    plan = read_plan()
    scores = drawn.assign(subject_id=drawn["subject_id"].astype(str))
    start = scores.groupby("subject_id")["score"].transform("first")
    frame = scores[scores["week"] > 0].assign(baseline=start, study_id="ispotd", link="as_measured")
    frame["site"] = "ispotd:" + frame["subject_id"]
    frame = frame[["subject_id", "study_id", "site", "week", "score", "baseline", "link"]].reset_index(drop=True)
    ids = pd.Index(scores["subject_id"].unique(), name="subject_id")
    cohort = Cohort("trials", frame, "QIDS_SR16", {"persons": len(ids)}, ())
    arm = "SSRI" if snri is None else np.where(snri.set_axis(snri.index.astype(str)).reindex(ids), "SNRI", "SSRI")
    known = pd.DataFrame({"treatment_class": arm, "randomised": True, "is_evaluable": True}, index=ids)
    search = Search(k=k, families=("gaussian",), starts=3, replicates=replicates)
    return settle(plan, cohort, {"gaussian": enumerate_one(plan, cohort, "gaussian", search)}, known, search)
