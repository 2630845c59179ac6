"""Treatment resistance computed a second time: one patient after the other, in plain Python, from the definitions.

It reads the common data model and the reference tables and follows docs/treatment-resistance.md, not the SQL. Every
answer that the record cannot give is a pair of bounds, and a definition is met or not met where both agree.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import duckdb

Row = dict[str, Any]
SCOPES = ("all_trials", "before_index")


@dataclass
class Part:
    """One treatment of a trial: its doses as (day from, day until, dose)."""

    treatment: Row
    doses: list[tuple[int, int, float]] = field(default_factory=list)
    sessions: float | None = None
    adherence: float | None = None

    @property
    def max_dose(self) -> float | None:
        return max((d for _, _, d in self.doses), default=None)

    def days(self, start: int, end: int, least: float = 0.0) -> int:
        return sum(max(0, min(b, end) - max(a, start)) for a, b, d in self.doses if d >= least)


@dataclass
class Trial:
    """One trial of treatment."""

    source: str
    start: int
    end: int | None
    new: list[str]
    kept: list[str]
    step: Row | None = None
    next_start: int | None = None
    strategy: str | None = None
    end_kind: str = ""
    index: bool = False
    readmission: bool = False
    parts: dict[str, Part] = field(default_factory=dict)
    baseline: float | None = None
    exit: float | None = None
    remitted: bool | None = None
    madrs: tuple[float | None, float | None] = (None, None)
    symptoms: bool | None = None
    number: int = 0

    @property
    def last(self) -> int:
        return self.start if self.end is None else self.end

    @property
    def days(self) -> int | None:
        return None if self.end is None else self.end - self.start

    @property
    def intolerant(self) -> bool | None:
        if self.end_kind == "intolerance":
            return True
        known = ("remitted", "no_benefit", "lost", "withdrew", "discharge", "completed", "augmented")
        return False if self.end_kind in known else None

    def fall_below(self, border: float) -> bool | None:
        if self.source == "history":
            return True
        if self.exit is None or not self.baseline or self.baseline <= 0:
            return None
        return 100 * (self.baseline - self.exit) < border * self.baseline


def both(*values: bool | None) -> bool | None:
    """And, where unknown stays unknown unless something is false."""
    return False if False in values else None if None in values else True


def either(*values: bool | None) -> bool | None:
    """Or, where unknown stays unknown unless something is true."""
    return True if True in values else None if None in values else False


class Reference:
    """The reference tables and all records, by person."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        def rows(name: str) -> list[Row]:
            found = connection.execute(f"from {name}")
            columns = [c[0] for c in found.description or []]
            return [dict(zip(columns, r, strict=True)) for r in found.fetchall()]

        def by_person(name: str) -> dict[str, list[Row]]:
            grouped: dict[str, list[Row]] = defaultdict(list)
            for row in rows(name):
                grouped[row["subject_id"]].append(row)
            return grouped

        self.drugs = {r["drug_id"]: r for r in rows("reference.treatments")}
        self.arms = {
            (r["study_id"], r["step_id"], r["arm_assigned"]): r["treatments"] for r in rows("reference.study_arms")
        }
        self.steps = {(r["study_id"], r["step_id"]): r for r in rows("reference.study_steps")}
        self.protocol = {(r["study_id"], r["treatment_id"]): r["min_dose"] for r in rows("reference.protocol_doses")}
        (self.days,) = rows("reference.trial_rules")
        self.minimum_of = {r["dose_rule"]: r["minimum"] for r in rows("reference.dose_rules")}
        self.rules = rows("reference.adequacy_rules")
        self.definitions = rows("reference.trd_definitions")
        self.points = rows("reference.trd_points")
        self.facts = rows("reference.fact_sources")
        self.instrument = dict(
            connection.execute("select study_id, instrument_id from reference.trajectory_rules").fetchall()
        )
        self.cut = {
            scale: r["threshold_low"]
            for r in rows("reference.outcome_definitions")
            if r["outcome"] == "remission" and r["metric"] == "total" and r["at_step_exit"] and r["operator"] == "<="
            for scale in r["scale_scope"].split(";")
        }
        self.people = {r["subject_id"]: r for r in rows("cdm.subjects")}
        self.cdm = {
            name: by_person(f"cdm.{name}") for name in ("steps", "treatments", "scales", "history", "conditions")
        }

    def treats(self, treatment: str) -> bool:
        return bool(self.drugs[treatment]["counts_as_trial"] == 1)

    def point(self, definition: str, dimension: str, category: str) -> float:
        (found,) = [
            r["points"]
            for r in self.points
            if (r["definition_id"], r["dimension"], r["category"]) == (definition, dimension, category)
        ]
        return float(found)


# --- trials -------------------------------------------------------------------------------------------------------


def trials_of(person: str, ref: Reference) -> list[Trial]:
    """All trials of a person in the order of time."""
    steps = sorted(
        (s for s in ref.cdm["steps"][person] if ref.steps[s["study_id"], s["step_id"]]["is_treatment"]),
        key=lambda s: (s["step_no"], s["step_id"]),
    )
    found: list[Trial] = []
    previous: list[str] = []
    for place, step in enumerate(steps):
        named = ref.arms.get((step["study_id"], step["step_id"], step["arm_assigned"])) or ""
        arm = sorted(t for t in named.split(";") if t and ref.treats(t))
        records = taken_in(step, ref, person)
        here = _arm_trial(step, arm, previous, records) if arm else _record_trials(step, records, ref)
        if not here:
            here = [Trial("observed", step["start_day"], max(step["start_day"], step["end_day"]), [], [])]
        _describe(here, step, arm, place, ref)
        found += here
        previous = arm
    for given in ref.cdm["treatments"][person]:
        if given["record_kind"] == "history_trial" and ref.treats(given["treatment_id"]):
            trial = Trial("history", given["start_day"], given["end_day"], [given["treatment_id"]], [])
            drug = ref.drugs[given["treatment_id"]]
            part = Part(drug, adherence=given["adherence"])
            if given["dose"] is not None and given["dose_unit"] == drug["dose_unit"].replace("/", "_"):
                part.doses = [(trial.start, trial.last, given["dose"])]
            trial.parts, trial.end_kind = {given["treatment_id"]: part}, "reported_failure"
            trial.strategy = "augment" if drug["role"] == "augmentation" else None
            found.append(trial)
    found.sort(key=lambda t: (t.start, t.last, t.source, t.step["step_no"] if t.step else 0, ";".join(t.new)))
    for number, trial in enumerate(found, 1):
        trial.number = number
        trial.strategy = trial.strategy or ("initial" if number == 1 else "switch")
        if trial.step:
            _take(trial, taken_in(trial.step, ref, person))
            _rate(trial, ref, person)
    return found


def taken_in(step: Row, ref: Reference, person: str) -> list[Row]:
    """The records of a step, each with the day it ends and the day to which its dose holds."""
    last = step["end_day"]
    mine = [
        dict(r)
        for r in ref.cdm["treatments"][person]
        if r["record_kind"] != "history_trial"
        and ref.treats(r["treatment_id"])
        and (
            r["step_id"] == step["step_id"]
            or (r["step_id"] is None and step["start_day"] <= r["start_day"] <= step["end_day"])
        )
    ]
    visits = sorted({r["start_day"] for r in mine if r["record_kind"] != "interval"})
    for r in mine:
        if r["record_kind"] == "interval":
            until = last if r["end_day"] is None else r["end_day"]
        else:
            until = next((v for v in visits if v > r["start_day"]), last)
        r["until"] = max(r["start_day"], until)
    mine.sort(key=lambda r: (r["start_day"], r["until"]))
    for i, r in enumerate(mine):
        r["held"] = r["until"]
        later = [
            o for o in mine[i + 1 :] if (o["treatment_id"], o["record_kind"]) == (r["treatment_id"], r["record_kind"])
        ]
        if later and later[0]["start_day"] <= r["until"] + 1:
            r["held"] = later[0]["start_day"]
        if later and later[0]["start_day"] == r["until"] + 1:
            r["until"] += 1
    return mine


def _arm_trial(step: Row, arm: list[str], previous: list[str], records: list[Row]) -> list[Trial]:
    kept = [t for t in arm if t in previous] if step["strategy"] == "augment" else []
    spans = {t: [r for r in records if r["treatment_id"] == t and r["record_kind"] == "interval"] for t in arm}
    starts = [min(r["start_day"] for r in s) for s in spans.values() if s]
    start = max([step["start_day"], min(starts)] if starts else [step["start_day"]])
    ends = [min(max(r["until"] for r in s), step["end_day"]) if s else step["end_day"] for s in spans.values()]
    return [Trial("observed", start, max(start, *ends), [t for t in arm if t not in kept], kept)]


def _record_trials(step: Row, records: list[Row], ref: Reference) -> list[Trial]:
    eras: list[tuple[str, int, int]] = []
    for treatment in {r["treatment_id"] for r in records}:
        own = sorted((r["start_day"], r["until"]) for r in records if r["treatment_id"] == treatment)
        first, last = own[0]
        for a, b in own[1:]:
            if a > last + ref.days["continue_gap_days"]:
                eras.append((treatment, first, last))
                first, last = a, b
            last = max(last, b)
        eras.append((treatment, first, last))
    opened = sorted({first for _, first, _ in eras})
    made = []
    for i, day in enumerate(opened):
        new = sorted(t for t, first, _ in eras if first == day)
        kept = sorted(
            {t for t, first, last in eras if first < day and last >= day + ref.days["kept_days"] and t not in new}
        )
        end = max(last for _, first, last in eras if first == day)
        follows = opened[i + 1] if i + 1 < len(opened) else None
        made.append(
            Trial("observed", day, end if follows is None else min(end, follows), new, kept, next_start=follows)
        )
    return made


def _describe(here: list[Trial], step: Row, arm: list[str], place: int, ref: Reference) -> None:
    """Which is the index trial, what kind each is, how it ended."""
    begun = [t for t in here if t.start >= step["start_day"]] or here[-1:]
    for i, trial in enumerate(here):
        trial.step = step
        trial.index = place == 0 and trial is begun[0]
        trial.readmission = i == 0 and place > 0 and step["strategy"] in ("initial", "none")
        only_augments = bool(trial.new) and all(ref.drugs[t]["role"] == "augmentation" for t in trial.new)
        if trial.kept or only_augments or (arm and step["strategy"] == "augment"):
            trial.strategy = "augment"
        elif arm and step["strategy"] == "switch":
            trial.strategy = "switch"
        if i + 1 == len(here):
            trial.end_kind = step["exit_reason"] or "unknown"
        else:
            trial.end_kind = "augmented" if here[i + 1].kept else "switched"


def _take(trial: Trial, records: list[Row]) -> None:
    for treatment in trial.new + trial.kept:
        trial.parts.setdefault(treatment, Part({}))
    assert trial.end is not None
    for r in records:
        part = trial.parts.get(r["treatment_id"])
        if part is None or r["held"] < trial.start:
            continue
        at_end = r["start_day"] == trial.end and (trial.next_start is None or trial.start == trial.end)
        if not (r["start_day"] < trial.end or at_end):
            continue
        part.treatment = part.treatment or {}
        if r["dose"] is not None:
            part.doses.append((r["start_day"], r["held"], r["dose"]))
        if r["adherence"] is not None:
            part.adherence = r["adherence"]


def _rate(trial: Trial, ref: Reference, person: str) -> None:
    assert trial.step is not None
    assert trial.end is not None
    window = ref.steps[trial.step["study_id"], trial.step["step_id"]]
    own = ref.instrument[trial.step["study_id"]]

    def measured(scale: str) -> tuple[float | None, float | None]:
        scores = [s for s in ref.cdm["scales"][person] if s["instrument_id"] == scale and s["score_used"] is not None]
        first = [s for s in scores if window["baseline_from"] <= s["day"] - trial.start <= window["baseline_to"]]
        first.sort(key=lambda s: (abs(s["day"] - trial.start), s["day"], s["occasion"]))
        latest = trial.end + ref.days["exit_grace_days"]  # type: ignore[operator]
        if trial.next_start is not None:
            latest = min(latest, trial.next_start)
        after = [
            s
            for s in scores
            if s["step_id"] == trial.step["step_id"]  # type: ignore[index]
            and trial.start + window["baseline_to"] < s["day"] <= latest
        ]
        after.sort(key=lambda s: (s["day"], s["occasion"]))
        return (first[0]["score_used"] if first else None, after[-1]["score_used"] if after else None)

    trial.baseline, trial.exit = measured(own)
    trial.madrs = measured("MADRS")
    if trial.exit is not None:
        trial.remitted = trial.exit <= ref.cut[own]
    since = trial.start + ref.days["symptom_after_days"]
    later = [
        s["score_used"]
        for s in ref.cdm["scales"][person]
        if s["instrument_id"] == own
        and s["score_used"] is not None
        and since <= s["day"] <= since + ref.days["symptom_window_days"]
    ]
    trial.symptoms = max(later) > ref.cut[own] if later else None


def adequacy(trial: Trial, rule: Row, study: str, ref: Reference) -> bool | None:
    """Adequate under a rule: the best of the new treatments."""
    answers = [_adequate(trial, t, rule, study, ref) for t in trial.new]
    return either(*answers) if answers else None


def minimum(trial: Trial, treatment: str, rule: Row, study: str, ref: Reference) -> float | None:
    """Smallest adequate dose or number of sessions."""
    drug, table = ref.drugs[treatment], ref.minimum_of[rule["dose_rule"]]
    if drug["dose_unit"] == "sessions" or table == "label":
        found = drug["min_adequate_dose"]
    elif table == "protocol":
        found = (ref.protocol.get((study, treatment)) if trial.source == "observed" else None) or drug[
            "min_adequate_dose"
        ]
    else:
        found = drug[f"min_dose_{table}"]
    return None if found is None else float(found)


def _adequate(trial: Trial, treatment: str, rule: Row, study: str, ref: Reference) -> bool | None:
    drug, part = ref.drugs[treatment], trial.parts[treatment]
    dosed = ref.minimum_of[rule["dose_rule"]] != "none"
    least = minimum(trial, treatment, rule, study, ref) if dosed else None
    if dosed and drug["dose_unit"] == "sessions":
        sessions = sum(d for _, _, d in part.doses) if part.doses else None
        return None if sessions is None or least is None else sessions >= least
    weeks = drug["min_adequate_weeks"] if rule["min_weeks"] is None else rule["min_weeks"]
    if trial.days is None:
        return None
    if weeks is not None and trial.days < 7 * weeks:
        return False
    if rule["min_adherence"] is not None and part.adherence is not None and part.adherence < rule["min_adherence"]:
        return False
    if not dosed:
        return True
    if least is None or part.max_dose is None:
        return None
    if part.max_dose < least:
        return False
    at_minimum, known = part.days(trial.start, trial.last, least), part.days(trial.start, trial.last)
    if rule["weeks_counted"] == "treated" or at_minimum >= 7 * weeks:
        return True
    return None if at_minimum + trial.days - known >= 7 * weeks else False


# --- definitions --------------------------------------------------------------------------------------------------


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
    """(definition, scope) -> verdict, failed, possibly failed, lowest and highest score."""
    trials = trials_of(person, ref)
    study = ref.people[person]["study_id"]
    facts = facts_of(person, ref)
    out = {}
    for d in ref.definitions:
        for scope in SCOPES:
            if d["asked_of"] and d["asked_of"] != study:
                out[d["definition_id"], scope] = ("not_determinable", None, None, None, None)
            else:
                out[d["definition_id"], scope] = Judge(person, study, trials, d, scope, facts, ref).answer()
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
        self.looked_at = [
            t
            for t in trials
            if (scope == "all_trials" or t.start < index.start)
            and (d["same_episode_required"] != 1 or t in current)
            and (d["lookback_days"] is None or t.last >= end - d["lookback_days"])
        ]
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
        self.before_known = (
            naive or (in_episode and prior is not None) or (d["family"] == "study" and scope == "all_trials")
        )
        self.scored_known = naive or (in_episode and prior is not None)
        reported = sum(t.source == "history" for t in trials)
        self.extra = max(0, int(prior or 0) - reported) if in_episode else 0
        self.undescribed = max(0, int(prior or 0) - reported)
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

    def sure(self) -> list[Trial]:
        return [t for t in self.looked_at if self.counts[t.number] is True]

    def possible(self) -> list[Trial]:
        return [t for t in self.looked_at if self.counts[t.number] is not False]

    def drugs(self, trials: list[Trial]) -> set[str]:
        named = {t for trial in trials for t in trial.new}
        if self.d["failure_metric"] == "switch_proxy":
            named |= {t for trial in trials if trial.number in self.following for t in self.following[trial.number].new}
        return named

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
        low, high = self.score()
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
            return max((p for lower, p in bands if weeks >= lower), default=0.0)

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
            judged = min(t.new, key=lambda x: (rank[_adequate(t, x, self.rule, self.study, self.ref)], x))
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
        many = failures(len(self.drugs(self.possible())) + nameless + self.extra) if known else 5
        few = failures(len(self.drugs(self.sure())))
        low = duration[0] + severity[0] + few + bool(used) + ect
        high = duration[1] + severity[1] + many + (bool(used) or not known) + (ect or not known)
        return float(low), float(high)

    def is_psychotherapy(self, trial: Trial) -> bool:
        return bool(trial.new) and all(self.ref.drugs[x]["role"] == "psychotherapy" for x in trial.new)
