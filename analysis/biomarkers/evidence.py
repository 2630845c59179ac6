"""What is known of the outcome of a person: seen, fixed, or only probable by the class model (two-step).

Step one holds the densities of the scores in the classes. For treatment failure against all else, l_i = log f(y_i |
failure) - log f(y_i | not) is all that step two needs of them (Bakk & Kuha 2018): with prior odds exp(eta_i) the
posterior is expit(eta_i + l_i), and the score of the logits is that posterior less expit(eta_i). A seen outcome is the
same with l_i infinite. Classes within failure, and within the rest, keep the proportions of step one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from analysis.trajectories import Trajectories
from analysis.trajectories.errors import DesignError
from analysis.twostep.stack import ClassStep
from analysis.weighting.covariates import numbers

Array = NDArray[np.float64]

TWO_STEP, SEEN, PROBABILITY = "two-step", "seen", "probability (attenuated)"


@dataclass(frozen=True)
class Evidence:
    """Of `persons` (n,): `ratio` (n,) is l_i (two-step) or the outcome itself, 0 to 1. `slopes` (n, free) of l_i by the
    parameters of the class model, `influence` (free, n) of these. `marginal` (n,): P(failure), for raking and tables.
    """

    kind: str
    persons: pd.Index
    ratio: Array
    marginal: Array
    slopes: Array
    influence: Array

    def posterior(self, eta: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        """Expected outcome of `rows` at the linear predictors `eta`, and its slope in eta."""
        if self.kind != TWO_STEP:
            value = self.ratio[rows]
            return value, np.zeros_like(value)
        value = expit(eta + self.ratio[rows])
        return value, value * (1 - value)

    def loglik(self, eta: Array, rows: NDArray[np.intp]) -> Array:
        """Log-likelihood of `rows`, up to a constant."""
        if self.kind != TWO_STEP:
            return self.ratio[rows] * eta - np.logaddexp(0, eta)
        return np.logaddexp(0, eta + self.ratio[rows]) - np.logaddexp(0, eta)

    @property
    def certainty(self) -> float:
        """Mean of the larger of P and 1 - P; 1 for a seen outcome."""
        return float(np.maximum(self.marginal, 1 - self.marginal).mean())


def two_step(fit: Trajectories, classes: Sequence[int]) -> Evidence:
    """Of belonging to `classes` (numbered from 1). Raises DesignError where they are none or all of the classes."""
    inside = np.zeros(fit.k, dtype=bool)
    inside[[c - 1 for c in classes]] = True
    if inside.all() or not inside.any():
        raise DesignError(f"{len(classes)} of {fit.k} classes are the outcome: there is nothing to tell apart")
    step = ClassStep.of(fit)
    joint, prior, p = fit.solution.log_joint, fit.prior.T, step.p.T
    ratio = _group(joint, prior, inside) - _group(joint, prior, ~inside)
    slopes = _slope(step.slopes, p, inside) - _slope(step.slopes, p, ~inside)
    z = fit.design.panel.membership
    width, logits = len(z), fit.design.st.free["logits"]
    # of the classes' priors: within the group less everybody's part cancels between the groups
    share = [prior[g] * inside[g] / prior[inside].sum(axis=0) - prior[g] * ~inside[g] / prior[~inside].sum(axis=0)
             for g in range(fit.k - 1)]  # fmt: skip
    for g, own in enumerate(share):
        at = logits.start + g * width
        slopes[:, at : at + width] -= (own * z).T
    return Evidence(TWO_STEP, pd.Index(step.persons), ratio, p[inside].sum(axis=0), slopes, step.influence)


def _group(joint: Array, prior: Array, which: NDArray[np.bool_]) -> Array:
    return np.asarray(logsumexp(joint[which], axis=0) - np.log(prior[which].sum(axis=0)), dtype=float)


def _slope(slopes: Array, p: Array, which: NDArray[np.bool_]) -> Array:
    """(n, free): of the log of the summed joint densities of a group."""
    inner = p[which] / np.maximum(p[which].sum(axis=0), 1e-300)
    return np.asarray(np.einsum("kn,nkf->nf", inner, slopes[:, which]), dtype=float)


def seen(outcome: pd.Series) -> Evidence:
    """Of an outcome that was seen, 0 or 1, indexed by person; who has none is left out."""
    values = numbers(outcome)
    here = np.isfinite(values)
    bad = here & ~np.isin(values, (0.0, 1.0))
    if bad.any():
        at = int(np.argmax(bad))
        raise DesignError(f"the outcome of person {outcome.index[at]} is {values[at]:g}; it is 0 or 1")
    return _fixed(SEEN, pd.Index(outcome.index[here]), values[here])


def probability(evidence: Evidence) -> Evidence:
    """P(failure) as if it were the outcome: BIASED towards no effect, for description only."""
    return _fixed(PROBABILITY, evidence.persons, evidence.marginal)


def shares(outcome: pd.Series) -> Evidence:
    """Probabilities per person from elsewhere (q of the own latent fall), as if they were the outcome."""
    values = numbers(outcome)
    here = np.isfinite(values)
    if (values[here] < 0).any() or (values[here] > 1).any():
        raise DesignError("probabilities as outcome lie between 0 and 1")
    return _fixed(PROBABILITY, pd.Index(outcome.index[here]), values[here])


def _fixed(kind: str, persons: pd.Index, values: Array) -> Evidence:
    n = len(persons)
    return Evidence(kind, persons, values, values, np.zeros((n, 0)), np.zeros((0, n)))
