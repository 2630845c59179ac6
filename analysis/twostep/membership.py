"""Covariate -> class in two steps (Xue & Bandeen-Roche 2002; Bakk & Kuha 2018): the measurement part stays fixed.

The densities f(y_i | k) of the first step are kept, its membership probabilities replaced by a multinomial logit in
covariates of the person: sum_i w_i log sum_k pi_k(x_i) f(y_i | k) is maximised over the logits alone. Where covariates
act on the course itself they belong into the class model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories import newton
from analysis.trajectories.coordinates import triangle
from analysis.trajectories.errors import DesignError, Problem
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.inference import InferenceError, inverse_information
from analysis.twostep.rows import read
from analysis.twostep.stack import ClassStep, PersonWeights, influence_covariance, spread, union

Array = NDArray[np.float64]

INFINITE = 12.0
"""A logit that moves by more than this over one spread of its column has no finite value."""


@dataclass(frozen=True)
class ClassMembership:
    """A multinomial logit of the class, `"~ sex + age"`, against the last class."""

    formula: str
    person: str = "subject_id"

    def fit(self, result: Fitted, frame: pd.DataFrame, weights: PersonWeights | None = None) -> MembershipFit:
        """Fit to the persons of `frame`, one row each. Raises DesignError where they do not fit the class model."""
        if result.k == 1:
            raise DesignError("the class model has one class: there is no membership to explain")
        if self.formula.partition("~")[0].strip() and "~" in self.formula:
            raise DesignError(f"formula = {self.formula!r}: only predictors stand in it, '~ sex + age'")
        step = ClassStep.of(result)
        rows = read(step, frame, "~" + self.formula.replace("~", "", 1), self.person)
        log_density = result.solution.log_joint - np.log(result.prior.T)
        # measurement parameters only: the membership of the first step has no part in the second
        slopes = step.slopes.copy()
        slopes[:, :, : result.n_logits] = 0.0
        weight = np.ones(len(rows.at))
        if weights is not None:
            at = weights.persons.get_indexer(step.persons[rows.at])
            weight = np.where(at >= 0, weights.values[at], 0.0)
        inverse = np.asarray(np.linalg.inv(triangle(rows.x, rows.names, "membership")), dtype=float)
        data = Logit(log_density[:, rows.at], rows.x @ inverse, weight)
        start = np.zeros((1, data.n_parameters))
        ends = newton.maximise(data.objective, start)
        places = np.asarray(rows.at)
        return MembershipFit(
            self,
            step,
            slopes[places],
            places,
            rows.names,
            inverse,
            data,
            weights,
            ends.phi[0],
            bool(ends.converged[0]),
            result.log_units[places],
        )


@dataclass(frozen=True)
class Logit:
    """`log_density` (k, n) of the scores in the classes, `x` (n, columns), `weight` (n,)."""

    log_density: Array
    x: Array
    weight: Array

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.log_density)

    @property
    def n_parameters(self) -> int:
        """Number of logits."""
        return (self.k - 1) * self.x.shape[1]

    def at(self, gamma: Array) -> tuple[float, Array, Array]:
        """Log-likelihood, prior (k, n) and posterior (k, n) probabilities at `gamma` (parameters,)."""
        logits = np.vstack([gamma.reshape(self.k - 1, -1) @ self.x.T, np.zeros(len(self.x))])
        logits -= logits.max(axis=0)
        prior = np.exp(logits)
        prior /= prior.sum(axis=0)
        with np.errstate(divide="ignore"):
            joint = self.log_density + np.log(prior)
        largest = joint.max(axis=0)
        r = np.exp(joint - largest)
        total = r.sum(axis=0)
        return float(self.weight @ (np.log(total) + largest)), prior, r / total

    def scores(self, gamma: Array) -> Array:
        """(parameters, n), without weights."""
        _, prior, r = self.at(gamma)
        return self._lift((r - prior)[:-1])

    def hessian(self, gamma: Array) -> Array:
        """(parameters, parameters): the information of a multinomial logit, less what is not known of the class."""
        _, prior, r = self.at(gamma)
        return self._spread(r) - self._spread(prior)

    def objective(self, points: Array) -> tuple[Array, Array, Array]:
        """Log-likelihood, gradient and Hessian at points (R, parameters)."""
        value = np.array([self.at(g)[0] for g in points])
        gradient = np.array([self.scores(g) @ self.weight for g in points])
        return value, gradient, np.array([self.hessian(g) for g in points])

    def _lift(self, rows: Array) -> Array:
        """(k-1, n) times the columns: (parameters, n)."""
        return (rows[:, None] * self.x.T).reshape(-1, len(self.x))

    def _spread(self, p: Array) -> Array:
        """sum w (diag(p) - p p') (x) x x' over the classes but the last."""
        lifted = self._lift(p[:-1])
        found: Array = -(lifted * self.weight) @ lifted.T
        c = self.x.shape[1]
        for g in range(self.k - 1):
            found[g * c : (g + 1) * c, g * c : (g + 1) * c] += (self.x.T * (p[g] * self.weight)) @ self.x
        return found


@dataclass(frozen=True)
class MembershipFit:
    """A fitted `ClassMembership`; `gamma` in internal coordinates, `shift` (n,) what these add to a log density."""

    spec: ClassMembership
    step: ClassStep
    slopes: Array
    at: NDArray[np.intp]
    names: tuple[str, ...]
    inverse: Array
    data: Logit
    weights: PersonWeights | None
    gamma: Array
    converged: bool
    shift: Array

    @property
    def loglik(self) -> float:
        """Log-likelihood of the scores in the units of the frame."""
        return self.data.at(self.gamma)[0] - float(self.shift @ self.data.weight)

    @cached_property
    def bread(self) -> Array:
        """Inverse of the observed information. Raises InferenceError where it is not positive definite."""
        return inverse_information(-self.data.hessian(self.gamma))

    @cached_property
    def cross(self) -> Array:
        """(parameters, free): derivatives of the logits' equations by the measurement parameters."""
        _, _, r = self.data.at(self.gamma)
        centred = self.slopes - np.einsum("kn,nkf->nf", r, self.slopes)[:, None]
        w = r[:-1] * self.data.weight
        return np.einsum("gn,nc,ngf->gcf", w, self.data.x, centred[:, :-1]).reshape(len(self.gamma), -1)

    @cached_property
    def persons(self) -> pd.Index:
        """Everybody who takes part in some step."""
        return union([self.step.persons, *([] if self.weights is None else [self.weights.persons])])

    def influence(self, naive: bool = False) -> Array:
        """(parameters, persons) of `gamma`."""
        n = len(self.persons)
        places = np.asarray(self.persons.get_indexer(self.step.persons), dtype=np.intp)
        scores = self.data.scores(self.gamma)
        own = spread(scores * self.data.weight, places[self.at], n)
        if not naive:
            own = own + self.cross @ spread(self.step.influence, places, n)
            if self.weights is not None:
                alpha = self.weights.on(self.persons)
                own = own + scores @ alpha.slopes[places[self.at]] @ alpha.influence
        found: Array = self.bread @ own
        return found

    def covariance(self, kind: str = "sandwich") -> Array:
        """Covariance of the logits as reported; kinds as those of `OutcomeFit.free_covariance`."""
        if kind == "model":
            if self.weights is not None:
                raise InferenceError("model-based errors do not hold with weights; use sandwich")
            carried = self.bread @ self.cross
            inner = self.bread + carried @ self.step.covariance @ carried.T
        elif kind in ("sandwich", "cluster", "naive"):
            clusters = None
            if kind == "cluster":
                if self.step.clusters is None:
                    raise InferenceError("no clusters: name their column in the class model, cluster='site_no'")
                clusters = self.step.clusters.reindex(self.persons)
            inner = influence_covariance(self.influence(kind == "naive"), clusters)
        else:
            raise ValueError(f"kind = {kind!r} is none of sandwich, cluster, model, naive")
        to = np.kron(np.eye(self.data.k - 1), self.inverse)
        found: Array = to @ inner @ to.T
        return found

    def parameters(self, kind: str = "sandwich", level: float = 0.95) -> pd.DataFrame:
        """One row per logit: `class` (against the last), `term`, `estimate`, `se`, `z`, `p_value`, `lower`, `upper`."""
        values = (self.gamma.reshape(self.data.k - 1, -1) @ self.inverse.T).ravel()
        names = [(g + 1, t) for g in range(self.data.k - 1) for t in self.names]
        se = np.sqrt(np.diag(self.covariance(kind)))
        width = norm.ppf(0.5 + level / 2) * se
        found = pd.DataFrame(names, columns=["class", "term"])
        z = values / se
        return found.assign(
            estimate=values, se=se, z=z, p_value=2 * norm.sf(np.abs(z)), lower=values - width, upper=values + width
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know before using it."""
        found = []
        if not self.converged:
            found.append(Problem("the maximum", "not converged", "take fewer covariates"))
        for g, c in np.argwhere(np.abs(self.gamma.reshape(self.data.k - 1, -1)) > INFINITE):
            what = f"the logit of {self.names[c]} has no finite value"
            found.append(Problem(f"class {g + 1}", what, "take coarser covariates or fewer classes"))
        return tuple(found)
