"""A fitted growth mixture: everything a reader asks of it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories import courses, diagnose, estimates, inference, labels, params, show
from analysis.trajectories.design import Design, GrowthMixture
from analysis.trajectories.errors import Problem
from analysis.trajectories.likelihood import Solution, log_posterior_slopes, solution
from analysis.trajectories.predict import Prediction, predict
from analysis.trajectories.threads import one_thread

if TYPE_CHECKING:
    from analysis.trajectories.search import Search

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectories:
    """The result of `GrowthMixture.fit`. Classes are numbered from 1, the lowest mean at `order_at` first.

    design: the data as the kernel sees them. phi: (free,) the optimiser's parameters. search: how it was found.
    iterations: Newton steps of the start that won.
    """

    design: Design
    phi: Array
    search: Search
    iterations: int

    # -- the solution ----------------------------------------------------------------------------------------------

    @property
    def spec(self) -> GrowthMixture:
        """The specification."""
        return self.design.spec

    @cached_property
    def solution(self) -> Solution:
        """Log-likelihood, gradient, Hessian and persons' contributions in internal coordinates."""
        with one_thread():
            return solution(self.design.st, self.design.data, self.phi)

    @cached_property
    def natural(self) -> params.Natural:
        """The point in the parameters of the likelihood, internal coordinates."""
        return params.natural(self.design.st, self.phi[None])

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.spec.k

    @property
    def n(self) -> int:
        """Number of persons."""
        return self.design.n

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.design.st.n_free

    @cached_property
    def loglik(self) -> float:
        """Log-likelihood of the scores in the units of the frame."""
        rows = self.design.seen_rows(self.design.data)
        return self.solution.loglik - rows * float(np.log(self.design.to.scale))

    @property
    def information(self) -> Array:
        """Observed information (free, free) in the order of `phi`."""
        return -self.solution.hessian

    def log_posterior_slopes(self) -> Array:
        """(N, k, free): derivatives by `phi` of the logarithms of the posterior probabilities."""
        return log_posterior_slopes(self.design.st, self.design.data, self.phi)

    @cached_property
    def probabilities(self) -> Array:
        """(N, k): posterior probabilities, persons as in `design.persons`."""
        joint = self.solution.log_joint
        found = np.exp(joint - joint.max(axis=0))
        return (found / found.sum(axis=0)).T

    @cached_property
    def prior(self) -> Array:
        """(N, k): membership probabilities before the scores are seen."""
        gamma = self.natural.gamma[0]
        logits = np.zeros((self.n, self.k))
        logits[:, :-1] = (gamma @ self.design.panel.membership).T
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        return found / found.sum(axis=1, keepdims=True)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know before using it; empty where nothing is wrong."""
        _, jacobian = self._reported
        found = diagnose.problems(self.design, self.phi, self.solution, self.probabilities, self._names, jacobian)
        if not self.search.replicated:
            text = f"best value reached by {self.search.replication} of {self.search.n_starts} starts"
            found.append(Problem("the maximum", text, "take more starts or fewer classes"))
        return tuple(found)

    @property
    def admissible(self) -> bool:
        """Converged, information positive definite, replicated, no class too small."""
        return not any(p.grave for p in self.problems)

    # -- criteria --------------------------------------------------------------------------------------------------

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2 * self.loglik + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz' criterion, counted in persons."""
        return -2 * self.loglik + float(np.log(self.n)) * self.n_parameters

    @property
    def sabic(self) -> float:
        """Sample-size adjusted BIC (Sclove 1987)."""
        return -2 * self.loglik + float(np.log((self.n + 2) / 24)) * self.n_parameters

    @cached_property
    def uncertainty(self) -> float:
        """Sum over persons of the entropy of their posterior, in nats."""
        p = self.probabilities
        terms = -np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0.0).sum(axis=1)
        weight = self.design.panel.weight
        return float(terms.sum() if weight is None else terms @ weight)

    @property
    def icl(self) -> float:
        """Integrated classification likelihood, as BIC plus twice the uncertainty; lower is better."""
        return self.bic + 2 * self.uncertainty

    @property
    def entropy(self) -> float:
        """Relative entropy: 1 when every posterior is 0 or 1; 1 for one class."""
        if self.k == 1:
            return 1.0
        return 1 - self.uncertainty / (self.design.panel.total_weight * float(np.log(self.k)))

    # -- estimates -------------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> pd.DataFrame:
        return estimates.names(self.design)

    @cached_property
    def _reported(self) -> tuple[Array, Array]:
        return estimates.reported(self.design, self.phi)

    def free_covariance(self, kind: str = "model") -> Array:
        """Covariance (free, free) of `phi`: `model` (observed information), `sandwich` or `cluster`."""
        if kind == "model":
            return inference.inverse_information(self.information)
        clusters = self.design.clusters
        if kind == "cluster" and clusters is None:
            raise inference.InferenceError("no clusters: name their column in the specification, cluster='site_no'")
        if kind not in ("sandwich", "cluster"):
            raise ValueError(f"kind = {kind!r} is none of model, sandwich, cluster")
        chosen = clusters if kind == "cluster" else None
        return inference.sandwich(self.information, self.solution.scores, self.design.panel.weight, chosen)

    def covariance(self, kind: str = "model") -> Array:
        """Covariance of the reported parameters, in the order of `parameters()`."""
        _, slope = self._reported
        found: Array = slope @ self.free_covariance(kind) @ slope.T
        return found

    def parameters(self, kind: str = "model", level: float = 0.95) -> pd.DataFrame:
        """One row per parameter: `part`, `class` (0: all), `term`, `estimate`, `se`, `z`, `p_value`, `lower`, `upper`.

        Variances and standard deviations have no z and p: zero lies on their boundary. Where the information is not
        definite all errors are missing.
        """
        values, _ = self._reported
        found = self._names.assign(estimate=values)
        try:
            se = np.sqrt(np.diag(self.covariance(kind)))
        except inference.InferenceError:
            if kind == "cluster" or kind not in ("model", "sandwich"):
                raise
            se = np.full(len(values), np.nan)
        z = np.where(found["part"].isin(["membership", "fixed"]), values / np.where(se > 0, se, np.nan), np.nan)
        width = norm.ppf(0.5 + level / 2) * se
        return found.assign(se=se, z=z, p_value=2 * norm.sf(np.abs(z)), lower=values - width, upper=values + width)

    def wald(self, contrast: Array, null: Array | float = 0.0, kind: str = "model") -> inference.Wald:
        """Test that `contrast` (rows, parameters) times the parameters, in the order of `parameters()`, is `null`."""
        return inference.wald(contrast, self._reported[0], self.covariance(kind), null)

    # -- classes and persons ---------------------------------------------------------------------------------------

    @cached_property
    def posterior(self) -> pd.DataFrame:
        """One row per person: the person, `p1` … `pk`, `modal` (the class with the largest)."""
        p = self.probabilities
        found = pd.DataFrame(p, columns=[f"p{g + 1}" for g in range(self.k)])
        found.insert(0, self.spec.person, self.design.persons.to_numpy())
        found["modal"] = p.argmax(axis=1) + 1
        return found

    @cached_property
    def classes(self) -> pd.DataFrame:
        """One row per class: `class`, `share` (mean posterior), `persons` (modal), `certainty` (theirs on average)."""
        p, modal = self.probabilities, self.probabilities.argmax(axis=1)
        own = p[np.arange(self.n), modal]
        persons = np.bincount(modal, minlength=self.k)
        total = np.bincount(modal, own, self.k)
        return pd.DataFrame(
            {
                "class": np.arange(1, self.k + 1),
                "share": np.average(p, axis=0, weights=self.design.panel.weight),
                "persons": persons,
                "certainty": np.divide(total, persons, out=np.full(self.k, np.nan), where=persons > 0),
            }
        )

    def courses(
        self,
        times: Sequence[float] | Array | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        kind: str = "model",
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Mean course of each class with a pointwise band: `class`, time, `mean`, `se`, `lower`, `upper`.

        Covariates stand at their mean, categories are averaged over the persons; `at` sets them instead.
        """
        grid = np.linspace(self.design.time.min(), self.design.time.max(), 49) if times is None else np.asarray(times)
        return courses.table(self.design, self.phi, self.free_covariance(kind), grid, at, level)

    def predict(self, frame: pd.DataFrame | None = None) -> Prediction:
        """Predictions for the persons of `frame` from the scores in it, however few; None: the persons of the fit."""
        return predict(self.design, self.phi, frame)

    @cached_property
    def last_weeks(self) -> Array:
        """(k,) T of each class: the last week up to 12 at which 20 % of it still have a later score."""
        last = np.maximum.reduceat(self.design.time, self.design.starts)
        weight = self.design.panel.weight
        p = self.probabilities if weight is None else self.probabilities * weight[:, None]
        return np.array([labels.last_week(last, p[:, g]) for g in range(self.k)])

    def labels(self, baseline: float, rule: labels.TfRule = labels.PLAN) -> tuple[str, ...]:
        """The label of each class by the plan's rule, falls counted from the mean `baseline`."""
        found = []
        for g, last in enumerate(self.last_weeks):
            at = courses.rows_at(self.design, labels.weeks(last, rule))
            mean, _ = courses.means(self.design, self.phi, at)
            found.append(labels.label(mean[g], baseline, last, rule))
        return tuple(found)

    # -- shown -----------------------------------------------------------------------------------------------------

    def criteria(self) -> dict[str, Any]:
        """One row of a table of models: every criterion, the smallest class, replication, and whether admissible."""
        return {
            "k": self.k,
            "parameters": self.n_parameters,
            "loglik": self.loglik,
            "bic": self.bic,
            "sabic": self.sabic,
            "aic": self.aic,
            "icl": self.icl,
            "entropy": self.entropy,
            "smallest_share": float(self.classes["share"].min()),
            "replication": self.search.replication,
            "starts": self.search.n_starts,
            "converged": not any(p.parameter == "the maximum" and "not converged" in p.what for p in self.problems),
            "admissible": self.admissible,
        }

    def compare(self, *others: Trajectories) -> pd.DataFrame:
        """This fit and others, one row each; raises ValueError where they do not have the same scores."""
        for other in others:
            if other.design.y.shape != self.design.y.shape or not np.allclose(other.design.y, self.design.y):
                raise ValueError("the fits are not of the same scores, so their likelihoods cannot be compared")
        return pd.DataFrame([{"fixed": r.spec.fixed, "random": r.spec.random} | r.criteria() for r in (self, *others)])

    def summary(self) -> str:
        """The fit in words and tables, for a terminal."""
        return show.summary(self)

    def plot(self, **options: Any) -> alt.LayerChart | alt.FacetChart:
        """Courses of the classes with band and observed means; options as of `show.plot`."""
        return show.plot(self, **options)

    def to_html(self) -> str:
        """The fit as one page without requests outside; counts below the small-cell rule are withheld."""
        return show.to_html(self)

    # -- out and in ------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write to `path`; it holds persons' scores and stays inside. `load` reads it with the same version only."""
        with Path(path).open("wb") as file:
            pickle.dump({"design": self.design, "phi": self.phi, "search": self.search, "steps": self.iterations}, file)

    @classmethod
    def load(cls, path: Path) -> Trajectories:
        """What `save` wrote. A pickle: read only files you wrote yourself."""
        with Path(path).open("rb") as file:
            found = pickle.load(file)
        return cls(found["design"], found["phi"], found["search"], found["steps"])
