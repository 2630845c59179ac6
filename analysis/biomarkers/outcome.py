"""The outcome of aim D: the latent failure class (two-step), the own latent fall q, or a definition met at exit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from analysis.biomarkers import evidence
from analysis.biomarkers.evidence import Evidence
from analysis.plan import BaselineChange, Plan, with_baseline_change
from analysis.trajectories import Trajectories, labels
from analysis.trajectories.cohort import CohortError, read_cohort, specification
from analysis.warehouse import Warehouse

SAME_LOGLIK = 0.05
"""A refit that ends further from the stored log-likelihood is another solution."""
FEW_STARTS = 8
TF, Q = "tf", "q"


@dataclass(frozen=True)
class Outcome:
    """`evidence` of the persons; `fit` and `classes` where it is latent; `text` says what it is."""

    name: str
    text: str
    evidence: Evidence
    fit: Trajectories | None = None
    classes: tuple[int, ...] = ()

    @property
    def latent(self) -> bool:
        """Whether it is only probable."""
        return self.fit is not None


def read_outcome(warehouse: Warehouse, plan: Plan, name: str, studies: tuple[str, ...], run_id: str | None) -> Outcome:
    """The outcome `name`: `tf`, `q`, or a definition of `marts.outcomes` at the exit of the first treatment.

    Raises CohortError where there is no class model, no failure class, or no such definition.
    """
    if name in (TF, Q):
        run = _run_of(warehouse, studies, run_id)
        if name == Q:
            persons = warehouse.frame(
                "select subject_id, q from results.trajectory_persons where run_id = :run", run=str(run["run_id"])
            )
            shares = evidence.shares(persons.set_index("subject_id")["q"])
            return Outcome(
                name, "P(own latent fall below 25 % at week 8 and the last week), as if it were seen", shares
            )
        return _latent(warehouse, plan, run)
    found = warehouse.frame(
        "select outcomes.subject_id, outcomes.verdict from marts.outcomes as outcomes"
        " inner join marts.first_line as first"
        " on outcomes.subject_id = first.subject_id and outcomes.step_id = first.step_id"
        " where outcomes.definition_id = :name and outcomes.instrument_id = first.instrument_id"
        f" and outcomes.study_id in ({', '.join(f':s{i}' for i in range(len(studies)))})",
        name=name, **{f"s{i}": s for i, s in enumerate(studies)},
    )  # fmt: skip
    if found.empty:
        known = warehouse.frame("select distinct definition_id from marts.outcomes order by 1")["definition_id"]
        raise CohortError(
            f"no outcome {name!r} for {', '.join(studies)}; there are {TF}, {Q} and {', '.join(map(str, known))}"
        )
    verdict = found.set_index("subject_id")["verdict"].map({"met": 1.0, "not_met": 0.0}).astype(float)
    return Outcome(name, f"{name} at the exit of the first treatment", evidence.seen(verdict))


def _run_of(warehouse: Warehouse, studies: tuple[str, ...], run_id: str | None) -> pd.Series:
    if "results.trajectory_runs" not in warehouse.columns:
        raise CohortError("there are no latent courses yet: run trd trajectories first")
    runs = warehouse.frame("select * from results.trajectory_runs order by run_id")
    if run_id is not None:
        runs = runs[runs["run_id"] == run_id]
    else:
        runs = runs[[set(studies) <= set(str(s).split(";")) for s in runs["studies"]]]
        if "is_primary" in runs and len(runs) > 1:
            runs = runs.sort_values("is_primary", ascending=False, kind="stable")
    if runs.empty:
        raise CohortError(f"no run of trd trajectories holds {', '.join(studies)}: run it for them, or name --run")
    return runs.iloc[0]


def _latent(warehouse: Warehouse, plan: Plan, run: pd.Series) -> Outcome:
    name = str(run["run_id"])
    if pd.isna(run["k"]):
        raise CohortError(f"run {name} of the class step chose no number of classes: {run['verdict']}")
    classes = warehouse.frame("select * from results.trajectory_classes where run_id = :run", run=name)
    failing = sorted(int(c) for c in classes.loc[classes["label"] == labels.TF, "class"])
    if not failing:
        raise CohortError(
            f"run {name} of the class step found no TF class ({run['verdict']}): there is no failure to relate to a "
            "score. Take the outcome q, or a definition such as nonresponse_lt25"
        )
    fit = refit_run(warehouse, plan, run)
    text = f"latent treatment failure of run {name} ({run['k']} classes, {run['family']}): class error by two-step"
    return Outcome(TF, text, evidence.two_step(fit, failing), fit, tuple(failing))


def refit_run(warehouse: Warehouse, plan: Plan, run: pd.Series) -> Trajectories:
    """The class model of a stored run once more; it must end where the stored one did. Raises CohortError."""
    name = str(run["run_id"])
    population = next((p for p in plan.populations if name == p or name.startswith(f"{p}_")), None)
    if population is None:
        raise CohortError(f"run {name} of the class step belongs to no population of the plan")
    studies = tuple(str(run["studies"]).split(";"))
    cohort = read_cohort(warehouse, plan, population, view=str(run["view"]), studies=studies, scale=str(run["scale"]))
    how = str(run.get("baseline_change", "equal"))  # runs of plan 1.0.0 do not name it
    plan = with_baseline_change(plan, cast(BaselineChange, how))
    spec = replace(specification(plan, cohort, family=str(run["family"])), k=int(run["k"]))
    stored = warehouse.frame(
        "select loglik from results.trajectory_models where run_id = :run and k = :k and family = :family",
        run=name, k=int(run["k"]), family=str(run["family"]),
    )["loglik"]  # fmt: skip
    # the value to be reached is known, so that a few starts do as a rule
    for starts, most in ((FEW_STARTS, FEW_STARTS), (plan.search.starts, plan.search.max_starts)):
        fit = spec.fit(cohort.frame, starts=starts, max_starts=most, seed=int(run["seed"]))
        if not stored.empty and np.isclose(float(stored.iloc[0]), fit.loglik, atol=SAME_LOGLIK, rtol=0):
            break
    else:
        raise CohortError(
            f"the class model of run {name} could not be found again (log-likelihood {fit.loglik:.2f}, stored "
            f"{'none' if stored.empty else format(float(stored.iloc[0]), '.2f')}): run trd trajectories again"
        )
    return fit
