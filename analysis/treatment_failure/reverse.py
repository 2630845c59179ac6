"""The reverse of the primary analysis: classes from the clinician's ratings, outcome by self-report."""

from __future__ import annotations

import pandas as pd

from analysis.trajectories import labels
from analysis.trajectories.cohort import CohortError
from analysis.treatment_failure.aim_a import three_rows, three_states
from analysis.treatment_failure.aim_a_run import CLASSES, OWN, REMITTED_QIDS, population
from analysis.treatment_failure.door import class_door
from analysis.treatment_failure.finding import Search, about, find, read
from analysis.treatment_failure.next_step import fill, read_next_step
from analysis.treatment_failure.own_fall import own_step
from analysis.treatment_failure.section import Context
from analysis.twostep import ClassStep
from analysis.warehouse import connect

SCALES = {"stard": "QIDS_C16", "predict": "HRSD17"}
"""Clinician's scale with a course through the first step."""
NAME = "reverse: class by clinician, outcome QIDS-SR16 ≤ 5"


def reverse(context: Context) -> pd.DataFrame:
    """Rows as those of `aim_a_run`, per study; empty where no study has both ratings."""
    rows: list[dict[str, object]] = []
    main = context.classes["trials"]
    k = (1,) if main.fit is None else tuple(sorted({1, main.fit.k}))
    for study, scale in SCALES.items():
        if study not in main.cohort.studies:
            continue
        context.say(f"Aim A, reverse: {study} on {scale}")
        try:
            with class_door(context.database) as door:
                cohort = read(door, context.plan, "trials", studies=(study,), scale=scale)
                known = about(door, cohort)
        except CohortError:
            continue
        search = Search(k=k, families=("gaussian",), starts=20, seed=context.seed)
        found = find(context.plan, {"trials": cohort}, {"trials": known}, search, lambda what: None)["trials"]
        with connect(context.database) as warehouse:
            ahead = read_next_step(warehouse, context.plan, scale)
        people, _ = fill(population(found, ahead).query("in_class_model"))
        people = people[people["population"] & (people["study_id"] == study)].reset_index(drop=True)
        people["remitted"] = (people["exit_qids"] <= REMITTED_QIDS).astype(float).where(people["exit_qids"].notna())
        steps = {OWN: own_step(found.single, context.plan, float(found.single.last_weeks[0]))}
        fitting = found.numbered(labels.TF), found.numbered(labels.PR)
        if found.fit is not None and all(fitting):
            steps[CLASSES] = three_states(ClassStep.of(found.fit), *fitting)
        for basis, step in steps.items():
            made = three_rows(step, people, [1], [2])
            rows.extend({"analysis": NAME, "basis": basis, "study": study, **c.row()} for c in made)
    return pd.DataFrame(rows)
