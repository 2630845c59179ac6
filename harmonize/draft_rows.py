"""A draft's rows of the tables that studies share: title, steps, arms, schedule, scales, names of drugs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harmonize.draft import FIRST_DAY, LAST_DAY, Draft
from harmonize.profile import REASON_OF
from harmonize.profile_clock import Clock
from harmonize.profile_drugs import treatment_of
from harmonize.profile_found import Moment, Score, Scores
from harmonize.profile_roles import Roles
from harmonize.reference import seed_rows
from harmonize.study_rows import TODO


def add_rows(draft: Draft) -> None:
    """The rows, each marked as drafted."""
    files = ", ".join(t.file.name for t in draft.tables)
    source = f"drafted by trd new-study from {files}"
    proof = {"source": source, "verified": "draft"}
    draft.rows["study"] = [{"title": draft.title, "setting": "", "design": "", **proof}]
    days = _days(draft)
    last = max([365, *(d + 90 for d in days)])
    draft.rows["steps"] = [
        {
            "step_id": "1",
            "step_no": "1",
            "label": "Whole study",
            "day_min": str(min([-LAST_DAY if _has_intervals(draft) else FIRST_DAY, *days])),
            "day_max": str(last),
            "baseline_from": "-14",
            "baseline_to": "7",
            "is_treatment": "true",
            "default_arm": "",
            "default_strategy": "initial",
            "default_randomised": "",
            **proof,
        }
    ]
    if days and (min(days) < FIRST_DAY or max(days) > LAST_DAY):
        draft.ask(
            "",
            f"days run from {min(days)} to {max(days)}; rows outside {FIRST_DAY} to {LAST_DAY} will be refused",
            "Correct the days",
        )
    schedule = _schedule(draft)
    if schedule:
        several = _days_of_several_labels(draft)
        draft.rows["schedule"] = [
            {
                "step_id": "1",
                "week_label": label,
                "planned_step_day": str(day),
                "day_from": str(day) if day in several else "",
                "day_to": str(day) if day in several else "",
                "contact": "clinic",
                "is_optional": "false",
                **proof,
            }
            for label, day in schedule.items()
        ]
    for table in draft.tables:
        arm = draft.roles[table.form].arm
        if arm is not None and "arms" not in draft.rows:
            draft.rows["arms"] = [
                {
                    "step_id": "1",
                    "arm_assigned": value,
                    "arm_label": arm.labels.get(value, value),
                    "strategy": "initial",
                    "randomised": "",
                    "treatments": _treatments(arm.labels.get(value, value)),
                    **proof,
                }
                for value in sorted(arm.values)
                if value not in arm.missing and value.lower() not in REASON_OF
            ]
    scales = [s for found in draft.scores.values() for s in found.found if s.own is not None]
    if scales:
        draft.rows["scales"] = [dict(s.own) for s in scales if s.own is not None]
    _drug_rows(draft, proof)
    items = [row for s in scales for row in _item_rows(s, proof)]
    if items:
        draft.rows["scale_items"] = items


def _has_intervals(draft: Draft) -> bool:
    """A drug has a first day of its own, which may lie long before the start."""
    return any(d.start is not None for r in draft.roles.values() for d in r.drugs)


def _item_rows(score: Score, proof: dict[str, str]) -> Iterable[dict[str, str]]:
    if score.own_items is None:
        return
    low, high = score.own_items
    for n, column in enumerate(score.moments[0].items, start=1):
        yield {
            "scale_id": score.instrument,
            "item_no": str(n),
            "item_id": f"{score.instrument.lower()}_{n:02d}",
            "item_name": column.description or column.delivered,
            "score_min": f"{low:g}",
            "score_max": f"{high:g}",
            "scored_in_total": "1",
            **proof,
        }


def _drug_rows(draft: Draft, proof: dict[str, str]) -> None:
    """Names of drugs that are no synonym yet: those with a strength or form beside a known one, and the unknown."""
    drugs = [(t.form, d) for t in draft.tables for d in draft.roles[t.form].drugs]
    units = {r["treatment_id"]: r["dose_unit"] for r in seed_rows("drug_synonyms")}
    rows = {}
    for form, drug in drugs:
        for name, treatment in drug.words_to_add.items():
            row = {"synonym": name, "treatment_id": treatment, "dose_unit": units[treatment], "kind": "spelling"}
            rows[name] = row | proof
        for name in drug.unknown:
            rows[name] = {"synonym": name, "treatment_id": TODO, "dose_unit": "mg_day", "kind": "", **proof}
        if drug.unknown:
            listed = ", ".join(f"{n!r} ({k})" for n, k in list(drug.unknown.items())[:8])
            draft.ask(
                form,
                f"{drug.name.delivered}: which treatments are {listed}?",
                f"Write an id of reference.treatments for todo in harmonize/mappings/{draft.study}/drug_synonyms.csv,"
                " or declare the treatment in treatments.csv beside it; until then the name is a cell issue",
            )
    if rows:
        draft.rows["drug_synonyms"] = list(rows.values())


def _treatments(label: str) -> str:
    """Treatments that an arm's name spells out, as reference.treatments calls them."""
    words = re.split(r"\s*(?:\+|&| and | und )\s*", label.strip().lower())
    found = [t for w in words if (t := treatment_of(w))]
    return ";".join(found) if len(found) == len(words) else ""


def moments_of(scores: Scores) -> list[Moment]:
    """Every time of a wide file, in order of days; the undecided last."""
    return [m for s in scores.found for m in s.moments]


def _days(draft: Draft) -> list[int]:
    days: list[int] = []
    for table in draft.tables:
        roles, scores = draft.roles[table.form], draft.scores[table.form]
        days += [m.day for m in moments_of(scores) if m.day is not None]
        if roles.clock is not None:
            days += [round(d) for d in clock_days(roles)]
    return days


def clock_days(roles: Roles) -> list[float]:
    """The days of a long file's rows, as the draft reads them."""
    clock = roles.clock
    if clock is None:
        return []
    if clock.verb == "recode":
        return [float(d) for d in clock.codes.values()]
    if clock.verb == "days_between":
        return []
    return [x * factor_of(clock) for x in clock.column.known.values()]


def factor_of(clock: Clock) -> float:
    """Days of one unit of the clock's column."""
    if clock.verb != "linear":
        return 1.0
    numerator, _, denominator = clock.args.split(";")[1].strip().partition("/")
    return float(numerator) / float(denominator or 1)


def _schedule(draft: Draft) -> dict[str, int]:
    """Labels with their planned days; empty where the days are irregular."""
    planned: dict[str, int] = {}
    for table in draft.tables:
        roles, scores = draft.roles[table.form], draft.scores[table.form]
        if not roles.repeated:
            for m in moments_of(scores):
                if m.time is not None and m.day is not None and m.day not in planned.values():
                    planned.setdefault(label_of(m), m.day)
        elif roles.clock is not None and roles.clock.verb == "recode":
            for label, day in roles.clock.codes.items():
                if int(day) not in planned.values():
                    planned.setdefault(label, int(day))
        elif (
            roles.clock is not None
            and roles.clock.verb != "days_between"
            and roles.label is not None
            and len(roles.label.values) <= 40
        ):
            rows = roles.label.text.to_frame("label").assign(day=roles.clock.column.numbers())
            medians = rows[rows["label"] != ""].groupby("label")["day"].median().dropna()
            for week, number in medians.items():
                day_planned = round(number * factor_of(roles.clock))
                if day_planned not in planned.values():
                    planned.setdefault(str(week), day_planned)
    return dict(sorted(planned.items(), key=lambda pair: pair[1]))


def _days_of_several_labels(draft: Draft) -> set[int]:
    """Days that the files call by more than one name ('Week 2', 'WEEK 2'): a visit answers by its day, not its name."""
    found: set[int] = set()
    for roles in draft.roles.values():
        if roles.clock is not None and roles.clock.verb == "recode":
            days = [int(d) for d in roles.clock.codes.values()]
            found |= {d for d in days if days.count(d) > 1}
    return found


def label_of(moment: Moment) -> str:
    """A time's label as the mapping document can hold it."""
    return re.sub(r"[.:,;{}\s]+", "_", moment.label).strip("_") or "baseline"
