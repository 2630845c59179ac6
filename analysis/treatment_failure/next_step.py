"""Aim A's people, read from the warehouse: what they were at entry, how they left the first step, and what came next.

This module looks ahead and therefore never feeds the class step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.plan import Plan
from analysis.warehouse import Warehouse

OF_STEP = {"level 2": "2", "phase 2": "2"}
"""Steps of the plan by their id in the warehouse."""
CHRONIC_DAYS = 730
ELIGIBLE_HRSD17 = 14
"""Entry HRSD17 of STAR*D's protocol: below it 607 of the 4,041 were not eligible, 324 had none (3,110 remain)."""

_SQL = """
    with
    first as (
        select * from marts.first_line where study_id in ({studies})
    ),
    scored as (
        select subject_id, step_id, instrument_id, baseline_score, exit_score, pct_change from marts.step_scores
        where study_id in ({studies})
    ),
    history as (
        select
            subject_id,
            max(case when variable_id = 'episode_duration_days' then value_num end) as episode_days,
            max(case when variable_id = 'n_prior_episodes' then value_num end) as n_episodes
        from cdm.history
        where study_id in ({studies}) and variable_id in ('episode_duration_days', 'n_prior_episodes')
        group by subject_id
    )
    select
        first.subject_id,
        first.study_id,
        first.site_no,
        first.is_evaluable,
        first.left_early,
        first.intolerant,
        first.adequate,
        first.weeks_on_treatment,
        first.exit_kind,
        first.baseline_hrsd17,
        first.next_step_id,
        subjects.age,
        subjects.sex,
        history.episode_days,
        history.n_episodes,
        features.verdict as anxious,
        own.exit_score,
        own.baseline_score as step_baseline,
        next.subject_id is not null as entered,
        next.strategy,
        next.arm_assigned as next_arm,
        next.preference_switch,
        next.preference_augment,
        next.exit_reason as next_exit_reason,
        entry.baseline_score as entry_hrsd17,
        entry.exit_score as exit_hrsd17,
        entry.pct_change as change_hrsd17,
        report.exit_score as exit_qids,
        report.baseline_score as entry_qids
    from first
    inner join cdm.subjects as subjects on first.subject_id = subjects.subject_id
    left join history on first.subject_id = history.subject_id
    left join marts.features as features
        on first.subject_id = features.subject_id and features.definition_id = 'anxious_hrsd17'
    left join scored as own
        on first.subject_id = own.subject_id and first.step_id = own.step_id and own.instrument_id = :scale
    left join cdm.steps as next on first.subject_id = next.subject_id and next.step_id = '2'
    left join scored as entry
        on first.subject_id = entry.subject_id and entry.step_id = '2' and entry.instrument_id = 'HRSD17'
    left join scored as report
        on first.subject_id = report.subject_id and report.step_id = '2' and report.instrument_id = 'QIDS_SR16'
    where first.step_id = '1'
    order by first.study_id, first.subject_id
"""
_VISITS = """
    with
    visits as (
        select
            scales.subject_id,
            scales.day - steps.start_day as day,
            -- the clinician's rating goes first: by it a level was ended
            coalesce(
                min(case when scales.instrument_id = 'QIDS_C16' then scales.score_used end), min(scales.score_used)
            ) as score
        from cdm.scales as scales
        inner join cdm.steps as steps on scales.subject_id = steps.subject_id and steps.step_id = '2'
        where scales.study_id in ({studies}) and scales.instrument_id in ('QIDS_C16', 'QIDS_SR16')
            and scales.score_used is not null
            and scales.day between steps.start_day and steps.end_day
            and (scales.step_id = '2' or scales.day = steps.start_day)
        group by all
    ),
    -- how badly the drug is taken: the three FIBSER ratings (0 to 6) as one, and PRISE domains rated distressing
    ratings as (
        select list(item_no) as items from reference.scale_items
        where scale_id = 'PRISE' and ends_with(item_name, '_rating')
    ),
    side as (
        select
            scales.subject_id,
            scales.day - steps.start_day as day,
            max(case when instrument_id = 'FIBSER' then list_avg(scales.items) end) as side_effects,
            max(
                case when instrument_id = 'PRISE' then list_count(
                    list_filter(list_select(scales.items, (select items from ratings)), lambda x: x >= 2)
                ) end
            ) as distressing
        from cdm.scales as scales
        inner join cdm.steps as steps on scales.subject_id = steps.subject_id and steps.step_id = '2'
        where scales.study_id in ({studies}) and scales.instrument_id in ('FIBSER', 'PRISE')
            and scales.step_id = '2' and scales.day > steps.start_day
        group by all
    )
    select visits.subject_id, visits.day, visits.score, side.side_effects, side.distressing
    from visits
    left join side on visits.subject_id = side.subject_id and visits.day = side.day
    order by visits.subject_id, visits.day
"""
SIDE_EFFECTS = ("side_effects", "distressing")


@dataclass(frozen=True)
class NextStep:
    """`people`: one row per person of the first step with all that is asked. `visits`: QIDS of the next step, and side
    effects known by then (`seen_by_then`), missing in a study that never asked.
    """

    people: pd.DataFrame
    visits: pd.DataFrame


def read_next_step(warehouse: Warehouse, plan: Plan, scale: str) -> NextStep:
    """People of the studies with a next step; empty frames where none is landed. `scale`: of the class model."""
    wanted = [s for s in plan.aim_a["next_step"] if OF_STEP.get(plan.aim_a["next_step"][s])]
    listed = ", ".join(f"'{s}'" for s in wanted)
    found = warehouse.frame(_SQL.format(studies=listed), scale=scale)
    visits = warehouse.frame(_VISITS.format(studies=listed))
    people = pd.DataFrame({"subject_id": found["subject_id"].astype(str), "study_id": found["study_id"].astype(str)})
    for name in ("entered", "is_evaluable", "left_early", "intolerant"):
        people[name] = found[name].fillna(False).astype(bool)
    for name in ("strategy", "next_arm", "next_exit_reason", "exit_kind", "adequate"):
        people[name] = found[name].astype(object).where(found[name].notna(), "not known").astype(str)
    people["accepts"] = acceptance(found)
    number: dict[str, pd.Series] = {
        "age": found["age"],
        "female": found["sex"].map({"female": 1.0, "male": 0.0}),
        "chronic": (found["episode_days"].astype(float) >= CHRONIC_DAYS)
        .astype(float)
        .where(found["episode_days"].notna()),
        "episodes": found["n_episodes"].astype(float).clip(lower=1).map(np.log),
        "anxious": found["anxious"].map({"met": 1.0, "not_met": 0.0}),
        **{n: found[n] for n in ("exit_score step_baseline entry_hrsd17 exit_hrsd17 change_hrsd17 exit_qids".split())},
        **{n: found[n] for n in ("entry_qids baseline_hrsd17 weeks_on_treatment".split())},
    }
    for name, values in number.items():
        people[name] = pd.to_numeric(values, errors="coerce").astype(float).to_numpy()
    people["fall"] = 1 - people["exit_score"] / people["step_baseline"].where(people["step_baseline"] > 0)
    kinds = dict.fromkeys(("day", "score", *SIDE_EFFECTS), float)
    study = people.set_index("subject_id")["study_id"]
    return NextStep(people, seen_by_then(visits.astype({"subject_id": str}).astype(kinds), study))


def seen_by_then(visits: pd.DataFrame, study: pd.Series) -> pd.DataFrame:
    """Side effects at each visit as last told, 0 before anything was asked; left missing in a study that never asked.

    visits: in order of time within persons. study: by person.
    """
    found = visits.copy()
    for name in SIDE_EFFECTS:
        asked = found[name].notna().groupby(found["subject_id"].map(study)).transform("any")
        found[name] = found.groupby("subject_id")[name].ffill().fillna(0.0).where(asked)
    return found


def acceptance(found: pd.DataFrame) -> pd.Series:
    """Which strategies a person accepted at entry to the next step."""
    names = {(True, True): "switch or augment", (True, False): "switch only", (False, True): "augment only"}
    pairs = zip(found["preference_switch"].fillna(False), found["preference_augment"].fillna(False), strict=True)
    return pd.Series([names.get((bool(a), bool(b)), "not asked") for a, b in pairs], index=found.index)


def fill(people: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Missing covariates filled in, and how many of each: by the study's median, entry HRSD17 by regression.

    A filled covariate keeps its person in the population; filled values do not know the outcome. Entry HRSD17 is what a
    linear regression on the self-report at entry and the predicted exit severity says.
    """
    found, filled = people.copy(), {}
    for name in ("age", "female", "chronic", "episodes", "anxious"):
        gaps = found[name].isna()
        filled[name] = int(gaps.sum())
        middle = found.groupby("study_id")[name].transform("median")
        if name in ("female", "chronic", "anxious"):
            middle = (middle >= 0.5).astype(float)
        found[name] = found[name].fillna(middle).fillna(0.0)
    absent = found["entry_hrsd17"].isna().to_numpy()
    filled["entry HRSD17"] = int(absent.sum())
    if absent.any():
        score = found["exit_score"].fillna(found["exit_score"].median()).to_numpy(dtype=float)
        x = np.column_stack([np.ones(len(found)), score, found["exit_one"].to_numpy(dtype=float)])
        beta, *_ = np.linalg.lstsq(x[~absent], found.loc[~absent, "entry_hrsd17"].to_numpy(dtype=float), rcond=None)
        found.loc[absent, "entry_hrsd17"] = (x @ beta)[absent]
    return found, {name: n for name, n in filled.items() if n}
