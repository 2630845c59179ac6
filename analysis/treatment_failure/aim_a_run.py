"""Every analysis of Aim A on a warehouse: one table of rows, each with its population, outcome and estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from analysis.trajectories import labels
from analysis.trajectories.errors import DesignError
from analysis.treatment_failure.aim_a import (
    MODELS,
    Contrast,
    formula,
    half_width,
    pooled,
    three_rows,
    three_states,
)
from analysis.treatment_failure.history import history_weights
from analysis.treatment_failure.later import later_steps
from analysis.treatment_failure.next_step import ELIGIBLE_HRSD17, SIDE_EFFECTS, NextStep, fill, read_next_step
from analysis.treatment_failure.own_fall import own_step
from analysis.treatment_failure.section import Classes, Context
from analysis.twostep import ClassOutcome, ClassStep, PersonWeights, compare, selection
from analysis.warehouse import connect

HISTORY = "gone ~ score + low_3 + low_4 + low_5 + visit + later + baseline + arm"
"""Of the weights: last seen score (straight, and whether it is so low that leaving is a finish), visit, entry, arm."""
OF_SIDE_EFFECTS = "side_effects + I(side_effects**2) + distressing"
"""Further history where a study asked for side effects; in a study that did not they are 0 for everybody."""
FEWEST = 30
"""Arms of the next step with fewer persons are one."""
CALLS = "rated ~ last + baseline"
"""Of those who finished, who was reached by the rater."""
PLANNED = ("remitted", "no_benefit", "intolerance", "completed")
"""Exits of the next step that are no drop-out; without a rating only the call is missing."""
REMITTED_QIDS = 5
CLASSES, OWN = "classes", "own fall"
Steps = dict[str, tuple[ClassStep, list[int], list[int]]]
"""By basis: the first step, and which of its classes are failure and partial response."""
POOLED, BY_VARIANCE = "pooled", "pooled, inverse variance"
"""One outcome model with study in it; beside it the mean of the studies' own estimates."""


@dataclass
class AimA:
    """What Aim A found. `rows`: one per analysis, study, estimator and model. `flow`: persons at each stage by study.
    `main`: the primary contrasts by (basis, model), pooled where two studies have one. `width`: half interval expected
    before outcomes were read, by study, in points. measured: people of the class model before anything was filled in.
    visits: of the next step.
    """

    rows: pd.DataFrame
    flow: pd.DataFrame
    main: dict[tuple[str, str], Contrast]
    width: dict[str, float]
    filled: dict[str, int]
    estimators: pd.DataFrame
    people: pd.DataFrame
    weights: dict[str, PersonWeights | None]
    measured: pd.DataFrame
    visits: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    steps: Steps = field(default_factory=dict)


def run(context: Context) -> AimA | None:
    """Aim A of the pooled trials; None where no study with a next step is landed."""
    found = context.classes.get("trials")
    if found is None:
        return None
    with connect(context.database) as warehouse:
        ahead = read_next_step(warehouse, context.plan, found.cohort.scale)
        later = later_steps(warehouse)
    here = ahead.people[ahead.people["study_id"].isin(found.cohort.studies)].reset_index(drop=True)
    if here.empty or not population(found, NextStep(here, ahead.visits))["population"].any():
        return None
    ahead = NextStep(here, ahead.visits)
    return analyse(context, found, ahead, later)


def analyse(context: Context, found: Classes, ahead: NextStep, later: pd.DataFrame) -> AimA:
    """The analyses, given the class step and the frames."""
    plan, say = context.plan, context.say
    everybody = population(found, ahead)
    flow = flow_of(everybody, found)
    inside = everybody[everybody["in_class_model"]]
    everyone, filled = fill(inside)
    people = everyone[everyone["population"]].reset_index(drop=True)
    notes: list[str] = []
    steps: Steps = {}
    tf, pr = found.numbered(labels.TF), found.numbered(labels.PR)
    if found.fit is not None and tf and pr:
        steps[CLASSES] = (three_states(ClassStep.of(found.fit), tf, pr), [1], [2])
    else:
        notes.append(
            "The classes cannot be contrasted: " + ("no class is labelled treatment failure" if not tf else
            "no class is labelled partial response") + "; the contrast of the own falls stands alone."
        )  # fmt: skip
    say("own falls: derivatives")
    steps[OWN] = (own_step(found.single, plan, float(found.single.last_weeks[0])), [1], [2])
    width = {
        str(s): 100 * half_width(steps[basis][0], pd.Index(part["subject_id"]), *steps[basis][1:])
        for basis in steps
        for s, part in people.groupby("study_id")
        if basis == next(iter(steps))
    }
    weights = {str(s): weigh(part, ahead.visits, notes, str(s)) for s, part in people.groupby("study_id")}
    if len(weights) > 1:
        weights[POOLED] = weigh(people, ahead.visits, notes, POOLED)
    rows: list[dict[str, object]] = []
    main: dict[tuple[str, str], Contrast] = {}

    def put(analysis: str, frame: pd.DataFrame, *, bases: Sequence[str] = tuple(steps), weighted: bool = True,
            outcome: str = "remitted", family: str = "binary",
            keep: bool = False, of: Steps | None = None) -> None:  # fmt: skip
        for basis in bases:
            step, a, b = (of or steps)[basis]
            per: dict[str, list[Contrast]] = {}
            for study, part in frame.groupby("study_id"):
                own = weights.get(str(study)) if weighted else None
                made = three_rows(step, part, a, b, outcome=outcome, family=family, weights=own)
                per[str(study)] = made
                rows.extend({"analysis": analysis, "basis": basis, "study": study, **c.row()} for c in made)
            one = next(iter(per.values()))
            if len(per) > 1:
                joint = weights.get(POOLED) if weighted else None
                one = three_rows(step, frame, a, b, outcome=outcome, family=family, weights=joint)
                rows.extend({"analysis": analysis, "basis": basis, "study": POOLED, **c.row()} for c in one)
            if keep:
                main.update({(basis, c.model): c for c in one})
                for i, model in enumerate(MODELS):
                    whole = pooled([made[i] for made in per.values()], model)
                    if whole is not None:
                        rows.append({"analysis": analysis, "basis": basis, "study": BY_VARIANCE, **whole.row()})

    say("Aim A: primary")
    put("primary", people, keep=True)
    put("no weights for missing exits", people, weighted=False)
    put("exit severity of the chosen class model", people.assign(exit_one=people["exit_k"]), weighted=False)
    put("missing = not remitted", people.assign(remitted=people["remitted"].fillna(0.0)), weighted=False)
    say("Aim A: secondary")
    wide = everyone[everyone["not_remitted_first"] & everyone["is_evaluable"] & everyone["entered"]].reset_index(
        drop=True
    )
    put("all non-remitters", wide, weighted=False)
    adequate = people[(people["adequate"] == "yes") & (people["weeks_on_treatment"] >= 6)]
    if len(adequate) > 30:
        put("adequate dose, 6 weeks or more", adequate, weighted=False)
    put("outcome QIDS-SR16 ≤ 5", people.assign(remitted=_at_most(people["exit_qids"], REMITTED_QIDS)), weighted=False)
    put("percentage change of HRSD17", people, outcome="change_hrsd17", family="normal", weighted=False)
    for name, kept in stard_populations(people).items():
        put(f"STAR*D {name}", people[kept], weighted=False)
    for accepts, part in people[people["study_id"] == "stard"].groupby("accepts"):
        if len(part) >= 100 and accepts != "not asked":
            put(f"STAR*D, accepts {accepts}", part, weighted=False)
    if not later.empty:
        put_later(put, steps, people, later)
    return AimA(
        rows=pd.DataFrame(rows),
        flow=flow,
        main=main,
        width=width,
        filled=filled,
        estimators=estimators(context, steps, people, weights),
        people=people,
        weights=weights,
        measured=inside,
        visits=ahead.visits,
        notes=notes,
        steps=steps,
    )


def population(found: Classes, ahead: NextStep) -> pd.DataFrame:
    """Everybody of the studies with a next step, with the flags of the population and what the class step found."""
    mine = found.persons.set_index("subject_id")
    people = ahead.people.copy()
    at = people["subject_id"]
    people["in_class_model"] = at.isin(mine.index)
    for name in ("exit_one", "exit_k", "q_one", "p_tf", "label", "baseline"):
        people[name] = at.map(mine[name])
    people["partial_fall"] = people["fall"] < 0.5
    people["not_remitted_first"] = people["exit_score"] > REMITTED_QIDS
    people["population"] = (
        people["in_class_model"] & people["is_evaluable"] & people["partial_fall"] & people["entered"]
    )
    people["remitted"] = _at_most(people["exit_hrsd17"], 7)
    return people


def _at_most(score: pd.Series, cut: float) -> pd.Series:
    return (score <= cut).astype(float).where(score.notna())


def flow_of(people: pd.DataFrame, found: Classes) -> pd.DataFrame:
    """Persons at each stage by study."""
    stages: list[tuple[str, pd.Series]] = [
        ("began the first step", pd.Series(True, index=people.index)),
        ("in the class model (a baseline and a later score)", people["in_class_model"]),
        ("evaluable (a score at 4 weeks or later on treatment)", people["is_evaluable"]),
        ("less than half of the baseline lost at exit", people["partial_fall"]),
        ("entered the next step", people["entered"]),
        ("exit HRSD17 of the next step rated", people["remitted"].notna()),
    ]
    rows, inside = [], pd.Series(True, index=people.index)
    for number, (stage, kept) in enumerate(stages):
        inside = inside & kept
        for study, part in inside.groupby(people["study_id"]):
            rows.append({"study": study, "stage_no": number, "stage": stage, "persons": int(part.sum())})
    return pd.DataFrame(rows)


def weigh(part: pd.DataFrame, visits: pd.DataFrame, notes: list[str], study: str) -> PersonWeights | None:
    """Weights for exits that were not rated: leaving by the history of the next step, times calls that were not made.

    None where all were rated, or where no weights can be had (said in `notes`).
    """
    if part["remitted"].notna().all():
        return None
    people = part.set_index("subject_id")
    left = people["remitted"].isna() & ~people["next_exit_reason"].isin(PLANNED)
    mine = at_risk(visits[visits["subject_id"].isin(people.index)], left)
    mine["baseline"] = mine["subject_id"].map(people["baseline"])
    mine["arm"] = mine["subject_id"].map(arms(people["next_arm"]))
    asked = [c for c in SIDE_EFFECTS if c in mine and mine[c].notna().any()]
    if asked:
        mine[asked] = mine[asked].fillna(0.0)
    stayed = people[~left].reset_index()
    last = visits.drop_duplicates("subject_id", keep="last").set_index("subject_id")["score"]
    stayed["last"] = stayed["subject_id"].map(last).fillna(stayed["exit_score"])
    stayed["rated"] = stayed["remitted"].notna().astype(float)
    try:
        weights = history_weights(history_of(mine), mine, (~left).astype(float))
        if stayed["rated"].all():
            return weights
        return weights * selection(CALLS, stayed)
    except DesignError as error:
        notes.append(f"{study}: no weights for missing exits, {error}")
        return None


def history_of(visits: pd.DataFrame) -> str:
    """Formula of the hazard of leaving, with those side effects that were asked for and differ between visits."""
    further = [t for t in OF_SIDE_EFFECTS.split(" + ") if _varies(visits, t.removeprefix("I(").split("**")[0])]
    return " + ".join([HISTORY, *further])


def _varies(visits: pd.DataFrame, name: str) -> bool:
    return name in visits and visits[name].nunique() > 1


def at_risk(visits: pd.DataFrame, left: pd.Series) -> pd.DataFrame:
    """Visits at which a person could have been seen for the last time: all but the last of who did not leave.

    `visits`: subject_id, score in order of time. `left`: by person. Adds visit, later, low_3 to low_5 and gone.
    """
    found = visits.copy()
    found["visit"] = found.groupby("subject_id").cumcount().clip(upper=6).astype(float)
    found["later"] = (found["visit"] > 0).astype(float)
    for cut in (3, 4, 5):
        found[f"low_{cut}"] = (found["score"] <= cut).astype(float)
    last, gone = ~found["subject_id"].duplicated(keep="last"), found["subject_id"].map(left).astype(bool)
    found["gone"] = (last & gone).astype(float)
    return found[~last | gone].reset_index(drop=True)


def arms(arm: pd.Series) -> pd.Series:
    """Arms by person, the small ones as one."""
    size = arm.map(arm.value_counts())
    return arm.where(size >= FEWEST, "others").astype(str)


def stard_populations(people: pd.DataFrame) -> dict[str, pd.Series]:
    """Who of the analysed belongs to the three STAR*D populations: 4,041 enrolled; 3,110 with entry HRSD17 of 14 or
    more; 2,876 with a visit after entry besides.
    """
    own = people["study_id"] == "stard"
    eligible = own & (people["baseline_hrsd17"] >= ELIGIBLE_HRSD17)
    return {"4,041 enrolled": own, "3,110 eligible": eligible, "2,876 evaluable": eligible & people["in_class_model"]}


def put_later(
    put: Callable[..., None],
    steps: Steps,
    people: pd.DataFrame,
    later: pd.DataFrame,
) -> None:
    """Levels after the next one, each a row of its person, errors clustered by person."""
    frame = later.merge(people.drop(columns=["remitted", "entry_hrsd17"]), on="subject_id", how="inner")
    if len(frame) < 60:
        return
    frame["person"] = frame["subject_id"]
    frame["subject_id"] = frame["person"] + "|" + frame["level"]
    frame["entry_hrsd17"] = frame["entry_hrsd17"].fillna(frame["entry_hrsd17"].mean())
    put(
        "levels 3 and 4, clustered by person",
        frame,
        weighted=False,
        of={n: (_repeated(s, frame), a, b) for n, (s, a, b) in steps.items()},
    )


def _repeated(step: ClassStep, frame: pd.DataFrame) -> ClassStep:
    """The first step with a further row for each row of `frame`; clusters are persons."""
    at = step.persons.get_indexer(pd.Index(frame["person"]))
    ids = step.persons.append(pd.Index(frame["subject_id"]))
    owners = [*step.persons, *frame["person"]]
    return replace(
        step,
        persons=ids,
        p=np.concatenate([step.p, step.p[at]]),
        slopes=np.concatenate([step.slopes, step.slopes[at]]),
        influence=np.concatenate([step.influence, np.zeros((len(step.influence), len(at)))], axis=1),
        clusters=pd.Series(owners, index=ids),
    )


def estimators(
    context: Context,
    steps: Steps,
    people: pd.DataFrame,
    weights: dict[str, PersonWeights | None],
) -> pd.DataFrame:
    """Two-step, BCH and the two biased comparators side by side, M1 and M2, in the largest study."""
    if CLASSES not in steps:
        return pd.DataFrame()
    study = people["study_id"].value_counts().index[0]
    part = people[people["study_id"] == study]
    step, tf, pr = steps[CLASSES]
    tables = []
    for model in ("M0", "M1", "M2"):
        context.say(f"Aim A: four estimators, {model}")
        spec = ClassOutcome(formula("remitted", model, part))
        found = compare(spec, step, part, tf, pr, weights.get(study), seed=context.seed)
        found = found[found["measure"] == "difference"].drop(columns="measure")
        tables.append(found.assign(study=study, model=model))
    return pd.concat(tables, ignore_index=True)
