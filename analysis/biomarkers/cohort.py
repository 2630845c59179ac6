"""The target population of aim D and what is known of its persons before blood was drawn.

Everybody of a study, of the stated ancestry, with a score of severity at baseline and after it. Where the week of the
draw is known the target is "in study at the draw": who left before was never asked, a structural zero, and the course
until the draw enters the selection model. Where it is not known, nothing after baseline does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.biomarkers.scores import Scores
from analysis.report.biomarker_counts import PASSED, SCORED
from analysis.trajectories.cohort import CohortError
from analysis.warehouse import Warehouse

HISTORY = ("education_years", "n_prior_episodes", "age_at_onset")
BEFORE = ("sex", "age", "race", "ethnicity", *HISTORY, "baseline_score")
"""What the default selection model takes, as far as the study has it."""
EARLY = "early_fall"
TYPED = "genotyped"


@dataclass(frozen=True)
class Target:
    """`frame`: one row per person of the target, by study; `flow`: study, stage, n; `week`: of draw or landmark."""

    frame: pd.DataFrame
    flow: pd.DataFrame
    week: float | None
    ancestry: str | None

    @property
    def text(self) -> str:
        """The population in words."""
        who = "all enrolled with a severity score at baseline and after it"
        if self.ancestry:
            who += f", {self.ancestry}"
        return who if self.week is None else f"{who}, in study at week {self.week:g}"


def read_target(
    warehouse: Warehouse,
    studies: tuple[str, ...],
    scores: Scores,
    *,
    week: float | None = None,
    ancestry: str | None = None,
) -> Target:
    """Raises CohortError for a study without persons, and for an ancestry that cannot be asked."""
    if not {"marts.first_line", "cdm.subjects"} <= set(warehouse.columns):
        raise CohortError("the warehouse has no marts.first_line: run trd build first")
    listed = ", ".join(f":s{i}" for i in range(len(studies)))
    found = warehouse.frame(
        _SQL.format(studies=listed), **{f"s{i}": s for i, s in enumerate(studies)}, week=week or 0.0
    )
    found = found.astype(dict.fromkeys(("age", "baseline_score", "last_week", "last_score", *HISTORY), float))
    absent = sorted(set(studies) - set(found["study_id"]))
    if absent:
        raise CohortError(f"no person of {', '.join(absent)} in marts.first_line: land the study and build")
    flow = [_stage(found, "enrolled with a treatment")]
    found = found[found["is_in_trajectories"].fillna(False).astype(bool)]
    flow.append(_stage(found, "severity at baseline and after it"))
    if ancestry:
        try:
            keep = pd.Series(found.eval(ancestry)).fillna(False).astype(bool)
        except Exception as error:
            raise CohortError(f"ancestry {ancestry!r} cannot be asked; write e.g. race == 'white' ({error})") from error
        found = found[keep]
        flow.append(_stage(found, f"ancestry: {ancestry}"))
    if week is not None:
        found = found[found["weeks_seen"].astype(float) >= week]
        flow.append(_stage(found, f"in study at week {week:g}"))
        seen = found["last_week"].notna() & (found["baseline_score"] > 0)
        fall = 1 - found["last_score"] / found["baseline_score"].where(found["baseline_score"] > 0)
        found = found.assign(early_fall=np.where(seen, fall, np.nan))
    if found.empty:
        asked = [f"of the ancestry {ancestry}"] if ancestry else []
        if week is not None:
            asked.append(f"in study at week {week:g}")
        raise CohortError(f"nobody of {', '.join(studies)} is {' and '.join(asked) or 'scored after baseline'}")
    own = [c for c in ("score", "passed_qc", "in_derivation", *scores.covariates) if c in scores.frame]
    found = found.merge(scores.frame[["subject_id", *own]], on="subject_id", how="left")
    flow.append(_stage(found[found["score"].notna()], SCORED))
    typed = found["score"].notna() & found["passed_qc"].astype("boolean").fillna(False).astype(bool)
    flow.append(_stage(found[typed], PASSED))
    found = found.assign(genotyped=typed.astype(int), score=found["score"].where(typed).astype(float))
    found["site"] = found["study_id"].astype(str) + ":" + found["site_no"].astype(str)
    if not typed.any():
        raise CohortError(
            f"none of the {len(found)} persons of the target ({', '.join(studies)}) has a score: do the identifiers of "
            "scores and warehouse belong together?"
        )
    return Target(found.reset_index(drop=True), pd.concat(flow, ignore_index=True), week, ancestry)


def selection_formula(frame: pd.DataFrame) -> str:
    """The default selection model: what of BEFORE (and the early course) the study has and varies."""
    terms = []
    for c in (*BEFORE, EARLY):
        if c in frame.columns and frame[c].notna().mean() > 0.2 and frame[c].nunique() > 1:
            terms.append(c)
    return f"{TYPED} ~ {' + '.join(terms) or '1'}"


def _stage(frame: pd.DataFrame, stage: str) -> pd.DataFrame:
    counts = frame.groupby("study_id").size()
    return pd.DataFrame({"study_id": counts.index.astype(str), "stage": stage, "n": counts.to_numpy(dtype=int)})


_SQL = """
    with early as (
        select
            subject_id,
            max(week) as last_week,
            arg_max(score, week) as last_score
        from marts.trajectory_input
        where role <> 'baseline' and is_in_window and week > 0 and week <= :week and study_id in ({studies})
            and instrument_id = (
                select mode(inside.instrument_id) from marts.first_line as inside
                where inside.study_id = trajectory_input.study_id
            )
        group by subject_id
    ),
    seen as (
        select subject_id, max(week) as weeks_scored
        from marts.trajectory_input
        where study_id in ({studies})
        group by subject_id
    ),
    before as (
        select
            subject_id,
            max(value_num) filter (where variable_id = 'education_years') as education_years,
            max(value_num) filter (where variable_id = 'n_prior_episodes') as n_prior_episodes,
            max(value_num) filter (where variable_id = 'age_at_onset') as age_at_onset
        from cdm.history
        where study_id in ({studies})
        group by subject_id
    )
    select
        first.subject_id,
        first.study_id,
        first.site_no,
        first.baseline_score,
        first.is_in_trajectories,
        greatest(coalesce(first.weeks_on_treatment, 0), coalesce(seen.weeks_scored, 0)) as weeks_seen,
        subjects.sex,
        subjects.age,
        subjects.race,
        subjects.ethnicity,
        before.education_years,
        before.n_prior_episodes,
        before.age_at_onset,
        early.last_week,
        early.last_score
    from marts.first_line as first
    inner join cdm.subjects as subjects on first.subject_id = subjects.subject_id
    left join before on first.subject_id = before.subject_id
    left join early on first.subject_id = early.subject_id
    left join seen on first.subject_id = seen.subject_id
    where first.study_id in ({studies})
    order by first.study_id, first.subject_id
"""
