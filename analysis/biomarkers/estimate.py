"""The effect of a score on treatment failure: weighted, standardised, with one stacked sandwich.

logit P(failure | s, x) = x'g + b s is fitted among those with a score, weighted so that they stand for the target
population. With sd the score's weighted standard deviation there, the estimand is the mean over the target of
P(failure | s + sd, x) - P(failure | s, x): the difference in P(failure) per SD. Beside it the marginal odds ratio of
the same two means, and the adjusted (conditional) odds ratio exp(b sd). The two odds ratios are different quantities:
the odds ratio is not collapsible, so they never stand as before and after anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from formulaic import Formula
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from analysis.biomarkers.evidence import Evidence
from analysis.trajectories.bases import CONTEXT
from analysis.trajectories.design import plain
from analysis.trajectories.inference import InferenceError
from analysis.twostep.stack import influence_covariance, spread, union
from analysis.weighting.covariates import inverse, numbers, right_side, variables
from analysis.weighting.effects import _independent
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.weights import FittedWeights

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

DIFFERENCE, MARGINAL, ADJUSTED, RISK = (
    "difference in P per SD", "marginal odds ratio per SD", "adjusted odds ratio per SD", "mean P",
)  # fmt: skip
RATIOS = (MARGINAL, ADJUSTED)
ITERATIONS, TOLERANCE = 200, 1e-12
MOST_EXPLAINED = 0.8
"""More of the score's variance explained by what is adjusted for is a grave problem."""


@dataclass(frozen=True)
class ScoreFit:
    """`gamma` (p,): logits of the columns `names`, the score's (divided by `unit`) at place 1. `rows` (m,): used, in
    the frame of the weights; `at` (m,): the same persons among those of the evidence.
    """

    weights: FittedWeights
    evidence: Evidence
    names: tuple[str, ...]
    x: Array
    score: Array
    rows: Indices
    at: Indices
    gamma: Array
    hessian: Array
    unit: float
    said: tuple[Problem, ...]

    @property
    def n(self) -> int:
        """Persons with score, outcome and weight."""
        return len(self.rows)

    @property
    def w(self) -> Array:
        """(m,): their weights."""
        return self.weights.total[self.rows]

    # -- the stack -------------------------------------------------------------------------------------------------

    @cached_property
    def persons(self) -> pd.Index:
        """Everybody who takes part in some step."""
        return union([self.weights.persons, self.evidence.persons])

    def _home(self, influence: Array) -> Array:
        """(k, frame of the weights) at their places among `persons`."""
        return spread(influence, np.arange(influence.shape[1]), len(self.persons))

    @cached_property
    def _class_step(self) -> Array:
        """(free, persons): influence of the class model."""
        places = np.asarray(self.persons.get_indexer(self.evidence.persons), dtype=np.intp)
        return spread(self.evidence.influence, places, len(self.persons))

    def _own(self, terms: Array) -> Array:
        """`terms` (k, m) of the rows used at their places in the frame of the weights, (k, n)."""
        found = np.zeros((len(terms), len(self.weights.total)))
        found[:, self.rows] = terms
        return found

    def _stacked(self, terms: Array, known: bool) -> Array:
        """Sums of weighted `terms` (k, m) as influence over `persons`; what the weights add unless `known`."""
        own = self._own(terms)
        return self._home(own if known else own + self.weights.carry(own))

    @cached_property
    def bread(self) -> Array:
        """Inverse of the observed information. Raises InferenceError where it is not positive definite."""
        if not float(np.linalg.eigvalsh(self.hessian)[0]) > 0:
            raise InferenceError("the information of the score's model is not positive definite: no errors can be had")
        return inverse(self.hessian)

    def influence(self, weights_known: bool = False, classes_known: bool = False) -> dict[str, Array]:
        """By measure the influence (persons,) of the difference, the logarithms of the odds ratios, the mean P."""
        w, x, total = self.w, self.x, float(self.w.sum())
        eta = x @ self.gamma
        p = expit(eta)
        r, curve = self.evidence.posterior(eta, self.at)
        psi = self._stacked((w * (r - p)) * x.T, weights_known)
        if not classes_known and self.evidence.slopes.shape[1]:
            psi = psi + (x.T * (w * curve)) @ self.evidence.slopes[self.at] @ self._class_step
        of_gamma = self.bread @ psi
        centre = float(w @ self.score) / total
        deviation = (self.score - centre) ** 2
        variance = float(w @ deviation) / total
        of_variance = self._stacked((w * (deviation - variance) / total)[None], weights_known)[0]
        sd = float(np.sqrt(variance))
        of_sd = of_variance / (2 * sd)
        moved = self._shifted(sd)
        q = expit(moved @ self.gamma)
        found = []
        for chance, columns, step in ((p, x, 0.0), (q, moved, 1.0)):
            mean = float(w @ chance) / total
            slope = w * chance * (1 - chance) / total
            psi_mean = self._stacked((w * (chance - mean) / total)[None], weights_known)[0]
            psi_mean = psi_mean + (slope @ columns) @ of_gamma
            psi_mean = psi_mean + step * float(slope.sum()) * self.gamma[1] / self.unit * of_sd
            found.append((mean, psi_mean))
        (low, of_low), (high, of_high) = found
        return {
            DIFFERENCE: of_high - of_low,
            MARGINAL: of_high / (high * (1 - high)) - of_low / (low * (1 - low)),
            ADJUSTED: (of_gamma[1] * sd + self.gamma[1] * of_sd) / self.unit,
            RISK: of_low,
        }

    # -- estimates -------------------------------------------------------------------------------------------------

    @cached_property
    def sd(self) -> float:
        """Weighted standard deviation of the score."""
        centre = np.average(self.score, weights=self.w)
        return float(np.sqrt(np.average((self.score - centre) ** 2, weights=self.w)))

    def _shifted(self, by: float) -> Array:
        moved = self.x.copy()
        moved[:, 1] += by / self.unit
        return moved

    @cached_property
    def values(self) -> dict[str, float]:
        """Estimates by measure."""
        w = self.w / self.w.sum()
        low, high = float(w @ expit(self.x @ self.gamma)), float(w @ expit(self._shifted(self.sd) @ self.gamma))
        return {
            DIFFERENCE: high - low,
            MARGINAL: high / (1 - high) / (low / (1 - low)),
            ADJUSTED: float(np.exp(self.gamma[1] * self.sd / self.unit)),
            RISK: low,
        }

    def table(
        self, clusters: pd.Series | None = None, level: float = 0.95, weights_known: bool = False
    ) -> pd.DataFrame:
        """`measure`, `estimate`, `se` (of ratios: of the logarithm), `lower`, `upper`, `p_value`."""
        rows = []
        width = float(norm.ppf(0.5 + level / 2))
        for measure, psi in self.influence(weights_known).items():
            if clusters is None:
                se = float(np.sqrt(psi @ psi))
            else:
                se = float(np.sqrt(influence_covariance(psi[None], clusters.reindex(self.persons))[0, 0]))
            value = self.values[measure]
            ratio = measure in RATIOS
            centre = np.log(value) if ratio else value
            low, high = centre - width * se, centre + width * se
            low, high = (np.exp(low), np.exp(high)) if ratio else (low, high)
            p = 2 * norm.sf(abs(centre) / se) if measure != RISK else np.nan
            rows.append(
                {"measure": measure, "estimate": value, "se": se, "lower": low, "upper": high, "p_value": float(p)}
            )
        return pd.DataFrame(rows)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know of weights and model."""
        return (*self.weights.problems, *self.said)


def score_effect(
    weights: FittedWeights, evidence: Evidence, score: str, formula: str = "~ 1", start: Array | None = None
) -> ScoreFit:
    """Fit the score's model; `score` is a column of the weights' frame, `formula` the covariates adjusted for.

    Raises WeightingError for a score that does not vary, covariates missing where there is a score, and where nobody
    has score, outcome and weight.
    """
    frame = weights.frame
    if score not in frame.columns:
        raise WeightingError(
            f"the score {score!r} is no column of the frame; it has {', '.join(map(str, frame.columns))}"
        )
    values = numbers(frame[score])
    at = np.asarray(evidence.persons.get_indexer(weights.persons), dtype=np.intp)
    used = weights.kept & np.isfinite(values) & (at >= 0)
    if not used.any():
        raise WeightingError(f"nobody has a weight, a value of {score} and an outcome")
    rows = np.flatnonzero(used)
    s = values[rows]
    unit = float(s.std())
    if not unit > 0:
        raise WeightingError(f"the score {score} is {s[0]:g} for everybody: it has no effect that could be estimated")
    said = []
    without = int((weights.kept & np.isfinite(values) & (at < 0)).sum())
    if without:
        said.append(Problem("outcome", f"{without} weighted persons have no outcome", "they are left out", grave=False))
    unscored = int((weights.kept & ~np.isfinite(values)).sum())
    if unscored:
        said.append(
            Problem("score", f"{unscored} weighted persons have no score", "weight for having one", grave=False)
        )
    x, names, dropped = _columns(frame.iloc[rows], formula, s / unit, weights.total[rows])
    said += [Problem("covariates", f"column {n} says nothing: left out", "simplify", grave=False) for n in dropped]
    share = _explained(x, weights.total[rows])
    if share > MOST_EXPLAINED:
        what = f"what is adjusted for explains {100 * share:.0f} % of the score: little of it is left"
        remedy = "leave the score's variants out of the components (more variants of the genome), or adjust for less"
        said.append(Problem("covariates", what, remedy))
    gamma, hessian, converged = _fit(evidence, at[rows], x, weights.total[rows], start)
    if not converged:
        remedy = "take fewer covariates; the classes tell too little apart"
        said.append(Problem("the score's model", "did not converge", remedy))
    return ScoreFit(weights, evidence, names, x, s, rows, at[rows], gamma, hessian, unit, tuple(said))


def _explained(x: Array, w: Array) -> float:
    """Share of the variance of the score (column 1) that the other columns explain."""
    if x.shape[1] < 3:
        return 0.0
    root = np.sqrt(w)
    others = np.delete(x, 1, axis=1) * root[:, None]
    s = (x[:, 1] - np.average(x[:, 1], weights=w)) * root
    fitted = others @ np.linalg.lstsq(others, s, rcond=None)[0]
    return float(fitted @ fitted) / max(float(s @ s), 1e-300)


def _columns(frame: pd.DataFrame, formula: str, s: Array, w: Array) -> tuple[Array, tuple[str, ...], list[str]]:
    """Intercept, score, covariates."""
    needed = variables(formula, frame)
    gaps = [c for c in needed if frame[c].isna().any()]
    if gaps:
        raise WeightingError(
            f"covariate {gaps[0]} is missing for {int(frame[gaps[0]].isna().sum())} persons with a score; fill it "
            "(missing='category' or 'impute') or leave it out"
        )
    data = plain(frame[needed].reset_index(drop=True)) if needed else pd.DataFrame(index=range(len(frame)))
    made = Formula(right_side(formula)).get_model_matrix(data, context=CONTEXT)
    names = [str(c) for c in made.model_spec.column_names]
    others = np.asarray(made, dtype=float)[:, [j for j, n in enumerate(names) if n != "Intercept"]]
    size = others.std(axis=0)
    scaled = (others - others.mean(axis=0)) / np.where(size > 0, size, 1.0)
    x = np.column_stack([np.ones(len(s)), s, scaled])
    return _independent(x, ("Intercept", "score", *(n for n in names if n != "Intercept")), w)


def _fit(evidence: Evidence, at: Indices, x: Array, w: Array, start: Array | None) -> tuple[Array, Array, bool]:
    """Newton's method with halved steps; where the information is not definite, a step of the EM algorithm."""
    gamma = np.zeros(x.shape[1]) if start is None else start.copy()
    if start is None:
        share = float(np.average(evidence.marginal[at], weights=w))
        gamma[0] = np.log(share / (1 - share)) if 0 < share < 1 else 0.0
    value, converged = -np.inf, False
    total = float(w.sum())
    hessian = np.eye(x.shape[1])
    for _ in range(ITERATIONS):
        eta = x @ gamma
        p = expit(eta)
        r, curve = evidence.posterior(eta, at)
        value = float(w @ evidence.loglik(eta, at))
        gradient = (w * (r - p)) @ x
        complete = (x * (w * p * (1 - p))[:, None]).T @ x
        hessian = complete - (x * (w * curve)[:, None]).T @ x
        definite = float(np.linalg.eigvalsh(hessian)[0]) > 1e-9 * total
        step = np.linalg.solve(hessian if definite else complete + 1e-9 * total * np.eye(len(gamma)), gradient)
        if definite and float(gradient @ step) < TOLERANCE * total:
            return gamma + step, hessian, True
        length = min(1.0, 2.0 / float(np.abs(step).max()))
        for _ in range(40):
            if float(w @ evidence.loglik(x @ (gamma + length * step), at)) >= value - 1e-12 * abs(value):
                break
            length /= 2
        gamma = gamma + length * step
        if float(np.abs(gamma).max()) > 40:
            break
    return gamma, hessian, converged
