"""One run of Aim B on a warehouse: relate treatment failure to resistance, and write `results.resistance_*`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.plan import Plan, read_plan
from analysis.report.disclosure import Counts, minimum_count
from analysis.resistance import before, later, verdict
from analysis.resistance.before import Failing
from analysis.resistance.people import CATEGORIES, DEFINITION, OTHERS, ResistanceError, read_people
from analysis.results import Stamp, stamp_of, write_result
from analysis.trajectories import Trajectories, labels
from analysis.trajectories.cohort import Cohort, specification
from analysis.trajectories.run import rule_of
from analysis.warehouse import connect

Say = Callable[[str], None]
LATER_NUMBERS = (1, 2, 3, 4, 5)
COUNT_COLUMNS = {DEFINITION: "n_failed", "possible": "n_possible", **{d: f"n_{d}" for d in OTHERS}}


@dataclass(frozen=True)
class ClassStep:
    """The class step that Aim B stands on, done before and without it: `fit` None where no model is admissible."""

    cohort: Cohort
    fit: Trajectories | None
    single: Trajectories
    labels: tuple[str, ...]
    verdict: str


@dataclass(frozen=True)
class Found:
    """What Aim B found: plain sentences, and the tables written as `results.resistance_<name>`."""

    verdicts: tuple[str, ...]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Run:
    """A run of its own."""

    run_id: str
    stamp: Stamp
    verdicts: tuple[str, ...]
    tables: dict[str, pd.DataFrame]


def analyse(
    plan: Plan, step: ClassStep, people: pd.DataFrame, *, seed: int = 1, minimum: int = 5, say: Say = lambda what: None
) -> Found:
    """Both questions on `people` (`people.schema`). Raises ResistanceError where nobody is in the class step."""
    inside = people[people["subject_id"].isin(step.single.design.persons)]
    evaluable = inside[inside["is_evaluable"]].reset_index(drop=True)
    if evaluable.empty:
        raise ResistanceError("no person of the class step is evaluable: nobody was scored on treatment at week 4")
    numbered = [g + 1 for g, name in enumerate(step.labels) if name == labels.TF]
    tables = {
        "flow": flow(people, inside, evaluable, minimum),
        "own_fall": before.without_classes(_q(plan, step), evaluable),
    }
    if step.fit is not None and numbered and len(numbered) < step.fit.k:
        failing = Failing(step.fit, tuple(numbered))
        tables |= _before(failing, evaluable, say)
        tables["part_whole"] = before.part_whole(failing, evaluable)
        said = verdict.about_trials(tables["trials"])
    else:
        said = f"{step.verdict}: whether treatment failure goes with resistance is asked of the class-free q alone."
    verdicts = [said]
    say("courses of the first trial alone, for the next one")
    spec = specification(plan, step.cohort, family="gaussian")
    scores = later.first_trial(step.cohort.frame, people.set_index("subject_id")["next_week"])
    first = later.classify(spec, scores, LATER_NUMBERS, step.cohort.mean_baseline, rule_of(plan), seed)
    if first.failing is not None:
        tables["later"] = _without_small(later.next_trial(first.failing, people), minimum)
        verdicts.append(verdict.about_next(tables["later"]))
    else:
        verdicts.append(f"{plan.labels.no_failure} in the first trial alone: failure of the next one is not compared.")
    tables["later_classes"] = pd.DataFrame(
        {"class": np.arange(1, len(first.labels) + 1), "label": list(first.labels), "why": first.why}
    )
    return Found(tuple(verdicts), {name: _apart(table, minimum) for name, table in tables.items()})


def _before(failing: Failing, people: pd.DataFrame, say: Say) -> dict[str, pd.DataFrame]:
    say("treatment failure on failed trials before admission")
    counts = {name: column for name, column in COUNT_COLUMNS.items() if people[column].notna().any()}
    trials = [before.on_trials(failing, people, column).assign(counted_by=name) for name, column in counts.items()]
    say("treatment failure on staging scores")
    return {
        "trials": pd.concat(trials, ignore_index=True).query("counted_by == @DEFINITION").reset_index(drop=True),
        "definitions": pd.concat(trials, ignore_index=True).query("quantity == 'per trial'").reset_index(drop=True),
        "reverse": before.share_with(failing, people),
        "scores": before.on_scores(failing, people),
    }


def _q(plan: Plan, step: ClassStep) -> pd.DataFrame:
    """q of each person at week 8 and at T, from the one-class model and from the chosen one."""
    week, below = float(plan.own_fall["weeks"][0]), float(plan.own_fall["below"])
    fits = {"one class": step.single} | ({} if step.fit is None else {"chosen k": step.fit})
    return pd.DataFrame(
        {
            name: fit.predict().no_fall([week, week], below, "baseline", fit.last_weeks.tolist())
            for name, fit in fits.items()
        }
    )


def flow(people: pd.DataFrame, inside: pd.DataFrame, evaluable: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Persons at each stage, and by number of failed trials, under the small-cell rule."""
    counts = Counts()
    stages = {"treated": len(people), "in the class model": len(inside), "evaluable": len(evaluable)}
    known = evaluable["n_failed"].dropna()
    stages["number of failed trials known"] = len(known)
    last = ""
    for stage, n in stages.items():
        counts.add((stage,), n)
        if last:
            counts.within((stage,), (last,))
        last = stage
    parts = []
    for j, name in enumerate(CATEGORIES):
        key = (f"adequate failed trials: {name}",)
        counts.add(key, int((before.categories(known) == j).sum()))
        parts.append(key)
    counts.total((last,), parts)
    at_risk = inside[inside["next_failed"].notna()]
    counts.add(("next trial with an outcome",), len(at_risk))
    counts.within(("next trial with an outcome",), ("in the class model",))
    counts.add(("next trial failed",), int(at_risk["next_failed"].sum()))
    counts.within(("next trial failed",), ("next trial with an outcome",))
    published = counts.protect(minimum)
    keys = [k for k in counts.values if k in published.cells]
    return pd.DataFrame(
        {
            "stage": [k[0] for k in keys],
            "n_persons": pd.array([published[k].value for k in keys], dtype="Int64"),
            "shown": [published[k].text for k in keys],
        }
    )


def _without_small(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Models with too few failed or not failed next trials are shown without estimates and counts."""
    n, bad = table["n"].to_numpy(dtype=float), table["n_failed"].to_numpy(dtype=float)
    small = np.minimum(bad, n - bad) < minimum
    found = table.copy()
    found.loc[small, ["estimate", "se", "lower", "upper", "p_value", "n", "n_failed"]] = np.nan
    return found


def _apart(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Numbers of persons a little below the largest, as complete cases are, are not shown: they would give away fewer
    than `minimum`.
    """
    found = table.copy()
    if "n" in found and len(found):
        away = found["n"].max() - found["n"]
        hidden = [c for c in ("n", "n_failed") if c in found]
        found[hidden] = found[hidden].astype(float)
        found.loc[(away > 0) & (away < minimum), hidden] = np.nan
    # the same types whatever was found, so that runs can stand in one table
    kinds = {c: "Int64" if c in _WHOLE else "string" if c in _TEXT else "float64" for c in found.columns}
    return found.astype(kinds)


_WHOLE = {"n", "n_failed", "n_persons", "class"}
_TEXT = set("model quantity at problems counted_by score scope q estimator measure stage shown label why".split())


@dataclass(frozen=True)
class Asked:
    """What is asked; None takes the plan's default. minimum: smallest count shown."""

    studies: tuple[str, ...] | None = None
    k: tuple[int, ...] | None = None
    starts: int | None = None
    seed: int = 1
    jobs: int = 1
    minimum: int | None = None


def run_resistance(database: Path, asked: Asked, say: Say = lambda what: None, *, write: bool = True) -> Run:
    """Aim B by itself, class step included, on the published file `database`. Raises CohortError, ResistanceError."""
    plan = read_plan()
    population = plan.populations["mars"]
    studies: Sequence[str] = asked.studies or tuple(population.studies)
    say("courses: number of classes by the plan")
    step = class_step(database, plan, asked, say)
    with connect(database) as warehouse:
        people = read_people(warehouse, studies)
    found = analyse(plan, step, people, seed=asked.seed, minimum=minimum_count(asked.minimum), say=say)
    stamp = stamp_of(database, seed=asked.seed, studies=step.cohort.studies)
    run_id = "_".join(["resistance", *studies])
    about = {
        "studies": ";".join(studies),
        "classes": step.verdict,
        "definition": DEFINITION,
        "verdict": " ".join(found.verdicts),
        "deviations": "; ".join(_departed(asked)),
    }
    tables = {**found.tables, "runs": pd.DataFrame([about])}
    for name, table in tables.items():
        table.insert(0, "run_id", run_id)
        if write:
            write_result(f"resistance_{name}", table, stamp=stamp, key=["run_id"], run_id=run_id, say=say)
    return Run(run_id, stamp, found.verdicts, tables)


def _departed(asked: Asked) -> list[str]:
    given = {"studies": asked.studies, "k": asked.k, "starts": asked.starts}
    return [f"{name}: {value}" for name, value in given.items() if value is not None]


def class_step(database: Path, plan: Plan, asked: Asked, say: Say) -> ClassStep:
    """The class step as `trd treatment-failure` does it for MARS: it reads through its own door."""
    from analysis.treatment_failure.door import class_door
    from analysis.treatment_failure.finding import Search, about, find, read

    with class_door(database) as door:
        cohort = read(door, plan, "mars", studies=asked.studies)
        known = about(door, cohort)
    search = Search(k=asked.k, starts=asked.starts, seed=asked.seed, jobs=asked.jobs)
    found = find(plan, {"mars": cohort}, {"mars": known}, search, say)["mars"]
    return of_classes(found)


def of_classes(found: object) -> ClassStep:
    """From `treatment_failure.section.Classes`."""
    from analysis.treatment_failure.section import Classes

    assert isinstance(found, Classes)
    return ClassStep(found.cohort, found.fit, found.single, found.labels, found.verdict)
