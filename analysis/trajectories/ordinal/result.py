"""A fitted ordinal latent class growth model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import diagnose, inference, newton
from analysis.trajectories.courses import rows_at
from analysis.trajectories.errors import Problem
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.likelihood import Solution
from analysis.trajectories.ordinal import courses
from analysis.trajectories.ordinal.design import OrdinalDesign
from analysis.trajectories.ordinal.kernel import Cells, evaluate, objective, solution
from analysis.trajectories.ordinal.predict import OrdinalPrediction, predict
from analysis.trajectories.ordinal.spec import OrdinalGrowth
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]

LARGEST = 4.0
"""A coefficient beyond this per standard deviation of its column, with an error larger than itself, is unbounded."""


@dataclass(frozen=True)
class OrdinalTrajectories(Fitted):
    """The result of `OrdinalGrowth.fit`; criteria, parameters, Wald tests, classes, posterior and page as of `Fitted`.

    Class 1 has the lowest mean category at `order_at`. The plan's labels are falls of a score; an item has none.
    """

    ordinal: OrdinalDesign

    @property
    def spec(self) -> OrdinalGrowth:
        """The specification."""
        return self.ordinal.spec

    @property
    def family(self) -> str:
        """`cumulative logit` or `cumulative probit`."""
        return f"cumulative {self.spec.link}"

    @property
    def data(self) -> Cells:
        """What the likelihood reads."""
        return self.ordinal.data

    @cached_property
    def solution(self) -> Solution:
        """Log-likelihood, gradient, Hessian and persons' contributions by `phi`."""
        with one_thread():
            return solution(self.ordinal.lay, self.ordinal.data, self.phi)

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.ordinal.lay.n_free

    @property
    def n_logits(self) -> int:
        """Number of membership logits; they stand first in `phi`."""
        return self.ordinal.lay.n_logits

    @property
    def log_units(self) -> Array:
        """(N,): zeros, for probabilities have no unit."""
        return np.zeros(self.n)

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
            *diagnose.small_classes(self.design, self.probabilities),
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
            name = diagnose.parameter_name(self._names.iloc[int(np.argmax(np.abs(direction)))])
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
        return [Problem(diagnose.parameter_name(self._names.iloc[j]), what, remedy) for j in np.flatnonzero(bad)]

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
        return courses.table(self.ordinal, self.phi, self.band_covariance(kind), grid, at, level)

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

    def predict(self, frame: pd.DataFrame | None = None) -> OrdinalPrediction:
        """Predictions for the persons of `frame` from the items in it, however few; None: the persons of the fit."""
        if frame is None:
            design = self.design
            return OrdinalPrediction(self.ordinal, self.phi, design.persons, design.covariates, self.probabilities)
        return predict(self.ordinal, self.phi, frame)

    def criteria(self) -> dict[str, Any]:
        """One row of a table of models, with the link."""
        return {"link": self.ordinal.spec.link} | super().criteria()

    def summary(self) -> str:
        """The fit in words and tables, for a terminal."""
        spec = self.ordinal.spec
        head = f"ordinal item {spec.outcome}, cumulative {spec.link}, categories {self.ordinal.categories}"
        return head + "\n" + super().summary()

    # -- what refits need ------------------------------------------------------------------------------------------

    def means_at(self, phi: Array, times: Array) -> Array:
        """(k, times): mean categories at another point `phi`."""
        x = self.ordinal.internal(rows_at(self.design, times))
        found: Array = courses.row_probabilities(self.ordinal, phi, x) @ self.ordinal.scale
        return found

    def row_means(self) -> Array:
        """(k, rows): the mean category of each class in each row of the data."""
        x = self.ordinal.internal(self.design.x)
        found: Array = courses.row_probabilities(self.ordinal, self.phi, x) @ self.ordinal.scale
        return found

    def permuted(self, phi: Array, order: NDArray[np.intp]) -> Array:
        """The same point with the classes in another order."""
        lay = self.ordinal.lay
        found: Array = lay.free(lay.permuted(lay.natural(phi[None])[0], order)[None])[0]
        return found

    def log_joint_at(self, phi: Array) -> Array:
        """(k, N): log prior + log probability of the categories of all persons at another point."""
        lay = self.ordinal.lay
        return evaluate(lay, self.data, lay.natural(phi[None]), louis=False).log_joint[0]

    def loglik_of(self, data: Cells, phi: Array) -> float:
        """Log-likelihood of other persons at `phi`."""
        lay = self.ordinal.lay
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(evaluate(lay, data, lay.natural(phi[None]), louis=False).loglik[0])

    def climbed(self, data: Cells, rng: np.random.Generator, starts: int = 0, drawn: bool = False) -> newton.Maxima:
        """Maxima of other data: from this solution, and from `starts` starts of their own; see `Fitted.climbed`."""
        from analysis.trajectories.ordinal import search

        lay = self.ordinal.lay
        ends = newton.maximise(objective(lay, data), self.phi[None])
        if not starts or lay.k == 1:
            return ends
        base = lay.with_classes(1).natural(search.one_class(lay, data).phi)[0]
        return newton.joined(ends, search.climb(lay, data, search.draw(lay, base, starts, rng)))

    def redrawn(self, rng: np.random.Generator) -> Cells:
        """Data of the same persons at the same times, drawn from this model."""
        klass = (np.log(np.maximum(self.prior, 1e-300)) + rng.gumbel(size=self.prior.shape)).argmax(axis=1)
        x = self.ordinal.internal(self.design.x)
        rows = np.arange(len(x))
        shares = courses.row_probabilities(self.ordinal, self.phi, x)[klass[self.design.person], rows]
        code = (np.cumsum(shares, axis=1)[:, :-1] < rng.random(len(x))[:, None]).sum(axis=1)
        return self.ordinal.with_codes(code.astype(np.intp))
