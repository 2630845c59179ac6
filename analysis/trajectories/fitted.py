"""What every fitted model of latent courses can be asked, whatever the kind of its outcome.

`Trajectories` (scores) and `ordinal.OrdinalTrajectories` (single items) are its two kinds. A kind says what its
likelihood is, what its parameters are called and what a mean course is; criteria, errors, classes, comparison, text,
page and files follow from that and stand here.
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories import inference, show
from analysis.trajectories.design import Design
from analysis.trajectories.errors import Problem
from analysis.trajectories.likelihood import Solution
from analysis.trajectories.newton import Maxima

if TYPE_CHECKING:
    from analysis.trajectories.search import Search

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted(ABC):
    """A fitted model. Classes are numbered from 1, the lowest mean at `order_at` first.

    design: the data as the engine reads them. phi: (free,) the optimiser's parameters. search: how it was found.
    iterations: Newton steps of the start that won.
    """

    design: Design
    phi: Array
    search: Search
    iterations: int

    # -- what a kind of model says ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def spec(self) -> Any:
        """The specification."""

    @property
    @abstractmethod
    def family(self) -> str:
        """What the scores are taken for, in a word or two."""

    @property
    @abstractmethod
    def data(self) -> Any:
        """What the likelihood reads; persons can be taken (`take`) and weighted (`weighted`)."""

    @property
    @abstractmethod
    def solution(self) -> Solution:
        """Log-likelihood, gradient, Hessian and persons' contributions by `phi`."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """Number of parameters."""

    @property
    @abstractmethod
    def loglik(self) -> float:
        """Log-likelihood in the units of the frame."""

    @property
    @abstractmethod
    def prior(self) -> Array:
        """(N, k): membership probabilities before the scores are seen."""

    @property
    @abstractmethod
    def n_logits(self) -> int:
        """Number of membership logits; they stand first in `phi`."""

    @property
    @abstractmethod
    def log_units(self) -> Array:
        """(N,): what a person's log density in `solution.log_joint` is above that in the units of the frame."""

    @property
    @abstractmethod
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know before using it; empty where nothing is wrong."""

    @abstractmethod
    def log_posterior_slopes(self) -> Array:
        """(N, k, free): derivatives by `phi` of the logarithms of the posterior probabilities."""

    @property
    @abstractmethod
    def _names(self) -> pd.DataFrame: ...

    @property
    @abstractmethod
    def _reported(self) -> tuple[Array, Array]: ...

    @abstractmethod
    def courses(
        self,
        times: Sequence[float] | Array | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        kind: str = "model",
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Mean course of each class with a pointwise band: `class`, time, `mean`, `se`, `lower`, `upper`."""

    @abstractmethod
    def predict(self, frame: pd.DataFrame | None = None) -> Any:
        """Predictions for the persons of `frame` from the scores in it, however few; None: the persons of the fit."""

    @abstractmethod
    def plot(self, **options: Any) -> alt.LayerChart | alt.FacetChart:
        """Courses of the classes."""

    # -- what refits need ------------------------------------------------------------------------------------------

    @abstractmethod
    def means_at(self, phi: Array, times: Array) -> Array:
        """(k, times): mean courses at another point `phi`."""

    @abstractmethod
    def row_means(self) -> Array:
        """(k, rows): what each class expects in each row of the data."""

    @abstractmethod
    def permuted(self, phi: Array, order: NDArray[np.intp]) -> Array:
        """The same point with the classes in another order."""

    @abstractmethod
    def log_joint_at(self, phi: Array) -> Array:
        """(k, N): log prior + log density of all persons at another point."""

    @abstractmethod
    def loglik_of(self, data: Any, phi: Array) -> float:
        """Log-likelihood of other persons at `phi`, in the units of the frame."""

    @abstractmethod
    def climbed(self, data: Any, rng: np.random.Generator, starts: int = 0, drawn: bool = False) -> Maxima:
        """Maxima of other data: from this solution, and from `starts` starts of their own.

        `drawn`: the starts are run as thoroughly as those of a fit.
        """

    @abstractmethod
    def redrawn(self, rng: np.random.Generator) -> Any:
        """Data of the same persons at the same times, drawn from this model."""

    def refit(self, data: Any, rng: np.random.Generator, starts: int = 0) -> Array:
        """The best point for other data (persons, weights), from this solution and `starts` new starts."""
        ends = self.climbed(data, rng, starts)
        value = np.where(ends.converged & np.isfinite(ends.loglik), ends.loglik, -np.inf)
        best = int(np.argmax(value)) if np.isfinite(value).any() else int(np.argmax(ends.loglik))
        found: Array = ends.phi[best]
        return found

    # -- sizes -----------------------------------------------------------------------------------------------------

    @property
    def k(self) -> int:
        """Number of classes."""
        return int(self.spec.k)

    @property
    def n(self) -> int:
        """Number of persons."""
        return self.design.n

    @property
    def n_counted(self) -> int:
        """Number of persons with a weight above zero, which is what BIC counts; all where there are no weights."""
        weight = self.design.panel.weight
        return self.n if weight is None else int((weight > 0).sum())

    @property
    def information(self) -> Array:
        """Observed information (free, free) in the order of `phi`."""
        return -self.solution.hessian

    @cached_property
    def probabilities(self) -> Array:
        """(N, k): posterior probabilities, persons as in `design.persons`."""
        joint = self.solution.log_joint
        found = np.exp(joint - joint.max(axis=0))
        return (found / found.sum(axis=0)).T

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
        return -2 * self.loglik + float(np.log(self.n_counted)) * self.n_parameters

    @property
    def sabic(self) -> float:
        """Sample-size adjusted BIC (Sclove 1987)."""
        return -2 * self.loglik + float(np.log((self.n_counted + 2) / 24)) * self.n_parameters

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

    def band_covariance(self, kind: str = "model") -> Array:
        """`free_covariance`, all missing where the information is not definite: bands are then missing, too."""
        try:
            return self.free_covariance(kind)
        except inference.InferenceError:
            if kind == "cluster":
                raise
            return np.full((self.n_parameters, self.n_parameters), np.nan)

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

    def compare(self, *others: Fitted) -> pd.DataFrame:
        """This fit and others, one row each; raises ValueError where they do not have the same scores."""
        for other in others:
            if type(other) is not type(self):
                raise ValueError(f"{self.family} against {other.family}: their likelihoods cannot be compared")
            if other.design.y.shape != self.design.y.shape or not np.allclose(other.design.y, self.design.y):
                raise ValueError("the fits are not of the same scores, so their likelihoods cannot be compared")
        fits = (self, *others)
        return pd.DataFrame([{"fixed": r.spec.fixed, "random": r.design.spec.random} | r.criteria() for r in fits])

    def summary(self) -> str:
        """The fit in words and tables, for a terminal."""
        return show.summary(self)

    def to_html(self) -> str:
        """The fit as one page without requests outside; counts below the small-cell rule are withheld."""
        return show.to_html(self)

    # -- out and in ------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write to `path`; it holds persons' scores and stays inside. `load` reads it with the same version only."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        with Path(path).open("wb") as file:
            pickle.dump({"kind": type(self).__name__, "fields": fields}, file)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote. A pickle: read only files you wrote yourself. Raises TypeError for another kind of fit."""
        with Path(path).open("rb") as file:
            found = pickle.load(file)
        kind = found.get("kind") if isinstance(found, dict) else type(found).__name__
        if kind != cls.__name__:
            raise TypeError(f"{path} holds {kind}, not {cls.__name__}")
        return cls(**found["fields"])
