"""Treatments where they were randomised: do they change how many fail, and are the courses of the classes the same?

Two questions, kept apart. *Contrast*: treatment in the membership of the chosen classes, by the two-step logit among
the randomised persons of the study (Bakk & Kuha 2018); the courses stay as they are, the error of classification is in
the interval. *Invariance*: nested models of the study alone, with treatment nowhere, in membership, and acting on the
courses besides (intercept, slope); if it moves the courses within classes, shares of classes do not tell all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from analysis.plan import Plan
from analysis.resistance.membership import standardise
from analysis.trajectories import GrowthMixture, Trajectories, labels
from analysis.trajectories.errors import DesignError
from analysis.trajectories.inference import InferenceError
from analysis.trajectories.run import rule_of
from analysis.treatment_failure.section import Classes
from analysis.twostep.membership import ClassMembership

FEWEST = 20
"""Persons in an arm; with fewer there is no contrast."""
STARTS = 6
WEEK = 8.0


@dataclass(frozen=True)
class Treatments:
    """contrasts: one row per randomised contrast. nested: one row per model. said: one sentence per study."""

    contrasts: pd.DataFrame
    nested: pd.DataFrame
    said: tuple[str, ...]


def treatments(plan: Plan, found: Classes, points: float, say: Callable[[str], None], seed: int = 1) -> Treatments:
    """The plan's randomised contrasts in the studies of `found`. `points`: HRSD17 points per point of the scale."""
    rows, nested, said = [], [], []
    for study, (first, second) in plan.invariance["randomised_contrasts"].items():
        people = randomised(found, study, first, second)
        if people["arm"].eq(1).sum() < FEWEST or people["arm"].eq(0).sum() < FEWEST:
            continue
        say(f"randomised treatments of {study}")
        rows.append({"study": study, "contrast": f"{first} less {second}"} | contrast(found, people))
        models = models_of(plan, found, study, people, points, seed)
        nested.append(models.assign(study=study))
        said.append(_said(plan, study, first, second, models))
    table = pd.concat(nested, ignore_index=True) if nested else pd.DataFrame()
    return Treatments(pd.DataFrame(rows), table, tuple(said))


def randomised(found: Classes, study: str, first: str, second: str) -> pd.DataFrame:
    """Randomised persons of the study in either arm, `arm` 1.0 for the first."""
    people = found.persons
    kind = people["treatment_class"].astype(object).fillna("").astype(str)
    side = np.select([[_is(k, first) for k in kind], [_is(k, second) for k in kind]], [1.0, 0.0], np.nan)
    own = people.assign(arm=side)
    inside = (own["study_id"] == study) & own["randomised"].fillna(False).astype(bool) & own["arm"].notna()
    return own[inside].reset_index(drop=True)


def contrast(found: Classes, people: pd.DataFrame) -> dict[str, object]:
    """Share of failure in both arms and its difference (points), and the difference of the mean own fall at week 8."""
    row: dict[str, object] = {"persons": f"{int(people['arm'].sum()):,} and {int((1 - people['arm']).sum()):,}"}
    failing = found.numbered(labels.TF)
    if found.fit is not None and found.fit.k > 1 and failing:
        try:
            logit = ClassMembership("~ arm").fit(found.fit, people)
            shares = standardise(logit, people, [{"arm": 1.0}, {"arm": 0.0}], failing)
            one = 100 * shares.estimates(np.array([[1.0, -1.0]]))[["estimate", "lower", "upper"]].iloc[0]
            p = shares.estimates(np.array([[1.0, -1.0]]))["p_value"].iloc[0]
            row |= {"first %": 100 * shares.value[0], "second %": 100 * shares.value[1]}
            row |= {"difference": one["estimate"], "from": one["lower"], "to": one["upper"], "p": p}
        except (DesignError, InferenceError, np.linalg.LinAlgError) as error:
            row["remark"] = str(error)
    course = found.single.predict().course([WEEK]).set_index(found.single.spec.person)["mean"]
    fall = 100 * (1 - course.reindex(people["subject_id"]).to_numpy() / people["baseline"].to_numpy())
    arms = [fall[people["arm"] == a] for a in (1.0, 0.0)]
    apart = float(arms[0].mean() - arms[1].mean())
    half = float(norm.ppf(0.975) * np.sqrt(sum(a.var(ddof=1) / len(a) for a in arms)))
    return row | {"fall": apart, "fall from": apart - half, "fall to": apart + half}


def models_of(plan: Plan, found: Classes, study: str, people: pd.DataFrame, points: float, seed: int) -> pd.DataFrame:
    """Nested models of the study alone; empty without classes. LR test against the model before."""
    if found.fit is None or found.fit.k == 1:
        return pd.DataFrame(columns=["model"])
    spec, arm = found.fit.spec, people.set_index("subject_id")["arm"]
    frame = found.cohort.frame[found.cohort.frame["subject_id"].isin(arm.index)]
    frame = frame.assign(arm=frame["subject_id"].map(arm))
    enough = frame["site"].nunique() >= plan.clusters["min_clusters"]
    alone = replace(
        spec, fixed=spec.fixed.replace(" + study_id", ""), membership="~ 1", residual="common",
        cluster=spec.cluster if enough else None,
    )  # fmt: skip
    shapes = {
        "no treatment": alone,
        "treatment in membership": replace(alone, membership="~ arm"),
        "+ treatment intercept": replace(alone, membership="~ arm", fixed=f"{alone.fixed} + arm"),
        "+ treatment × slope": replace(alone, membership="~ arm", fixed=f"{alone.fixed} + arm * log1p(week)"),
    }
    rows: list[dict[str, object]] = []
    before: Trajectories | None = None
    named: tuple[str, ...] = ()
    for name, shape in shapes.items():
        fit = _fit(shape, frame, seed)
        if fit is None:
            rows.append({"model": name, "admissible": "no solution"})
            continue
        own = tuple(fit.labels(float(fit.design.covariates["baseline"].mean()), rule_of(plan)))
        named = named or own
        changed = "; ".join(
            f"{g + 1}: {new}" for g, (old, new) in enumerate(zip(named, own, strict=True)) if old != new
        )
        apart = float("nan")
        if "arm" in shape.fixed:
            means = [fit.courses([WEEK], at={"arm": a})["mean"].to_numpy() for a in (1.0, 0.0)]
            apart = points * float(np.abs(means[0] - means[1]).max())
        rows.append(
            {
                "model": name,
                "persons": f"{fit.n:,}",
                "parameters": len(fit.phi),
                "loglik": fit.loglik,
                "bic": fit.bic,
                "LR p": _p(before, fit),
                "arms apart": apart,
                "labels": "; ".join(own),
                "labels changed": changed or "none",
                "admissible": "yes" if fit.admissible else "no",
            }
        )
        before = fit
    return pd.DataFrame(rows)


def _p(before: Trajectories | None, fit: Trajectories) -> float:
    if before is None:
        return float("nan")
    return float(chi2.sf(max(2 * (fit.loglik - before.loglik), 0.0), len(fit.phi) - len(before.phi)))


def _fit(spec: GrowthMixture, frame: pd.DataFrame, seed: int) -> Trajectories | None:
    try:
        return spec.fit(frame, starts=STARTS, max_starts=STARTS, seed=seed)
    except (DesignError, np.linalg.LinAlgError):
        return None


def _said(plan: Plan, study: str, first: str, second: str, models: pd.DataFrame) -> str:
    if "arms apart" not in models or models["arms apart"].notna().sum() == 0:
        return ""
    worst, border = float(models["arms apart"].max()), float(plan.invariance["max_difference_week_8"])
    moved = [str(x) for x in models.loc[models["labels changed"] != "none", "labels changed"]]
    same = worst < border and not moved
    return (
        f"Randomised treatment in {study} ({first} against {second}): with treatment acting on the courses their means "
        f"at week 8 differ between the arms by up to {worst:.1f} HRSD17-equivalent points within a class (border "
        f"{border:g}) and {'a label changes' if moved else 'no label changes'}; the classes "
        f"{'count' if same else 'do not count'} as the same in both arms."
    )


def _is(kind: str, wanted: str) -> bool:
    psychotherapy = kind.upper() in ("CBT", "PSYCHOTHERAPY")
    if wanted == "drug":
        return not psychotherapy and kind != ""
    return psychotherapy if wanted == "CBT" else kind == wanted
