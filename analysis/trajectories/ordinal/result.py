"""A fitted ordinal latent class growth model."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import diagnose, inference, labels, newton, params
from analysis.trajectories.errors import Problem
from analysis.trajectories.likelihood import Solution
from analysis.trajectories.ordinal import courses
from analysis.trajectories.ordinal.design import OrdinalDesign
from analysis.trajectories.ordinal.kernel import evaluate, solution
from analysis.trajectories.predict import Prediction
from analysis.trajectories.result import Trajectories
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]

LARGEST = 4.0
"""A coefficient beyond this per standard deviation of its column, with an error larger than itself, is unbounded."""


@dataclass(frozen=True)
class OrdinalTrajectories(Trajectories):
    """The result of `OrdinalGrowth.fit`; criteria, parameters, Wald tests, classes and posterior as in `Trajectories`.

    Class 1 has the lowest mean category at `order_at`. Predictions for new persons, the plan's labels and the HTML page
    are not there for ordinal items.
    """

    ordinal: OrdinalDesign

    @cached_property
    def solution(self) -> Solution:
        """Log-likelihood, gradient, Hessian and persons' contributions by `phi`."""
        with one_thread():
            return solution(self.ordinal.lay, self.ordinal.data, self.phi)

    @property
    def natural(self) -> params.Natural:
        """Not of this model."""
        raise NotImplementedError("an ordinal model has no residual; use parameters() or courses()")

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.ordinal.lay.n_free

    @property
    def loglik(self) -> float:
        """Log-likelihood: logarithm of the probability of the categories seen."""
        return self.solution.loglik

    @cached_property
    def prior(self) -> Array:
        """(N, k): membership probabilities before the item is seen."""
        lay = self.ordinal.lay
        logits = np.zeros((self.n, self.k))
        gamma = self.phi[: lay.n_logits].reshape(lay.k - 1, lay.n_membership)
        logits[:, :-1] = self.ordinal.data.membership @ gamma.T
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        return found / found.sum(axis=1, keepdims=True)

    def log_posterior_slopes(self) -> Array:
        """(N, k, free): derivatives by `phi` of the logarithms of the posterior probabilities."""
        lay, phi = self.ordinal.lay, self.phi[None]
        at = evaluate(lay, self.ordinal.data, lay.natural(phi))
        found: Array = (at.class_scores[:, 0] - at.scores[0]).swapaxes(0, 1) @ lay.jacobian(phi)[0]
        return found

    @cached_property
    def _names(self) -> pd.DataFrame:
        return self.ordinal.names()

    @cached_property
    def _reported(self) -> tuple[Array, Array]:
        lay, phi = self.ordinal.lay, self.phi[None]
        linear = self.ordinal.reported()
        return linear @ lay.natural(phi)[0], linear @ lay.jacobian(phi)[0]

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know before using it; empty where nothing is wrong."""
        found = [
            *self._empty(),
            *self._maximum(),
            *self._unbounded(),
            *diagnose._small(self.design, self.probabilities),
        ]
        if not self.search.replicated:
            text = f"best value reached by {self.search.replication} of {self.search.n_starts} starts"
            found.append(Problem("the maximum", text, "take more starts or fewer classes"))
        return tuple(found)

    def _empty(self) -> list[Problem]:
        what = "nobody has it: its probability is estimated as zero and it has no threshold of its own"
        remedy = (
            f"join it with a neighbour, or give categories={self.ordinal.categories[0], self.ordinal.categories[-1]}"
        )
        return [Problem(f"category {c}", what, remedy, grave=False) for c in self.ordinal.empty]

    def _maximum(self) -> list[Problem]:
        at, found = self.solution, []
        distance, definite = newton.relative_distance(at.gradient, at.hessian)
        if not definite:
            direction = self._reported[1] @ np.linalg.eigh(-at.hessian)[1][:, 0]
            name = diagnose._name(self._names.iloc[int(np.argmax(np.abs(direction)))])
            what = "the information is not positive definite in its direction"
            found.append(Problem(name, what, "the data do not determine it: take fewer classes, or make it common"))
        if not distance < newton.TOLERANCE:
            what = f"not converged, relative distance {distance:.1e} instead of {newton.TOLERANCE:.0e}"
            found.append(Problem("the maximum", what, "take more starts or fewer classes"))
        return found

    def _unbounded(self) -> list[Problem]:
        """Coefficients that run away: large, and with an error larger still."""
        try:
            error = np.sqrt(np.diag(self.covariance()))
        except inference.InferenceError:
            error = np.full(self.n_parameters, np.inf)
        size = np.abs(self._reported[0]) * self.ordinal.spread()
        bad = (size > LARGEST) & (error * self.ordinal.spread() > size)
        what = "grows without bound: some categories never occur with some values of its column, or in its class"
        remedy = "make it common to the classes, leave it out, or take fewer classes"
        return [Problem(diagnose._name(self._names.iloc[j]), what, remedy) for j in np.flatnonzero(bad)]

    def courses(
        self,
        times: Sequence[float] | Array | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        kind: str = "model",
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Mean category and probability of each category by class and time with pointwise bands.

        Columns as of `ordinal.courses.table`. Covariates stand at their mean, the columns of categorical ones at their
        shares (a location, not an average of probabilities); `at` sets them instead.
        """
        grid = np.linspace(self.design.time.min(), self.design.time.max(), 49) if times is None else np.asarray(times)
        return courses.table(self.ordinal, self.phi, self.free_covariance(kind), grid, at, level)

    def plot(self, **options: Any) -> alt.LayerChart | alt.FacetChart:
        """Probability of each category over time, one panel per class."""
        if options:
            raise TypeError(f"the plot of an ordinal model has no option {', '.join(options)}")
        time = self.spec.time
        names = [f"p_{c}" for c in self.ordinal.categories]
        rows = self.courses().melt(["class", time], names, "category", "probability")
        rows["category"] = rows["category"].str.removeprefix("p_")
        chart = (
            alt.Chart(rows)
            .mark_area()
            .encode(
                x=alt.X(f"{time}:Q"),
                y=alt.Y("probability:Q", stack=True, scale=alt.Scale(domain=[0, 1])),
                color=alt.Color("category:O", scale=alt.Scale(scheme="blues")),
            )
        )
        return chart.properties(width=220, height=180).facet("class:N", columns=3)

    def predict(self, frame: pd.DataFrame | None = None) -> Prediction:
        """Not there for ordinal items."""
        raise NotImplementedError("predictions for new persons are not there for ordinal items; see posterior")

    def labels(self, baseline: float, rule: labels.TfRule = labels.PLAN) -> tuple[str, ...]:
        """Not there for ordinal items: the plan's labels are falls of a score."""
        raise NotImplementedError("the plan's labels are falls of a score; an ordinal item has none")

    def to_html(self) -> str:
        """Not there for ordinal items."""
        raise NotImplementedError("no page for ordinal items yet; use summary() and plot()")

    def criteria(self) -> dict[str, Any]:
        """One row of a table of models, with the link."""
        return {"link": self.ordinal.spec.link} | super().criteria()

    def summary(self) -> str:
        """The fit in words and tables, for a terminal."""
        spec = self.ordinal.spec
        head = f"ordinal item {spec.outcome}, cumulative {spec.link}, categories {self.ordinal.categories}"
        return head + "\n" + super().summary().replace("family gaussian", f"cumulative {spec.link}")

    def save(self, path: Path) -> None:
        """Write to `path`; it holds persons' scores and stays inside. `load` reads it with the same version only."""
        with Path(path).open("wb") as file:
            pickle.dump(self, file)

    @classmethod
    def load(cls, path: Path) -> OrdinalTrajectories:
        """What `save` wrote. A pickle: read only files you wrote yourself."""
        with Path(path).open("rb") as file:
            found = pickle.load(file)
        if not isinstance(found, cls):
            raise TypeError(f"{path} holds {type(found).__name__}, not {cls.__name__}")
        return found
