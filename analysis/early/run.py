"""One run of Aim C on a warehouse: predict in every validation, judge, and write `results.early_*`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from analysis.early import flow, judge, subgroups
from analysis.early.course import CLASSES, STARTS
from analysis.early.folds import Split, blank, cross_validation, external, leave_one_study_out, predict_split, told
from analysis.early.landmark import cut
from analysis.early.material import NEXT_FAILURE, NONRESPONSE, EarlyError, Material, read_material
from analysis.early.verdict import verdict
from analysis.plan import Plan, read_plan
from analysis.report.disclosure import minimum_count
from analysis.results import Stamp, stamp_of, write_result
from analysis.trajectories.threads import one_thread
from analysis.warehouse import connect

Say = Callable[[str], None]
Array = NDArray[np.float64]
FOLDS, BOOTSTRAPS = 5, 500
TARGETS = (NONRESPONSE, NEXT_FAILURE)


@dataclass(frozen=True)
class Asked:
    """What is asked; None takes the plan's default. studies: trained and validated on; transport: only tested on.

    bootstraps: draws of persons behind the intervals, 0 for none. minimum: smallest count shown.
    """

    studies: tuple[str, ...] | None = None
    transport: tuple[str, ...] | None = None
    landmarks: tuple[float, ...] | None = None
    folds: int = FOLDS
    bootstraps: int = BOOTSTRAPS
    seed: int = 1
    jobs: int = 1
    minimum: int | None = None


@dataclass(frozen=True)
class Run:
    """What a run found. `tables` are written as `results.early_<name>`; `seconds` by part."""

    run_id: str
    stamp: Stamp
    verdicts: tuple[str, ...]
    deviations: tuple[str, ...]
    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float] = field(default_factory=dict)


def run_early(database: Path, asked: Asked, say: Say = lambda what: None, *, write: bool = True) -> Run:
    """Aim C on the published file `database`. Raises EarlyError where the data cannot carry it."""
    plan = read_plan()
    studies = asked.studies or tuple(plan.populations["trials"].studies)
    planned = tuple(s for s in plan.populations["mars"].studies if s not in studies)
    transport = planned if asked.transport is None else asked.transport
    if set(studies) & set(transport):
        raise EarlyError(
            f"{', '.join(set(studies) & set(transport))} cannot be trained on and be the external test too"
        )
    say("persons, scores, pairs")
    with connect(database) as warehouse:
        material = read_material(warehouse, [*studies, *transport])
    present = [s for s in studies if s in material.studies]
    if not present:
        raise EarlyError(f"no person of {', '.join(studies)} in this warehouse: land one of these studies and build")
    elsewhere = [s for s in transport if s in material.studies]
    stamp = stamp_of(database, seed=asked.seed, studies=material.studies)
    landmarks = asked.landmarks or tuple(float(w) for w in plan.aim_c["landmarks"])
    started = perf_counter()
    predictions, about = predict_all(material, present, elsewhere, landmarks, asked, say)
    seconds = {"models": perf_counter() - started}
    started = perf_counter()
    say(f"intervals: {asked.bootstraps} draws of persons")
    tables = tabulate(material, predictions, landmarks, asked)
    seconds["intervals"] = perf_counter() - started
    tables["folds"] = pd.DataFrame(about)
    verdicts = tuple(verdict(tables["performance"], week, name) for name in TARGETS for week in landmarks)
    departed = _departed(plan, asked)
    tables["runs"] = pd.DataFrame(
        [
            {
                "studies": ";".join(present),
                "transport": ";".join(elsewhere),
                "landmarks": ";".join(f"{w:g}" for w in landmarks),
                "folds": asked.folds,
                "bootstraps": asked.bootstraps,
                "verdict": " ".join(verdicts),
                "deviations": "; ".join(departed),
                "seconds_models": seconds["models"],
                "seconds_intervals": seconds["intervals"],
            }
        ]
    )
    run_id = "_".join(["early", *present])
    tables = {name: _keyed(t, run_id) for name, t in tables.items()}
    if write:
        for name, table in tables.items():
            write_result(f"early_{name}", table, stamp=stamp, key=["run_id"], run_id=run_id, say=say)
    return Run(run_id, stamp, verdicts, tuple(departed), tables, seconds)


def predict_all(
    material: Material,
    present: Sequence[str],
    elsewhere: Sequence[str],
    landmarks: Sequence[float],
    asked: Asked,
    say: Say,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Predictions of every split: folds of `present`, each of them left out, and `elsewhere` from all of them."""
    study = material.persons["study_id"]
    own = material.of(pd.Index(material.persons.loc[study.isin(present), "subject_id"]))
    splits = [(own, s) for s in cross_validation(own, asked.folds, asked.seed)]
    splits += [(own, s) for s in leave_one_study_out(own)]
    if elsewhere:
        splits.append((material, external(material, present, elsewhere)))
    jobs = min(asked.jobs, len(splits))
    inner = say if jobs == 1 else (lambda what: None)
    work = (delayed(_split)(m, s, tuple(landmarks), asked.seed, inner) for m, s in splits)
    parts: list[pd.DataFrame] = []
    about: list[dict[str, Any]] = []
    for done, (found, said) in enumerate(Parallel(n_jobs=jobs, return_as="generator")(work), start=1):
        parts.append(found)
        about.append(said)
        say(f"{done} of {len(splits)} fits of everything done ({said['kind']}, {said['split']})")
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True), about


def _split(material: Material, split: Split, landmarks: tuple[float, ...], seed: int, say: Say) -> Any:
    """Predictions of a split; none where its training persons carry no link, with the reason."""
    with one_thread():
        try:
            return predict_split(material, split, landmarks=landmarks, targets=TARGETS, seed=seed, say=say)
        except EarlyError as error:
            return blank(), told(split) | {"k": 0, "why": str(error), "link_persons": 0, "link_pairs": 0}


def tabulate(
    material: Material, predictions: pd.DataFrame, landmarks: Sequence[float], asked: Asked
) -> dict[str, pd.DataFrame]:
    """Tables of all validations. Raises EarlyError where no end could be predicted."""
    minimum = minimum_count(asked.minimum)
    rows = judge.validations(predictions)
    if rows.empty:
        raise EarlyError("too few persons in treatment at a landmark have a known end: no prediction can be judged")
    work = (
        delayed(_judged)(dict(zip(judge.GROUP, key, strict=True)), wide, weight, material.persons, asked, minimum)
        for key, wide, weight in judge.groups(rows, asked.bootstraps, asked.seed)
    )
    found: dict[str, list[pd.DataFrame]] = {}
    for parts in Parallel(n_jobs=asked.jobs)(work):
        for name, table in parts.items():
            found.setdefault(name, []).append(table)
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    # numbers of one validation and of its parts give each other, so they are shown together or not at all
    result = tables["performance"]
    secret = result["n"].isna().groupby([result["landmark"], result["target"]]).transform("any")
    result.loc[secret, ["n", "events"]] = pd.NA
    tables["flow"] = flow.table(material, landmarks, TARGETS, minimum)
    return tables


def _judged(
    named: dict[str, Any], wide: pd.DataFrame, weight: Array, persons: pd.DataFrame, asked: Asked, minimum: int
) -> dict[str, pd.DataFrame]:
    """Tables of one validation, landmark and target (`named`), with these as first columns."""
    with one_thread():
        end = persons.set_index("subject_id")["end_day"]
        weeks = (end - cut(float(named["landmark"]))).clip(lower=0) / 7
        parts = {
            "performance": judge.performance(wide, weight, minimum),
            "net_benefit": judge.net_benefit(wide, weight, minimum),
            "calibration": judge.calibration(wide, minimum),
        }
        if named["target"] == NONRESPONSE:
            parts["referral"] = judge.referrals(wide, weeks, weight, minimum)
        if named["kind"] == "cross-validation":
            parts["subgroups"] = subgroups.table(wide, persons, asked.bootstraps, asked.seed, minimum)
    for table in parts.values():
        for place, (column, value) in enumerate(named.items()):
            table.insert(place, column, value)
    return parts


def _departed(plan: Plan, asked: Asked) -> list[str]:
    lines = [
        "study stands neither in membership, intercept nor residual: a prediction must be possible in an unknown study",
        f"within a fold up to {CLASSES[-1]} classes from {STARTS} starts, Gaussian family",
        "all studies on linked HRSD17-equivalents, the link fitted in the fold",
    ]
    if asked.studies is not None and list(asked.studies) != plan.populations["trials"].studies:
        lines.append(f"studies: {', '.join(asked.studies)}")
    if asked.landmarks is not None and list(asked.landmarks) != plan.aim_c["landmarks"]:
        lines.append(f"landmarks: {', '.join(f'{w:g}' for w in asked.landmarks)}")
    return lines


def _keyed(table: pd.DataFrame, run_id: str) -> pd.DataFrame:
    found = table.copy()
    found.insert(0, "run_id", run_id)
    return found
