"""Trials of treatment and their adequacy computed a second time: one patient after the other, in plain Python.

It reads the common data model and the reference tables and follows docs/treatment-resistance.md, not the SQL.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import duckdb

Row = dict[str, Any]


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
        if r["record_kind"] not in ("history_trial", "reported")
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
    answers = [adequate_alone(trial, t, rule, study, ref) for t in trial.new]
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


def adequate_alone(trial: Trial, treatment: str, rule: Row, study: str, ref: Reference) -> bool | None:
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
