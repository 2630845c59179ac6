"""Doubly robust estimators on top of fitted weights: augmented weighting (AIPW) and targeted learning (TMLE).

Right if the weights or the outcome model are right (Robins, Rotnitzky & Zhao 1994; van der Laan & Rubin 2006). The mean
under level a of the treatment is that over the target population: everybody (ATE), the focal group (ATT, ATC), or, with
a trial node, those outside the trial (Dahabreh et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.twostep.families import mean
from analysis.twostep.stack import influence_covariance
from analysis.weighting.covariates import left_side
from analysis.weighting.effects import ESTIMATED, KNOWN, WeightedFit, _line, _told, effect, measures
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.fitting import FittedNode
from analysis.weighting.weights import FittedWeights, Weights

Array = NDArray[np.float64]

EFFICIENT = "efficient influence function"
ROBUST = (EFFICIENT, ESTIMATED)


@dataclass(frozen=True)
class RobustFit:
    """Means (k,) by `levels`; influence (k, n): `efficient`, and `stacked` over weights and outcome models."""

    weights: FittedWeights
    outcome: WeightedFit
    estimator: str
    levels: tuple[dict[str, object], ...]
    values: Array
    efficient: Array
    stacked: Array
    target: str

    def _psi(self, errors: str) -> Array:
        if errors not in ROBUST:
            raise WeightingError(f"errors = {errors!r} is none of {', '.join(ROBUST)}")
        return self.efficient if errors == EFFICIENT else self.stacked

    def means(self, errors: str = ESTIMATED) -> pd.DataFrame:
        """Mean outcome of the target population under each level."""
        se = np.sqrt(np.diag(influence_covariance(self._psi(errors))))
        return pd.DataFrame(self.levels).assign(estimate=self.values, se=se, errors=errors)

    def contrast(
        self, a: int | None = None, b: int = 0, errors: tuple[str, ...] = ROBUST, level: float = 0.95
    ) -> pd.DataFrame:
        """Level `a` against `b` (rows of `means()`), columns as those of `WeightedFit.contrast`."""
        rows = []
        for at in [a] if a is not None else [i for i in range(len(self.values)) if i != b]:
            label = f"{_told(self.levels[at])} against {_told(self.levels[b])}"
            for kind in errors:
                psi = self._psi(kind)
                for measure, value, p, ratio in measures(
                    self.outcome.family, self.values[at], self.values[b], psi[at], psi[b]
                ):
                    se = float(np.sqrt(p @ p))
                    rows.append({"contrast": label, **_line(measure, value, se, ratio, level), "errors": kind})
        return pd.DataFrame(rows).assign(estimator=self.estimator, target=self.target)

    def pseudo_outcomes(self) -> Array:
        """(k, n): what each person adds to the mean under each level; sums over the target's size are `values`.

        Who is not seen adds the outcome model's mean. Averaging over those seen alone, as zEpid 0.9 does with a missing
        outcome, gives the mean of another population than the target.
        """
        v, _ = target_population(self.weights, _treatment(self.weights))
        return self.efficient * float(v.sum()) + self.values[:, None] * v

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know of weights and outcome model."""
        return self.outcome.problems


def aipw(weights: FittedWeights, formula: str, family: str = "normal") -> RobustFit:
    """Augmented inverse probability weighting; `formula` holds the treatment and what predicts the outcome."""
    return _robust(weights, formula, family, "AIPW")


def tmle(weights: FittedWeights, formula: str, family: str = "normal") -> RobustFit:
    """Targeted maximum likelihood; a `normal` outcome is scaled by its range (Gruber & van der Laan 2010)."""
    return _robust(weights, formula, family, "TMLE")


def _robust(weights: FittedWeights, formula: str, family: str, estimator: str) -> RobustFit:
    node = _treatment(weights)
    plain = unstabilised(weights)
    known = outcome_model(plain, formula, family)
    frame, n = plain.frame, len(plain.total)
    v, target = target_population(plain, node)
    total = float(v.sum())
    covered = v > 0
    y = np.zeros(n)
    y[known.rows] = known.y
    used = np.zeros(n, dtype=bool)
    used[known.rows] = True
    beta = known.influence(KNOWN)
    values, efficient, stacked = [], [], []
    levels = [{node.node.column: level} for level in node.levels]
    for g, setting in enumerate(levels):
        arm = used & (node.groups == g) & plain.kept
        need = np.flatnonzero(covered | arm)
        x = known._columns(frame.iloc[need].assign(**cast(Any, setting)))
        if not np.isfinite(x).all():
            raise WeightingError(f"a column of {formula!r} is missing in the target population; fill it")
        m, slope = np.zeros(n), np.zeros(n)
        m[need], slope[need] = mean(family, x @ known.b)
        w = np.where(arm, plain.total, 0.0)
        if estimator == "TMLE":
            mu, own, moved, g_weights = _targeted(m, y, w, v, family, x, need, known)
        else:
            mu = float(v @ m + w @ (y - m)) / total
            own = (v * (m - mu) + w * (y - m)) / total
            moved = ((v - w) * slope)[need] @ x / total
            g_weights = w * (y - m) / total
        values.append(mu)
        efficient.append(own)
        stacked.append(own + moved @ beta + plain.carry(g_weights[None])[0])
    return RobustFit(
        plain, known, estimator, tuple(levels), np.array(values), np.array(efficient), np.array(stacked), target
    )


def _targeted(
    m: Array, y: Array, w: Array, v: Array, family: str, x: Array, need: NDArray[np.intp], known: WeightedFit
) -> tuple[float, Array, Array, Array]:
    """One fluctuation per arm: logit m* = logit m + e, with e solving sum w (y - m*) = 0."""
    low, high = (0.0, 1.0) if family == "binary" else (float(known.y.min()), float(known.y.max()))
    if family == "count":
        raise WeightingError("TMLE is offered for binary and normal outcomes, not for counts; take AIPW")
    span, edge = high - low, 1e-4
    start = np.clip((m - low) / span, edge, 1 - edge)
    scaled, offset, e = (y - low) / span, logit(start), 0.0
    for _ in range(100):
        p = expit(offset + e)
        step = float(w @ (scaled - p)) / max(float(w @ (p * (1 - p))), 1e-300)
        e += float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            break
    p = expit(offset + e)
    spread = p * (1 - p)
    new = low + span * p
    total = float(v.sum())
    mu = float(v @ new) / total
    own = (v * (new - mu) + w * (y - new)) / total
    ratio = float(v @ spread) / float(w @ spread)
    # to first order e moves so that the weighted residuals stay at zero
    inside = (m - low > edge * span) & (high - m > edge * span)  # a mean at the edge stays there
    by_beta = inside * spread / (start * (1 - start)) * _slope(family, m)
    moved = (v * by_beta)[need] @ x / total - ratio * (w * by_beta)[need] @ x / total
    own = own + (ratio - 1) * w * (y - new) / total
    return mu, own, moved, ratio * w * (y - new) / total


def _slope(family: str, m: Array) -> Array:
    return m * (1 - m) if family == "binary" else np.ones_like(m)


def _treatment(weights: FittedWeights) -> FittedNode:
    found = [f for f in weights.treatments if f.levels]
    if len(found) != 1:
        raise WeightingError(f"doubly robust estimators take one treatment with levels; there are {len(found)}")
    if found[0].node.estimand not in ("ATE", "ATT", "ATC"):
        raise WeightingError(f"doubly robust estimators offer ATE, ATT and ATC, not {found[0].node.estimand}")
    return found[0]


def unstabilised(weights: FittedWeights) -> FittedWeights:
    """The same weights on the scale that counts the population: one over the probability, no numerators."""
    if not any(f.node.stabilises for f in weights.nodes):
        return weights
    if weights.raked is not None or weights.limits is not None:
        raise WeightingError("doubly robust estimators start from weights that are neither raked nor truncated")
    spec = weights.spec
    nodes = [replace(n, stabilised=False) for n in spec.nodes]
    again = Weights(
        spec.frame, *nodes, person=spec.person, sampling=spec.sampling, missing=spec.missing, study=spec.study
    )
    return again.fit_complete(weights.given if spec.missing in ("category", "complete") else weights.frame)


def outcome_model(weights: FittedWeights, formula: str, family: str) -> WeightedFit:
    """The outcome regression among those seen, weighted by sampling weights alone."""
    plain = replace(weights, values=(weights.values > 0).astype(float), raked=None, nodes=weights.nodes)
    if left_side(formula) not in weights.frame:
        raise WeightingError(f"the outcome {left_side(formula)!r} is no column of the frame")
    return effect(plain, formula, family)


def target_population(weights: FittedWeights, node: FittedNode) -> tuple[Array, str]:
    """How much each row counts in the target population, (n,), and its name."""
    v, names = weights.case.copy(), []
    for f in weights.nodes:
        if f.node.kind == "selection" and f.node.target == "rest":
            v = v * (f.groups == 0)
            names.append(f"those with {f.node.column} = 0")
    if node.node.estimand in ("ATT", "ATC"):
        focal = 1 if node.node.estimand == "ATT" else 0
        at = node.levels.index(node.node.focal) if node.node.focal is not None else focal
        v = v * (node.groups == at)
        names.append(f"those with {node.node.column} = {node.levels[at]}")
    if not v.sum() > 0:
        raise WeightingError("the target population is empty")
    return v, " and ".join(names) or "everybody in the frame"
