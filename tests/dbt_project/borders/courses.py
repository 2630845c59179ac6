"""Persons written as one line of text, and what the common data model would hold of them.

A course is facts of the person and trials of treatment, separated by semicolons:

    naive; sertraline 50 42d 20>11; venlafaxine 75 42d 20>10.1

Facts: `naive` (never treated before), `prior=N` (failed trials of the episode that the record counts), `episode=Nd`
(its length so far), `hrsd=N` (HRSD17 at entry), `stard` (a person of STAR*D, else of study x), `bipolar`, `psychotic`,
`has:CONDITION`, `not:CONDITION`, `reported DRUG DOSE DAYSd` (a trial reported as failed before the study).

A trial: treatment, dose (sessions of a psychotherapy or ECT; `-`: not recorded), days, score at its beginning and end
(`20>`: no score at the end) and, where wanted, `madrs40>22`, `s56:8` (a score of 8 on day 56 of the trial),
`end=REASON` (else no_benefit), `gap=N` (days since the trial before, else 1), `adh=0.8`, `new` (a new admission).
`+` before the treatment: the one before goes on beside it. `?`: the record names no treatment.

Every trial is a step of its own; an augmentation lies in the step of what it augments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Rows = list[tuple[Any, ...]]

TABLES = {
    "subjects": "subject_id varchar, study_id varchar, diagnosis varchar, analysis_flags varchar, treatment_naive"
    " boolean",
    "steps": "subject_id varchar, study_id varchar, step_id varchar, step_no bigint, start_day bigint, end_day bigint,"
    " arm_assigned varchar, strategy varchar, exit_reason varchar",
    "treatments": "subject_id varchar, study_id varchar, step_id varchar, treatment_id varchar, record_kind varchar,"
    " start_day bigint, end_day bigint, dose double, dose_unit varchar, adherence double, occasion bigint",
    "scales": "subject_id varchar, study_id varchar, step_id varchar, instrument_id varchar, day bigint, score_used"
    " double, occasion bigint",
    "history": "subject_id varchar, variable_id varchar, occasion bigint, value_num double",
    "conditions": "subject_id varchar, condition_id varchar, status varchar, relative varchar",
    "first_line": "subject_id varchar, study_id varchar, instrument_id varchar, baseline_hrsd17 double",
}
SCALE = {"x": "HRSD17", "stard": "QIDS_SR16"}


@dataclass
class Trial:
    """One trial as it is written."""

    treatment: str
    dose: float | None
    days: int
    first: float | None = None
    last: float | None = None
    madrs: tuple[float | None, float | None] = (None, None)
    later: list[tuple[int, float]] = field(default_factory=list)
    end: str = "no_benefit"
    gap: int = 1
    adherence: float | None = None
    anew: bool = False
    kept: bool = False

    @classmethod
    def read(cls, text: str) -> Trial:
        kept = text.startswith("+")
        name, dose, days, *rest = text.removeprefix("+").split()
        made = cls(name, None if dose == "-" else float(dose), int(days.removesuffix("d")), kept=kept)
        for word in rest:
            if word == "new":
                made.anew = True
            elif word.startswith("madrs"):
                made.madrs = _pair(word.removeprefix("madrs"))
            elif word.startswith("end="):
                made.end = word.removeprefix("end=")
            elif word.startswith("gap="):
                made.gap = int(word.removeprefix("gap="))
            elif word.startswith("adh="):
                made.adherence = float(word.removeprefix("adh="))
            elif word.startswith("s") and ":" in word:
                day, score = word[1:].split(":")
                made.later.append((int(day), float(score)))
            elif ">" in word:
                made.first, made.last = _pair(word)
            else:
                raise ValueError(f"{text!r}: {word!r} is no word of a trial")
        return made


def _pair(word: str) -> tuple[float | None, float | None]:
    first, last = word.split(">")
    return float(first) if first else None, float(last) if last else None


def rows_of(person: str, course: str, units: dict[str, str]) -> dict[str, Rows]:
    """The rows of every table of `TABLES` for one person; `units` gives the unit of each treatment's dose."""
    out: dict[str, Rows] = {name: [] for name in TABLES}
    parts = [part.strip() for part in course.split(";") if part.strip()]
    words = [p for p in parts if " " not in p or p.startswith("reported ")]
    trials = [Trial.read(p) for p in parts if p not in words]
    study = "stard" if "stard" in words else "x"
    facts = dict(w.split("=") for w in words if "=" in w)
    out["subjects"].append(
        (
            person,
            study,
            "bipolar_depression" if "bipolar" in words else "mdd",
            "psychotic" if "psychotic" in words else None,
            "naive" in words,
        )
    )
    out["first_line"].append((person, study, SCALE[study], float(facts["hrsd"]) if "hrsd" in facts else None))
    for variable, word in (("prior_failed_trials", "prior"), ("episode_duration_days", "episode")):
        if word in facts:
            out["history"].append((person, variable, 1, float(facts[word].removesuffix("d"))))
    for word in words:
        if word.startswith(("has:", "not:")):
            status = "present" if word.startswith("has") else "absent"
            out["conditions"].append((person, word[4:], status, "self"))
        elif word.startswith("reported "):
            _, drug, dose, days = word.split()
            out["treatments"].append(
                (person, study, None, drug, "history_trial", -2 - int(days[:-1]), -2, float(dose), units[drug],
                 None, 1)
            )  # fmt: skip
    _lay_out(out, person, study, trials, units)
    return out


def _lay_out(out: dict[str, Rows], person: str, study: str, trials: list[Trial], units: dict[str, str]) -> None:
    """Trials one after the other: steps, records of treatment and scores."""
    day, step, begun = -1, 0, 0
    for i, trial in enumerate(trials):
        follows = trials[i + 1] if i + 1 < len(trials) else None
        if trial.kept:
            start = day
        else:
            step += 1
            start = begun = day + trial.gap if step > 1 else 0
        end = day = start + trial.days
        here = (person, study, str(step))
        if trial.treatment != "?":
            # what is augmented goes on to the end of the step
            until = end
            for later in trials[i + 1 :]:
                if not later.kept:
                    break
                until += later.days
            out["treatments"].append(
                (*here, trial.treatment, "interval", start, until, trial.dose, units[trial.treatment], trial.adherence,
                 1)
            )  # fmt: skip
        if follows is None or not follows.kept:
            strategy = "initial" if step == 1 or trials[i].anew else "switch"
            out["steps"].append((*here, step, begun, end, None, strategy, None if trial.end == "-" else trial.end))
        scores = [(SCALE[study], *pair) for pair in ((start, trial.first), (end, trial.last)) if pair[1] is not None]
        scores += [("MADRS", *pair) for pair in ((start, trial.madrs[0]), (end, trial.madrs[1])) if pair[1] is not None]
        scores += [(SCALE[study], start + after, score) for after, score in trial.later]
        known = {row[:5] for row in out["scales"]}
        out["scales"] += [
            (*here, scale, at, score, 1) for scale, at, score in scores if (*here, scale, at) not in known
        ]
