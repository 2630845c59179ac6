"""Treatment failure on what came before: failed trials of the episode, and staging scores without the index trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray

from analysis.resistance.membership import standardise
from analysis.resistance.people import CATEGORIES, COVARIATES, SCORES
from analysis.trajectories import Trajectories
from analysis.trajectories.inference import InferenceError
from analysis.twostep import ClassMembership, ClassOutcome

Array = NDArray[np.float64]

CRUDE, ADJUSTED = "B0", "B1"
MODELS = {CRUDE: "crude", ADJUSTED: "given baseline, age, sex, chronicity, episodes, anxious features"}
TOP = len(CATEGORIES) - 1
COLUMNS = "model quantity at estimate se lower upper p_value n problems".split()
Z = 1.959964
FEWEST = 20
"""With fewer persons nothing is estimated."""


@dataclass(frozen=True)
class Failing:
    """The class step with its failing classes (numbered from 1), and q of each person by subject_id."""

    fit: Trajectories
    classes: tuple[int, ...]


def categories(count: pd.Series) -> pd.Series:
    """Counts as 0, 1, 2 and 3 for three or more."""
    return count.clip(upper=TOP)


def covariates_of(people: pd.DataFrame) -> list[str]:
    """Those of the adjusted model that differ between the persons at hand."""
    return [c for c in COVARIATES if people[c].notna().any() and people[c].nunique() > 1]


def on_trials(failing: Failing, people: pd.DataFrame, column: str = "n_failed") -> pd.DataFrame:
    """P(treatment failure) by number of failed trials, differences to none, and the mean change per further trial.

    One row per model and quantity: `probability` and `difference` at 0, 1, 2, ≥ 3, `per trial` with the count as a
    straight line. A model whose persons are too few or whose maximum is not there says so in `problems`.
    """
    parts = []
    for model in MODELS:
        frame, extra = _frame(people, column, model)
        count = categories(frame[column]).astype(int)
        present = [j for j in range(TOP + 1) if (count == j).any()]
        dummies = {f"n_{j}": (count == j).astype(float) for j in present[1:]}
        frame = frame.assign(**dummies, trend=count.astype(float))
        if len(frame) < FEWEST or len(present) < 2:
            parts.append(_blank(model, len(frame), "too few persons, or all with the same number"))
            continue
        parts.append(_by_category(failing, frame, list(dummies), extra, present, model))
        parts.append(_trend(failing, frame, extra, model, "per trial"))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def on_scores(failing: Failing, people: pd.DataFrame) -> pd.DataFrame:
    """P(treatment failure) per standard deviation of each staging score without the index trial; `score` names it."""
    parts = []
    for score, label in SCORES.items():
        for model in MODELS:
            frame, extra = _frame(people, f"{score}_before", model)
            value = frame[f"{score}_before"].astype(float)
            if len(frame) < FEWEST or not value.std() > 0:
                found = _blank(model, len(frame), "too few persons, or all with the same score")
            else:
                frame = frame.assign(trend=(value - value.mean()) / value.std())
                # the MSM counts severity at entry: adjusting for it would take a part of the score away
                found = _trend(failing, frame, [c for c in extra if score != "msm" or c != "baseline"], model, "per SD")
            parts.append(found.assign(score=label))
    return pd.concat(parts, ignore_index=True)[["score", *COLUMNS]]


def part_whole(failing: Failing, people: pd.DataFrame) -> pd.DataFrame:
    """Mean staging scores of the failing and the other classes, persons weighted by their probabilities. Not a test:
    the scores over all trials hold the index trial, whose course is what is classified.
    """
    p = _probability(failing).reindex(people["subject_id"]).to_numpy()
    rows = []
    for score, label in SCORES.items():
        for scope, said in (("before", "without the index trial"), ("all", "with it: part–whole, not tested")):
            value = people[f"{score}_{scope}"].to_numpy(dtype=float)
            there = np.isfinite(value) & np.isfinite(p)
            if there.sum() < FEWEST:
                continue
            failed, others = (float(np.average(value[there], weights=w[there])) for w in (p, 1 - p))
            rows.append((label, said, failed, others, failed - others, int(there.sum())))
    return pd.DataFrame(rows, columns="score scope mean_failure mean_others difference n".split())


def share_with(failing: Failing, people: pd.DataFrame) -> pd.DataFrame:
    """The other way round, cumulative: who had at least 1, 2 or 3 failed trials before, failing against other classes.

    Two-step risks of each cut, standardised over the covariates of the adjusted model: columns as `on_trials`.
    """
    parts = []
    others = [g + 1 for g in range(failing.fit.k) if g + 1 not in failing.classes]
    for model in MODELS:
        frame, extra = _frame(people, "n_failed", model)
        for cut in range(1, TOP + 1):
            frame = frame.assign(reached=(frame["n_failed"] >= cut).astype(float))
            least = min(frame["reached"].sum(), len(frame) - frame["reached"].sum())
            if least < FEWEST:
                parts.append(_blank(model, len(frame), "too few persons", at=f"≥ {cut}"))
                continue
            fit = ClassOutcome(f"reached ~ {_right(extra)}").fit(failing.fit, frame)
            said = "; ".join(map(str, fit.problems))
            try:
                table = fit.contrast(list(failing.classes), others).set_index("measure").loc[["difference"]]
            except InferenceError as error:
                parts.append(_blank(model, len(frame), said or str(error), at=f"≥ {cut}"))
                continue
            parts.append(
                table.reset_index(drop=True).assign(
                    model=model, quantity="difference in share with at least", at=f"≥ {cut}", n=fit.n, problems=said
                )
            )
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def without_classes(q: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Change of each q (columns of `q`, by subject_id) per failed trial by least squares, robust errors (HC3).

    Descriptive: q is drawn to the mean of everybody, so the change is smaller than that of the failing share.
    """
    rows = []
    for model in MODELS:
        frame, extra = _frame(people, "n_failed", model)
        for name in q.columns:
            y = q[name].reindex(frame["subject_id"]).to_numpy(dtype=float)
            there = np.isfinite(y)
            if there.sum() < FEWEST:
                continue
            x = np.column_stack([np.ones(len(frame)), categories(frame["n_failed"]), frame[extra]]).astype(float)[there]
            fit = sm.OLS(y[there], x).fit(cov_type="HC3")
            low, high = fit.conf_int()[1]
            rows.append((model, name, fit.params[1], fit.bse[1], low, high, fit.pvalues[1], int(there.sum())))
    return pd.DataFrame(rows, columns="model q estimate se lower upper p_value n".split())


def _probability(failing: Failing) -> pd.Series:
    p = failing.fit.probabilities[:, [c - 1 for c in failing.classes]].sum(axis=1)
    return pd.Series(p, index=failing.fit.design.persons)


def _frame(people: pd.DataFrame, column: str, model: str) -> tuple[pd.DataFrame, list[str]]:
    extra = covariates_of(people) if model == ADJUSTED else []
    return people.dropna(subset=[column, *extra]).reset_index(drop=True), extra


def _right(terms: Sequence[str]) -> str:
    return " + ".join(terms) or "1"


def _by_category(
    failing: Failing, frame: pd.DataFrame, dummies: list[str], extra: list[str], present: list[int], model: str
) -> pd.DataFrame:
    fit = ClassMembership("~ " + _right([*dummies, *extra])).fit(failing.fit, frame)
    said = "; ".join(map(str, fit.problems))
    changed: list[dict[str, Any]] = [{d: float(d == f"n_{j}") for d in dummies} for j in present]
    try:
        found = standardise(fit, frame, changed, failing.classes)
    except InferenceError as error:
        return _blank(model, len(frame), said or str(error))
    every = np.eye(len(present))
    tables = []
    for quantity, contrast, at in (("probability", every, present), ("difference", every[1:] - every[0], present[1:])):
        table = found.estimates(contrast).assign(quantity=quantity, at=[CATEGORIES[j] for j in at])
        tables.append(_inside(table).assign(p_value=np.nan) if quantity == "probability" else table)
    return pd.concat(tables, ignore_index=True).assign(model=model, n=len(frame), problems=said)


def _inside(table: pd.DataFrame) -> pd.DataFrame:
    """Limits of a probability on the logit scale, so that they lie between 0 and 1."""
    p = table["estimate"].clip(1e-12, 1 - 1e-12)
    logit, half = np.log(p / (1 - p)), Z * table["se"] / (p * (1 - p))
    return table.assign(lower=1 / (1 + np.exp(half - logit)), upper=1 / (1 + np.exp(-half - logit)))


def _trend(failing: Failing, frame: pd.DataFrame, extra: list[str], model: str, quantity: str) -> pd.DataFrame:
    """The mean over persons of P(failure | one more) − P(failure | own)."""
    fit = ClassMembership("~ " + _right(["trend", *extra])).fit(failing.fit, frame)
    said = "; ".join(map(str, fit.problems))
    own = frame["trend"].to_numpy()
    try:
        found = standardise(fit, frame, [{"trend": own}, {"trend": own + 1}], failing.classes)
    except InferenceError as error:
        return _blank(model, len(frame), said or str(error), quantity=quantity)
    table = found.estimates(np.array([[-1.0, 1.0]]))
    return table.assign(model=model, quantity=quantity, at="", n=len(frame), problems=said)


def _blank(model: str, n: int, problems: str, quantity: str = "", at: str = "") -> pd.DataFrame:
    row = dict.fromkeys(COLUMNS, np.nan) | {
        "model": model,
        "quantity": quantity,
        "at": at,
        "n": n,
        "problems": problems,
    }
    return pd.DataFrame([row])
