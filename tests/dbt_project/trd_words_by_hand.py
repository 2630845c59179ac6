"""Why a definition of resistance cannot be answered, and what its stage is called: in plain Python, a second time.

It follows the words of docs/treatment-resistance.md and of the columns of marts.trd_status, not the SQL.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.dbt_project.trials_by_hand import Reference, Row, Trial, adequate_alone, minimum

if TYPE_CHECKING:
    from tests.dbt_project.trd_by_hand import Judge

RATED = ("athf_long", "cardinal_ab")
LABELLED = ("stage", "weeks_of_resistance", "total_band")


def why_adequacy_unknown(trial: Trial, rule: Row, study: str, ref: Reference) -> str:
    """The missing ingredient of the treatment that was judged; of equal answers the first by name."""
    if not trial.new:
        return "treatment_unknown"
    treatment = min(t for t in trial.new if adequate_alone(trial, t, rule, study, ref) is None)
    drug, part = ref.drugs[treatment], trial.parts[treatment]
    dosed = ref.minimum_of[rule["dose_rule"]] != "none"
    least = minimum(trial, treatment, rule, study, ref) if dosed else None
    if dosed and drug["dose_unit"] == "sessions":
        return "no_minimum" if least is None else "no_sessions"
    if trial.days is None:
        return "no_end"
    if least is None:
        return "no_minimum"
    return "no_dose" if part.max_dose is None else "dose_gaps"


def why_outcome_unknown(trial: Trial, metric: str, following: Trial | None) -> str:
    """What is missing for saying whether the trial failed."""
    if metric == "symptoms_after_expected_response":
        return "no_later_score"
    if metric == "switch_proxy":
        nameless = not trial.new or (following is not None and not following.new)
        return "treatment_unknown" if nameless else "no_end"
    if metric == "madrs_total_ge_22_and_reduction_lt":
        return "no_madrs"
    if trial.source == "history":
        return "reported_without_score"
    if trial.exit is None:
        return "no_exit_score"
    return "no_baseline_score" if trial.baseline is None else "zero_baseline"


def why_trial_unknown(judge: Judge, trial: Trial) -> str | None:
    """Why a trial may count and need not; nothing where it surely counts."""
    if judge.counts[trial.number] is not None:
        return None
    adequate, failed = judge.adequate[trial.number], judge.failed[trial.number]
    if adequate is None and failed is not False:
        return why_adequacy_unknown(trial, judge.rule, judge.study, judge.ref)
    if failed is None and adequate is not False:
        return why_outcome_unknown(trial, judge.d["failure_metric"], judge.following.get(trial.number))
    return "end_not_recorded"


def rating_reasons(judge: Judge) -> set[str]:
    """Reasons of the two definitions that rate trials one by one."""
    found = set()
    counted = [t for t in judge.looked_at if judge.kind(t)]
    for t in counted:
        adequate, failed = judge.adequate[t.number], judge.failed[t.number]
        if judge.d["definition_id"] == "athf_long":
            if failed is None:
                found.add("outcome_unknown")
            elif failed and adequate is None:
                found.add("adequacy_unknown")
            elif failed and t.intolerant is None:
                found.add("end_not_recorded")
            continue
        before = [f for f in counted if f.number < t.number and (f.new != t.new or not f.new)]
        possible = [f for f in before if False not in (judge.adequate[f.number], adequate, failed)]
        sure = [f for f in before if judge.adequate[f.number] and adequate and failed]
        if possible and not sure:
            found.add("no_later_score" if failed is None else "adequacy_unknown")
    return found


def reason_of(judge: Judge) -> str | None:
    """The text of `reason`."""
    d = judge.d
    excluded = sorted(f for f in (d["excluded_facts"] or "").split(";") if judge.facts.get(f) == "present")
    if excluded and judge.verdict == "not_met":
        return "excluded:" + ";".join(excluded)
    if judge.verdict != "not_determinable":
        return None
    if d["output_type"] in ("stage", "score") and judge.cutoff() is None:
        return "no_cutoff"
    said = []
    if not judge.before_known:
        said.append("earlier_episodes_not_collected" if judge.episode_known else "earlier_trials_not_collected")
    if judge.extra:
        said.append("earlier_trials_not_described")
    low, high = judge.psychotherapy()
    if d["psychotherapy_counts_as_trial"] == "required_in_addition" and high and not low:
        said.append("psychotherapy_not_known")
    rated = rating_reasons(judge) if d["definition_id"] in RATED else set()
    of_trials = {why for t in judge.possible() if (why := why_trial_unknown(judge, t)) is not None}
    said += sorted(rated or of_trials)
    if d["points_from"] == "msm":
        if judge.episode_days is None:
            said.append("no_episode_duration")
        if judge.hrsd17 is None:
            said.append("no_hrsd17_at_entry")
        elif judge.hrsd17 > 23 and judge.facts.get("psychosis", "unknown") == "unknown":
            said.append("psychosis_not_known")
    return ";".join(said) or "next_step_missing"


def stage_of(judge: Judge) -> str | None:
    """The name of the stage, band or class; both ends where they differ."""
    d = judge.d
    if d["output_type"] == "ternary":
        n = len(judge.sure())
        if not judge.before_known or n != len(judge.possible()) + judge.extra:
            return None
        return "resistance" if n >= d["min_failed_trials"] else "nonresponse" if n else "response"
    names = [p for p in judge.ref.points if p["definition_id"] == d["points_from"] and p["dimension"] in LABELLED]

    def called(score: float) -> str | None:
        for p in names:
            band = p["dimension"] == "total_band"
            if p["lower"] <= score <= p["upper"] if band else p["points"] == score:
                return str(p["category"])
        return None

    first = called(judge.low)
    if first is None:
        return None
    if not math.isfinite(judge.high):
        return f"{first} or more"
    last = called(judge.high)
    return first if first == last else f"{first} to {last}"
