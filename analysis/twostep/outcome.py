"""Class -> outcome in two steps (Bakk & Kuha 2018): the class model stays fixed, the outcome has its own likelihood.

With p_ik from the first step, sum_i w_i log sum_k p_ik f(z_i | k, x_i) is maximised over the parameters of f alone, so
the outcome cannot move the classes. Errors carry those of the class model and of estimated weights (see `stack`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories.coordinates import triangle
from analysis.trajectories.errors import DesignError, Problem
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.inference import InferenceError, inverse_information
from analysis.twostep import margins
from analysis.twostep.families import FAMILIES
from analysis.twostep.mixture import Mixture, Point, evaluate, maximise
from analysis.twostep.rows import Rows, read, specific_first
from analysis.twostep.stack import ClassStep, PersonWeights, influence_covariance, spread, union

Array = NDArray[np.float64]
KINDS = ("sandwich", "cluster", "model", "naive")

ESS_WARNING, WEIGHT_WARNING = 0.5, 0.05
"""The plan's: effective sample size below half, or one weight above 5 % of the total."""
SAME = 1e-4
"""Log-likelihoods nearer than this are one maximum."""
CERTAIN = 12.0
"""A logit further out says that the outcome of a class is (nearly) all or none."""


@dataclass(frozen=True)
class ClassOutcome:
    """How an outcome depends on the class.

    formula: `"remitted ~ age + sex"`; the class itself is always in it. class_specific: part of the right side that
    differs between classes, `"~ 1"` by default. family: `binary` (logit), `normal`, `count` (log). own_sd: each class
    has its own standard deviation. population: column that says how much a person counts in standardised means; None:
    everybody in the frame once, with or without an outcome.
    """

    formula: str
    family: str = "binary"
    class_specific: str = "~ 1"
    own_sd: bool = False
    person: str = "subject_id"
    population: str | None = None

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise DesignError(f"family = {self.family!r} is none of {', '.join(FAMILIES)}")
        if not self.formula.partition("~")[0].strip() or "~" not in self.formula:
            raise DesignError(f"formula = {self.formula!r} names no outcome: write 'remitted ~ age'")

    def fit(self, step: ClassStep | Fitted, frame: pd.DataFrame, weights: PersonWeights | None = None) -> OutcomeFit:
        """Fit to `frame`, one row per person of the stated population.

        Persons without outcome are in the population of standardised means and not in the likelihood; `weights` can
        stand for them. Raises DesignError where frame, weights and class model do not fit together.
        """
        ready = self.prepare(step, frame, weights)
        ends = maximise(ready.data)
        same = abs(float(ends.loglik[0] - ends.loglik[-1])) < SAME or not bool(ends.converged[-1])
        return OutcomeFit(self, ready, ends.phi[0], bool(ends.converged[0]), same)

    def prepare(self, step: ClassStep | Fitted, frame: pd.DataFrame, weights: PersonWeights | None) -> Ready:
        """The frame as the likelihood sees it; raises what `fit` raises."""
        step = ClassStep.of(step) if isinstance(step, Fitted) else step
        rows = read(step, frame, self.formula, self.person, self.population)
        rows, n_specific = specific_first(rows, self.class_specific, frame)
        weight = np.ones(len(rows.z))
        if weights is not None:
            persons = step.persons[rows.at]
            seen = np.isfinite(rows.z)
            lacking = persons[seen & ~persons.isin(weights.persons)]
            if len(lacking):
                raise DesignError(f"{len(lacking)} persons have an outcome and no weight, the first is {lacking[0]}")
            at = weights.persons.get_indexer(persons)
            weight = np.where(at >= 0, weights.values[at], 0.0)
        used = np.isfinite(rows.z) & (weight > 0)
        if not used.any():
            raise DesignError(f"no person with a weight above 0 has an outcome ({self.formula})")
        self._check(rows.z[used], step.persons[rows.at[used]])
        inverse = np.asarray(np.linalg.inv(triangle(rows.x[used], rows.names, "outcome")), dtype=float)
        scale = float(np.std(rows.z[used])) if self.family == "normal" else 1.0
        if not scale > 0:
            raise DesignError("the outcome is the same for everybody: there is nothing to explain")
        p = step.p[rows.at[used]]
        data = Mixture(
            self.family,
            rows.z[used] / scale,
            rows.x[used] @ inverse,
            p,
            weight[used],
            n_specific,
            self.own_sd,
        )
        return Ready(step, rows, used, weights, data, inverse, scale)

    def _check(self, z: Array, persons: pd.Index) -> None:
        bad = np.zeros(len(z), bool)
        if self.family == "binary":
            bad, what = ~np.isin(z, (0.0, 1.0)), "0 or 1"
        elif self.family == "count":
            bad, what = (z < 0) | (z != np.round(z)), "a whole number, 0 or more"
        if bad.any():
            at = int(np.argmax(bad))
            raise DesignError(f"the outcome of person {persons[at]} is {z[at]:g}; a {self.family} one is {what}")


@dataclass(frozen=True)
class Ready:
    """A first step and a frame brought together. `used` (n,): rows in the likelihood; internal columns are those of
    the frame times `inverse`, an internal outcome is one of the frame over `scale`.
    """

    step: ClassStep
    rows: Rows
    used: NDArray[np.bool_]
    weights: PersonWeights | None
    data: Mixture
    inverse: Array
    scale: float

    @cached_property
    def persons(self) -> pd.Index:
        """Everybody who takes part in some step."""
        return union([self.step.persons, *([] if self.weights is None else [self.weights.persons])])

    @cached_property
    def phi(self) -> Array:
        """(free, persons): influence of the class model's parameters."""
        return spread(self.step.influence, self.persons.get_indexer(self.step.persons), len(self.persons))

    @cached_property
    def alpha(self) -> PersonWeights | None:
        """The weights, for `persons`."""
        return None if self.weights is None else self.weights.on(self.persons)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Where the rows of the frame stand in `persons`."""
        return np.asarray(self.persons.get_indexer(self.step.persons[self.rows.at]), dtype=np.intp)

    def by_weight(self, scores: Array) -> Array:
        """(parameters, persons): what estimated weights add to equations with `scores` (parameters, n) of the used."""
        if self.alpha is None:
            return np.zeros((len(scores), len(self.persons)))
        found: Array = scores @ self.alpha.slopes[self.places[self.used]] @ self.alpha.influence
        return found

    def own(self, scores: Array) -> Array:
        """(parameters, persons): `scores` (parameters, n) of the used rows, times their weights, at their persons."""
        return spread(scores * self.data.weight, self.places[self.used], len(self.persons))


@dataclass(frozen=True)
class OutcomeFit:
    """A fitted `ClassOutcome`; `eta` in internal coordinates."""

    spec: ClassOutcome
    ready: Ready
    eta: Array
    converged: bool
    one_maximum: bool

    @property
    def data(self) -> Mixture:
        """What the likelihood sees."""
        return self.ready.data

    @property
    def step(self) -> ClassStep:
        """The first step."""
        return self.ready.step

    @cached_property
    def point(self) -> Point:
        """The likelihood at the solution."""
        return evaluate(self.data, self.eta)

    @property
    def loglik(self) -> float:
        """Weighted log-likelihood of the outcomes, in their own units, the classes' probabilities held."""
        return self.point.loglik - float(self.data.weight.sum()) * float(np.log(self.ready.scale))

    @property
    def n(self) -> int:
        """Persons in the likelihood."""
        return int(self.ready.used.sum())

    # -- the stack -------------------------------------------------------------------------------------------------

    @cached_property
    def bread(self) -> Array:
        """Inverse of the observed information. Raises InferenceError where it is not positive definite."""
        return inverse_information(-self.point.hessian)

    @cached_property
    def cross(self) -> Array:
        """(parameters, free): derivatives of the outcome's equations by the parameters of the class model."""
        r, slopes = self.point.r, self.step.slopes[self.ready.rows.at[self.ready.used]]
        centred = slopes - np.einsum("kn,nkf->nf", r, slopes)[:, None]
        found: Array = np.einsum("n,kn,kmn,nkf->mf", self.data.weight, r, self.point.complete, centred, optimize=True)
        return found

    def influence(self, naive: bool = False) -> Array:
        """(parameters, persons) of `eta`; `naive` leaves out what the class model and the weights add."""
        own = self.ready.own(self.point.scores)
        if not naive:
            own = own + self.cross @ self.ready.phi + self.ready.by_weight(self.point.scores)
        found: Array = self.bread @ own
        return found

    @cached_property
    def clusters(self) -> pd.Series:
        """Cluster of each of `persons`. Raises InferenceError where the class model has none."""
        if self.step.clusters is None:
            raise InferenceError("no clusters: name their column in the class model, cluster='site_no'")
        return self.step.clusters.reindex(self.ready.persons)

    def free_covariance(self, kind: str = "sandwich") -> Array:
        """Covariance of `eta`.

        `sandwich`: of the whole chain. `cluster`: the same summed within clusters. `model`: information of both steps
        (Bakk & Kuha 2018), right when both models hold. `naive`: sandwich with the first step taken as known.
        """
        if kind == "model":
            if self.ready.weights is not None:
                raise InferenceError("model-based errors do not hold with weights; use sandwich")
            carried = self.bread @ self.cross
            found: Array = self.bread + carried @ self.step.covariance @ carried.T
            return found
        if kind not in KINDS:
            raise ValueError(f"kind = {kind!r} is none of {', '.join(KINDS)}")
        clusters = self.clusters if kind == "cluster" else None
        return influence_covariance(self.influence(kind == "naive"), clusters)

    # -- estimates -------------------------------------------------------------------------------------------------

    @cached_property
    def reported(self) -> tuple[pd.DataFrame, Array, Array]:
        """Names, values and their derivatives by `eta`: effects by class, common ones, standard deviations."""
        data, s = self.data, self.data.n_specific
        rows: list[tuple[str, int, str]] = []
        slopes: list[Array] = []
        columns = self.ready.inverse * self.ready.scale
        width = data.x.shape[1]
        for g in range(data.k):
            slope = np.zeros((width, len(self.eta)))
            slope[:, data.spread[g, :width]] = columns
            first, last = (0, s) if g else (0, width)
            kept = slope[first:last]
            slopes.append(kept[:s])
            rows += [("effect", g + 1, t) for t in self.ready.rows.names[:s]]
            if g == 0:
                common = kept[s:]
        slopes.append(common)
        rows += [("effect", 0, t) for t in self.ready.rows.names[s:]]
        slope = np.concatenate(slopes)
        values = slope @ self.eta
        if data.n_sd:
            sd = self.ready.scale * np.exp(self.eta[-data.n_sd :])
            change = np.zeros((data.n_sd, len(self.eta)))
            change[:, -data.n_sd :] = np.diag(sd)
            values, slope = np.concatenate([values, sd]), np.concatenate([slope, change])
            rows += [("sd", g + 1 if data.own_sd else 0, "sd") for g in range(data.n_sd)]
        return pd.DataFrame(rows, columns=["part", "class", "term"]), values, slope

    def covariance(self, kind: str = "sandwich") -> Array:
        """Covariance of the reported parameters, in the order of `parameters()`."""
        _, _, slope = self.reported
        found: Array = slope @ self.free_covariance(kind) @ slope.T
        return found

    def parameters(self, kind: str = "sandwich", level: float = 0.95) -> pd.DataFrame:
        """One row per parameter: `part` (`effect`, `sd`), `class` (0: all), `term`, `estimate`, `se`, `lower`, `upper`.

        Effects are logits, differences or log rates. Errors are missing where the information is not definite.
        """
        names, values, _ = self.reported
        try:
            se = np.sqrt(np.diag(self.covariance(kind)))
        except InferenceError:
            if np.all(np.linalg.eigvalsh(-self.point.hessian) > 0):
                raise
            se = np.full(len(values), np.nan)
        width = norm.ppf(0.5 + level / 2) * se
        return names.assign(estimate=values, se=se, lower=values - width, upper=values + width)

    # -- standardised means ----------------------------------------------------------------------------------------

    def margins(self, kind: str = "sandwich", level: float = 0.95) -> pd.DataFrame:
        """Means of the outcome had everybody in the population been of each class: see `margins.table`."""
        return margins.table(self, kind, level)

    def contrast(
        self, a: int | Sequence[int], b: int | Sequence[int], kind: str = "sandwich", level: float = 0.95
    ) -> pd.DataFrame:
        """Standardised mean of class or classes `a` against `b`: see `margins.contrast`."""
        return margins.contrast(self, a, b, kind, level)

    # -- what is wrong ---------------------------------------------------------------------------------------------

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know before using it."""
        found = []
        if not self.converged:
            found.append(Problem("the maximum", "not converged", "take fewer covariates or merge classes"))
        if not self.one_maximum:
            found.append(
                Problem(
                    "the maximum",
                    "two starts ended at different maxima",
                    "the classes tell too little of the outcome apart; compare with BCH",
                    grave=False,
                )
            )
        if self.data.family == "binary":
            out = np.abs(self.data.predictors(self.eta)).min(axis=1) > CERTAIN
            for g in np.flatnonzero(out):
                found.append(
                    Problem(
                        f"class {g + 1}",
                        "its outcome is estimated as all or none: the logit has no finite value and no error",
                        "merge it with another class, or report the count",
                    )
                )
        if self.ready.weights is not None:
            w = self.data.weight
            if w.sum() ** 2 / (w**2).sum() < ESS_WARNING * len(w):
                text = f"effective sample size {w.sum() ** 2 / (w**2).sum():.0f} of {len(w)}"
                found.append(Problem("weights", text, "look at who has the large weights", grave=False))
            if w.max() > WEIGHT_WARNING * w.sum():
                text = f"one person has {100 * w.max() / w.sum():.0f} % of the total weight"
                found.append(Problem("weights", text, "look at this person; show truncated weights", grave=False))
        return tuple(found)

    @property
    def admissible(self) -> bool:
        """Converged, with finite estimates."""
        return not any(p.grave for p in self.problems)
