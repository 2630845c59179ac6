"""From a trial to another population, with the rule that refuses it (plan, aim D).

Refused where more than 20 % of the target have a probability below 0.05 of being in the trial, where the effective
sample size of the trial's persons is below 50, and where the target holds persons nobody like whom is in the trial: a
structural zero, such as treatment-naive persons and a trial of the treated. A refusal gives no number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.plan import read_plan
from analysis.weighting.covariates import fill, matrix, right_side, variables
from analysis.weighting.effects import WeightedFit, effect
from analysis.weighting.errors import WeightingError
from analysis.weighting.nodes import Node, chosen, treatment, trial
from analysis.weighting.robust import RobustFit, aipw
from analysis.weighting.weights import FittedWeights, Weights


class TransportRefused(WeightingError):
    """The trial cannot stand for the target; `verdict` says why."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__("transport refused: " + "; ".join(verdict.reasons))


@dataclass(frozen=True)
class Verdict:
    """Whether a trial can stand for a target, and by which numbers."""

    n_trial: int
    n_target: int
    share_below: float
    ess: float
    structural: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def refused(self) -> bool:
        """Whether any rule forbids it."""
        return bool(self.reasons)


def structural_zeros(frame: pd.DataFrame, member: str, formula: str) -> list[str]:
    """Levels of covariates that stand in the target and with nobody in the trial, as sentences."""
    inside = chosen(Node("selection", f"{member} ~ 1"), frame) == 1
    found = []
    for v in variables(formula, frame):
        column = frame[v]
        numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
        if numeric and column.nunique() > 10:
            values = column.to_numpy(dtype=float)
            low, high = np.nanmin(values[inside]), np.nanmax(values[inside])
            outside = (values[~inside] < low) | (values[~inside] > high)
            if outside.mean() > 0.05:
                found.append(f"{int(outside.sum())} of the target have {v} outside the trial's {low:g} to {high:g}")
            continue
        have = set(column[inside].dropna().unique().tolist())
        for level in sorted(set(column[~inside].dropna().unique().tolist()) - have, key=str):
            n = int((column[~inside] == level).sum())
            found.append(f"nobody in the trial has {v} = {level}, and {n} of the target have")
    return found


def assess(frame: pd.DataFrame, formula: str, **options: object) -> tuple[Verdict, FittedWeights | None]:
    """The rule asked of `formula`, `"in_trial ~ age + naive"`; no weights where it refuses for structural zeros."""
    rule = read_plan().aim_d["transport"]
    node = trial(formula, **options)
    inside = chosen(node, frame) == 1
    zeros = structural_zeros(frame, node.column, formula)
    if zeros:
        reasons = tuple(f"structural zero: {z}" for z in zeros)
        return Verdict(int(inside.sum()), int((~inside).sum()), float("nan"), float("nan"), tuple(zeros), reasons), None
    fitted = Weights(frame, node).fit_complete(frame)
    chance = fitted.nodes[0].factor.chance
    if chance is None:
        made = fill(frame, {"trial": right_side(formula)}, "refuse")
        matrix(made.formulas["trial"], frame, node.label)
        chance = 1 / (1 + fitted.values)
    below = float((chance[~inside] < rule["probability_below"]).mean())
    told: list[str] = []
    if below > rule["max_share_below"]:
        told.append(
            f"{100 * below:.0f} % of the target have a probability below {rule['probability_below']:g} of being in the "
            f"trial (at most {100 * rule['max_share_below']:.0f} %)"
        )
    if fitted.ess < rule["min_ess"]:
        told.append(f"effective sample size {fitted.ess:.0f} is below {rule['min_ess']}")
    found = Verdict(int(inside.sum()), int((~inside).sum()), below, fitted.ess, (), tuple(told))
    return found, fitted


def transport(
    frame: pd.DataFrame,
    member: str,
    treated: str,
    outcome: str,
    family: str = "normal",
    *,
    robust: bool = True,
    person: str | None = None,
    sampling: str | None = None,
    method: str = "logistic",
) -> RobustFit | WeightedFit:
    """Effect of a trial's treatment in the target, with errors over both weight models and the outcome model.

    member: `"in_trial ~ age + sex"`; treated: `"arm ~ 1"`, within the trial; outcome: `"remitted ~ arm * (age + sex)"`.
    robust: doubly robust; else weighted only. Raises TransportRefused.
    """
    verdict, _ = assess(frame, member, method=method)
    if verdict.refused:
        raise TransportRefused(verdict)
    node = trial(member, method=method)
    fitted = Weights(
        frame, node, treatment(treated, among=node.column, stabilised=False), person=person, sampling=sampling
    ).fit_complete(frame)
    return aipw(fitted, outcome, family) if robust else effect(fitted, outcome, family)
