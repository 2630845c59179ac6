"""Treatment resistance computed a second time: one patient after the other, in plain Python, from the definitions.

It follows docs/treatment-resistance.md, not the SQL. Every answer that the record cannot give is a pair of bounds, and
a definition is met or not met where both agree.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

from tests.dbt_project.trd_words_by_hand import reason_of, stage_of
from tests.dbt_project.trials_by_hand import (
    Reference,
    Row,
    Trial,
    adequacy,
    adequate_alone,
    both,
    either,
    minimum,
    trials_of,
)

SCOPES = ("all_trials", "before_index")


def number(text: Any, default: float = 0.0) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return default


def counted_kind(trial: Trial, d: Row, ref: Reference) -> bool:
    roles = {ref.drugs[t]["role"] for t in trial.new}
    if roles == {"psychotherapy"}:
        return bool(d["psychotherapy_counts_as_trial"] == "1")
    if roles == {"neuromodulation"}:
        return number(d["ect_tms_counts_as_trial"]) > 0
    if trial.strategy == "augment":
        # where different drugs are counted an antidepressant that was added is one
        if d["failure_metric"] == "count_proxy":
            return roles == {"antidepressant"}
        return number(d["augmentation_counts_as_trial"]) > 0
    return True


def failed(trial: Trial, d: Row, following: Trial | None) -> bool | None:
    """Whether the trial failed by the definition's own metric."""
    metric, text = d["failure_metric"], str(d["failure_threshold_pct"] or "")
    reported = trial.source == "history"
    if metric == "count_proxy":
        return True
    if metric == "symptoms_after_expected_response":
        return trial.symptoms
    if metric == "switch_proxy":
        if following is None:
            return False
        if not trial.new or not following.new:
            return None
        if trial.new == following.new:
            return False
        gap = d["max_gap_between_trials_days"]
        if gap is None:
            return True
        return None if trial.end is None else following.start - trial.end <= gap
    if metric == "pct_improvement_between":
        low, high = map(float, text.split("-"))
        if reported:
            return None
        below, above = trial.fall_below(high), trial.fall_below(low)
        return None if below is None or above is None else below and not above
    if metric == "not_remitted":
        return True if reported else None if trial.remitted is None else not trial.remitted
    if metric == "madrs_total_ge_22_and_reduction_lt":
        if reported:
            return True
        first, last = trial.madrs
        small = None if last is None or not first else 100 * (first - last) < float(text) * first
        return both(None if last is None else last >= 22, small)
    return trial.fall_below(number(text, 50.0) if text.replace(".", "").isdigit() else 50.0)


def status(person: str, ref: Reference) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(definition, scope) -> verdict, failed, possibly failed, lowest and highest score, reason, stage."""
    trials = trials_of(person, ref)
    study = ref.people[person]["study_id"]
    facts = facts_of(person, ref)
    out = {}
    for d in ref.definitions:
        for scope in SCOPES:
            if d["asked_of"] and d["asked_of"] != study:
                out[d["definition_id"], scope] = ("not_determinable", None, None, None, None, "other_study", None)
            else:
                out[d["definition_id"], scope] = Judge(person, study, trials, d, scope, facts, ref).said()
    return out


def facts_of(person: str, ref: Reference) -> dict[str, str]:
    """present, absent or unknown."""
    subject = ref.people[person]
    said: dict[str, set[str]] = defaultdict(set)
    for f in ref.facts:
        if f["kind"] == "condition":
            for c in ref.cdm["conditions"][person]:
                if c["condition_id"] == f["value"] and c["relative"] == "self":
                    said[f["fact_id"]].add(c["status"])
        elif f["kind"] == "diagnosis" and subject["diagnosis"]:
            said[f["fact_id"]].add("present" if subject["diagnosis"] == f["value"] else "absent")
        elif f["kind"] == "flag" and f["value"] in (subject["analysis_flags"] or "").replace(" ", "").split(";"):
            said[f["fact_id"]].add("present")
        elif f["kind"] == "excluded_by" and subject["study_id"] == f["value"]:
            said[f["fact_id"]].add("absent")
    return {k: next(s for s in ("present", "unknown", "absent") if s in v) for k, v in said.items()}


class Judge:
    """One definition asked of one person within one scope."""

    def __init__(
        self, person: str, study: str, trials: list[Trial], d: Row, scope: str, facts: dict[str, str], ref: Reference
    ) -> None:
        self.person, self.study, self.d, self.scope, self.facts, self.ref = person, study, d, scope, facts, ref
        index = next(t for t in trials if t.index)
        self.rule = next(
            r
            for r in ref.rules
            if r["dose_rule"] == d["dose_rule"] and (r["min_weeks_per_trial"] or "") == (d["min_weeks_per_trial"] or "")
        )
        current = self.episode(trials, index)
        end = max(t.last for t in trials) if scope == "all_trials" else index.start
        near = [
            t
            for t in trials
            if (scope == "all_trials" or t.start < index.start)
            and (d["lookback_days"] is None or t.last >= end - d["lookback_days"])
        ]
        self.looked_at = [t for t in near if d["same_episode_required"] != 1 or t in current]
        countable = [t for t in trials if counted_kind(t, d, ref)]
        self.following = {t.number: n for t, n in pairwise(countable)}
        self.adequate = {t.number: adequacy(t, self.rule, study, ref) for t in trials}
        self.failed = {t.number: failed(t, d, self.following.get(t.number)) for t in trials}
        stops = d["intolerance_counts_as_failure"] == "1" or d["failure_metric"] == "inadequate_response_or_intolerance"
        self.counts = {
            t.number: both(
                counted_kind(t, d, ref),
                either(both(self.adequate[t.number], self.failed[t.number]), t.intolerant if stops else False),
            )
            for t in trials
        }
        naive = ref.people[person]["treatment_naive"] is True
        history = {
            v: min(
                (h for h in ref.cdm["history"][person] if h["variable_id"] == v),
                key=lambda h: h["occasion"],
                default={},
            ).get("value_num")
            for v in ("prior_failed_trials", "episode_duration_days")
        }
        in_episode = d["same_episode_required"] == 1
        self.naive = naive
        self.episode_days = history["episode_duration_days"]
        prior = history["prior_failed_trials"]
        self.scored_known = naive or (in_episode and prior is not None)
        reported = sum(t.source == "history" for t in trials)
        self.extra = max(0, int(prior or 0) - reported) if in_episode else 0
        self.undescribed = max(0, int(prior or 0) - reported)
        self.episode_known = in_episode and prior is not None
        self.asks_earlier = (
            d["earlier_episode_if_none"] == 1
            and not self.extra
            and not any(counted_kind(t, d, ref) and self.adequate[t.number] is not False for t in self.looked_at)
        )
        if self.asks_earlier:
            first_of_episode = min(t.number for t in current)
            self.looked_at += [t for t in near if t.number < first_of_episode]
        self.before_known = (
            naive
            or (self.episode_known and not self.asks_earlier)
            or (d["family"] == "study" and scope == "all_trials")
        )
        first_step = index.step
        assert first_step is not None
        window = ref.steps[study, first_step["step_id"]]
        begun = max(index.start, first_step["start_day"])
        entry = sorted(
            (
                s
                for s in ref.cdm["scales"][person]
                if s["instrument_id"] == "HRSD17"
                and s["score_used"] is not None
                and window["baseline_from"] <= s["day"] - begun <= window["baseline_to"]
            ),
            key=lambda s: (abs(s["day"] - begun), s["day"], s["occasion"]),
        )
        self.hrsd17 = entry[0]["score_used"] if entry else None

    def episode(self, trials: list[Trial], index: Trial) -> list[Trial]:
        """The trials of the episode in which the index trial lies."""
        gap = self.d["new_episode_after_gap_days"]
        episodes: list[list[Trial]] = [[]]
        for t in trials:
            so_far = [p.last for p in trials if p.number < t.number]
            if t.readmission or (gap is not None and so_far and t.start - max(so_far) > gap):
                episodes.append([])
            episodes[-1].append(t)
        return next(e for e in episodes if index in e)

    def kind(self, trial: Trial) -> bool:
        return counted_kind(trial, self.d, self.ref)

    def said(self) -> tuple[Any, ...]:
        """The answer, why it cannot be given, and the name of the stage."""
        return (*self.answer(), reason_of(self), stage_of(self))

    def sure(self) -> list[Trial]:
        return [t for t in self.looked_at if self.counts[t.number] is True]

    def possible(self) -> list[Trial]:
        return [t for t in self.looked_at if self.counts[t.number] is not False]

    def drugs(self, trials: list[Trial]) -> set[str]:
        named = {t for trial in trials for t in trial.new}
        if self.d["failure_metric"] == "switch_proxy":
            named |= {t for trial in trials if trial.number in self.following for t in self.following[trial.number].new}
        return named

    def failed_drugs(self, trials: list[Trial]) -> set[str]:
        return {t for trial in trials for t in trial.new}

    def classes(self, trials: list[Trial]) -> set[str]:
        return {self.ref.drugs[t]["class"] for t in self.drugs(trials)}

    def enough(self, trials: list[Trial], unnamed: int, extra: int) -> bool:
        d = self.d
        drugs = len(self.drugs(trials)) + unnamed + extra
        classes = len(self.classes(trials)) + unnamed + extra
        return (
            len(trials) + extra >= (d["min_failed_trials"] or 1)
            and drugs >= (d["min_distinct_drugs"] or 0)
            and classes >= (d["min_distinct_classes"] or 0)
        )

    def psychotherapy(self) -> tuple[bool, bool]:
        if self.d["psychotherapy_counts_as_trial"] != "required_in_addition":
            return True, True
        courses = [
            both(self.adequate[t.number], self.failed[t.number])
            for t in self.looked_at
            if t.new and all(self.ref.drugs[x]["role"] == "psychotherapy" for x in t.new)
        ]
        return True in courses, not self.naive or any(c is not False for c in courses)

    def answer(self) -> tuple[Any, ...]:
        d, sure, possible = self.d, self.sure(), self.possible()
        low, high = self.low, self.high = self.score()
        therapy_low, therapy_high = self.psychotherapy()
        nameless = sum(not t.new for t in possible)
        most = d["max_failed_trials"]
        n_high = len(possible) + self.extra
        meets = self.enough(sure, 0, 0) and therapy_low and (most is None or (self.before_known and n_high <= most))
        could = (
            (not self.before_known or self.enough(possible, nameless, self.extra))
            and therapy_high
            and (most is None or len(sure) <= most)
        )
        exposed = d["or_class"] and any(
            self.ref.drugs[x]["class"] == d["or_class"] for t in self.looked_at for x in t.new + t.kept
        )
        meets, could = meets or bool(exposed), could or bool(exposed)
        if d["output_type"] == "event":
            meets, could = low >= 1, high >= 1 or not self.before_known
        no_cutoff = False
        if d["output_type"] in ("stage", "score"):
            cutoff = self.cutoff()
            no_cutoff = cutoff is None
            if cutoff is not None:
                above = (lambda x: x > cutoff) if d["cutoff_operator"] == ">" else (lambda x: x >= cutoff)
                meets, could = meets and above(low), could and above(high)
        excluded = any(self.facts.get(f) == "present" for f in (d["excluded_facts"] or "").split(";"))
        if excluded:
            verdict = "not_met"
        elif meets and not no_cutoff:
            verdict = "met"
        elif d["not_met_only_if_remitted"] == 1 and not any(t.remitted for t in self.looked_at):
            verdict = "not_determinable"
        elif not could:
            verdict = "not_met"
        else:
            verdict = "not_determinable"
        scored = d["output_type"] in ("stage", "score", "event")
        self.verdict = verdict
        return (
            verdict,
            len(sure),
            n_high if self.before_known else None,
            low if scored else None,
            high if scored and math.isfinite(high) else None,
        )

    def cutoff(self) -> float | None:
        text = self.d["trd_cutoff"]
        if text is None:
            return None
        stages = {p["category"]: p["points"] for p in self.ref.points if p["definition_id"] == self.d["definition_id"]}
        return float(stages[text]) if text in stages else float(text)

    # --- scores ---------------------------------------------------------------------------------------------------

    def score(self) -> tuple[float, float]:
        points, name = self.d["points_from"], self.d["definition_id"]
        if name == "cardinal_ab":
            return self.two_courses()
        if name == "athf_long":
            return self.athf()
        makers = {
            "msm": self.maudsley,
            "mgh_s": self.massachusetts,
            "esm": self.european,
            "thase_rush": self.thase_rush,
        }
        return makers[points]() if points else (0.0, math.inf)

    def two_courses(self) -> tuple[float, float]:
        low = high = False
        for second in self.looked_at:
            for first in self.looked_at:
                if first.number < second.number and (first.new != second.new or not first.new):
                    if not (counted_kind(first, self.d, self.ref) and counted_kind(second, self.d, self.ref)):
                        continue
                    seen = both(self.adequate[first.number], self.adequate[second.number], second.symptoms)
                    low, high = low or seen is True, high or seen is not False
        return float(low), float(high) if self.before_known and not self.extra else math.inf

    def athf(self) -> tuple[float, float]:
        rate = {str(k): self.ref.point("athf_long", "trial_rating", str(k)) for k in range(6)}
        low = high = 0.0
        for t in self.looked_at:
            if not counted_kind(t, self.d, self.ref):
                continue
            adequate, everything = self.adequate[t.number], t.new + t.kept
            if adequate is None:
                a, b = rate["1"], rate["5"]
            elif adequate:
                lithium = "lithium" in everything and len(everything) > 1
                a, b = (rate["5"], rate["5"]) if lithium else (rate["3"], rate["4"])
            else:
                a = b = rate["1"] if t.days is not None and t.days < 28 else rate["2"]
            if self.failed[t.number] is True:
                low = max(low, a - (0 if t.intolerant is False else 1))
            if self.failed[t.number] is not False:
                high = max(high, b - (1 if t.intolerant else 0))
        return low, high if self.before_known and not self.extra else math.inf

    def thase_rush(self) -> tuple[float, float]:
        def stage(trials: list[Trial]) -> float:
            if any(not t.new for t in trials):
                return 5.0
            kinds = {self.ref.drugs[x]["thase_rush_class"] for x in self.drugs(trials)}
            majors = kinds & {"SSRI", "SNRI", "TCA", "MAOI", "other"}
            if len(majors) < 2:
                return float(len(majors))
            reached = 2
            for kind in ("TCA", "MAOI", "ECT"):
                if kind not in kinds:
                    break
                reached += 1
            return float(reached)

        return stage(self.sure()), 5.0 if self.extra or not self.scored_known else stage(self.possible())

    def european(self) -> tuple[float, float]:
        bands = sorted((p["lower"], p["points"]) for p in self.ref.points if p["definition_id"] == "esm")

        def stage(trials: list[Trial], unnamed: int, extra: int) -> float:
            if not self.enough_for_esm(trials, unnamed, extra):
                return 0.0
            weeks = sum(999 if t.days is None else t.days / 7 for t in trials)
            # beyond the twelve months of the last stage it is chronic, at them not yet
            return max((p for lower, p in bands if (weeks > lower if lower == 52 else weeks >= lower)), default=0.0)

        nameless = sum(not t.new for t in self.possible())
        low = stage(self.sure(), 0, 0)
        if not self.scored_known or self.undescribed:
            return low, 6.0
        return low, stage(self.possible(), nameless, self.extra)

    def enough_for_esm(self, trials: list[Trial], unnamed: int, extra: int) -> bool:
        return (
            len(trials) + extra >= self.d["min_failed_trials"]
            and len(self.classes(trials)) + unnamed + extra >= self.d["min_distinct_classes"]
        )

    def massachusetts(self) -> tuple[float, float]:
        value = {
            c: self.ref.point("mgh_s", "points", c)
            for c in ("failed_adequate_trial", "optimisation", "augmentation_or_combination", "ect")
        }

        def optimised(t: Trial) -> bool | None:
            lead = min(t.new, default=None)
            if lead is None:
                return None
            # the treatment that was judged: the best answer, of equal ones the first by name
            rank = {True: 1, None: 2, False: 3}
            judged = min(t.new, key=lambda x: (rank[adequate_alone(t, x, self.rule, self.study, self.ref)], x))
            part = t.parts[lead]
            least = minimum(t, lead, self.rule, self.study, self.ref)
            if (
                judged != lead
                or least is None
                or part.max_dose is None
                or self.ref.drugs[lead]["dose_unit"] == "sessions"
            ):
                return None
            return part.max_dose > least

        def score(trials: list[Trial], sure: bool) -> float:
            total, stimulated = 0.0, False
            for t in trials:
                roles = {self.ref.drugs[x]["role"] for x in t.new}
                if roles == {"neuromodulation"}:
                    stimulated = True
                elif t.strategy == "augment":
                    total += value["augmentation_or_combination"]
                else:
                    total += value["failed_adequate_trial"]
                    better = optimised(t)
                    if better or (better is None and not sure):
                        total += value["optimisation"]
            return total + (value["ect"] if stimulated else 0.0)

        low = score(self.sure(), True)
        if not self.scored_known:
            return low, math.inf
        each = value["failed_adequate_trial"] + value["optimisation"]
        return low, score(self.possible(), False) + self.extra * each

    def maudsley(self) -> tuple[float, float]:
        used = [t for t in self.looked_at if t.strategy == "augment" and not self.is_psychotherapy(t)]
        ect = any("ect" in t.new for t in self.looked_at)
        known = self.scored_known
        months = None if self.episode_days is None else self.episode_days * 12 / 365.25
        duration = (1, 3) if months is None else (1, 1) if months <= 12 else (2, 2) if months <= 24 else (3, 3)
        if self.hrsd17 is None:
            severity = (1, 5)
        elif self.hrsd17 <= 23:
            severity = (1, 1) if self.hrsd17 <= 7 else (2, 2) if self.hrsd17 <= 16 else (3, 3)
        else:
            psychosis = self.facts.get("psychosis", "unknown")
            severity = {"present": (5, 5), "absent": (4, 4), "unknown": (4, 5)}[psychosis]

        def failures(drugs: int) -> int:
            return (
                0
                if drugs == 0
                else 1
                if drugs <= 2
                else 2
                if drugs <= 4
                else 3
                if drugs <= 6
                else 4
                if drugs <= 10
                else 5
            )

        nameless = sum(not t.new for t in self.possible())
        many = failures(len(self.failed_drugs(self.possible())) + nameless + self.extra) if known else 5
        few = failures(len(self.failed_drugs(self.sure())))
        low = duration[0] + severity[0] + few + bool(used) + ect
        high = duration[1] + severity[1] + many + (bool(used) or not known) + (ect or not known)
        return float(low), float(high)

    def is_psychotherapy(self, trial: Trial) -> bool:
        return bool(trial.new) and all(self.ref.drugs[x]["role"] == "psychotherapy" for x in trial.new)
