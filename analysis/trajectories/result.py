"""A fitted growth mixture of scores: everything a reader asks of it beyond what every kind of model has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import courses, diagnose, estimates, labels, likelihood, newton, params, show
from analysis.trajectories.censored import CensoredPanel
from analysis.trajectories.design import GrowthMixture
from analysis.trajectories.em import em
from analysis.trajectories.errors import Problem
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.likelihood import Data, Solution, log_posterior_slopes, solution
from analysis.trajectories.predict import Prediction, predict
from analysis.trajectories.redraw import simulate_scores
from analysis.trajectories.starts import draw
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectories(Fitted):
    """The result of `GrowthMixture.fit`. Classes are numbered from 1, the lowest mean at `order_at` first.

    design: the data as the kernel sees them. phi: (free,) the optimiser's parameters. search: how it was found.
    iterations: Newton steps of the start that won.
    """

    @property
    def spec(self) -> GrowthMixture:
        """The specification."""
        return self.design.spec

    @property
    def family(self) -> str:
        """`gaussian` or `censored`."""
        return self.spec.family

    @property
    def data(self) -> Data:
        """What the likelihood reads."""
        return self.design.data

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
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.design.st.n_free

    @property
    def n_logits(self) -> int:
        """Number of membership logits; they stand first in `phi`."""
        return self.design.st.n_logits

    @property
    def log_units(self) -> Array:
        """(N,): what a person's log density in `solution.log_joint` is above that in the units of the frame."""
        data = self.design.data
        visits = data.seen.visits if isinstance(data, CensoredPanel) else data.visits
        found: Array = visits * float(np.log(self.design.to.scale))
        return found

    @cached_property
    def loglik(self) -> float:
        """Log-likelihood of the scores in the units of the frame."""
        return self.solution.loglik + self._shift(self.design.data)

    def _shift(self, data: Data) -> float:
        """What the log-likelihood of `data` in internal coordinates lacks of that in the units of the frame."""
        return -self.design.seen_rows(data) * float(np.log(self.design.to.scale))

    def log_posterior_slopes(self) -> Array:
        """(N, k, free): derivatives by `phi` of the logarithms of the posterior probabilities."""
        return log_posterior_slopes(self.design.st, self.design.data, self.phi)

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

    # -- estimates -------------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> pd.DataFrame:
        return estimates.names(self.design)

    @cached_property
    def _reported(self) -> tuple[Array, Array]:
        return estimates.reported(self.design, self.phi)

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
        return courses.table(self.design, self.phi, self.band_covariance(kind), grid, at, level)

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

    def plot(self, **options: Any) -> alt.LayerChart | alt.FacetChart:
        """Courses of the classes with band and observed means; options as of `show.plot`."""
        return show.plot(self, **options)

    # -- what refits need ------------------------------------------------------------------------------------------

    def means_at(self, phi: Array, times: Array) -> Array:
        """(k, times): mean courses at another point `phi`."""
        return courses.means(self.design, phi, courses.rows_at(self.design, times))[0]

    def row_means(self) -> Array:
        """(k, rows): what each class expects in each row of the data."""
        found: Array = self.design.to.beta(self.natural.beta[0]) @ self.design.x.T
        return found

    def permuted(self, phi: Array, order: NDArray[np.intp]) -> Array:
        """The same point with the classes in another order."""
        return estimates.permuted(self.design, phi, order)

    def log_joint_at(self, phi: Array) -> Array:
        """(k, N): log prior + log density of all persons at another point, in internal coordinates."""
        return likelihood.effects(self.design.st, self.design.data, phi)[0]

    def loglik_of(self, data: Data, phi: Array) -> float:
        """Log-likelihood of other persons at `phi`, in the units of the frame."""
        return likelihood.loglik(self.design.st, data, phi) + self._shift(data)

    def climbed(self, data: Data, rng: np.random.Generator, starts: int = 0, drawn: bool = False) -> newton.Maxima:
        """Maxima of other data: from this solution, and from `starts` starts of their own; see `Fitted.climbed`."""
        from analysis.trajectories import search  # which imports this module

        st, objective = self.design.st, likelihood.objective(self.design.st, data)
        if not starts or st.k == 1:
            return newton.maximise(objective, self.phi[None])
        seen = data.panel if isinstance(data, CensoredPanel) else data
        base = params.natural(st.with_classes(1), search.one_class(st, data).phi)
        points = draw(st, seen, base, starts, rng)
        if drawn:
            return newton.joined(newton.maximise(objective, self.phi[None]), search.climb(st, data, points))
        more = params.free(st, em(st, seen, points, search.EM_STEPS))
        return newton.maximise(objective, np.concatenate([self.phi[None], more]))

    def redrawn(self, rng: np.random.Generator) -> Data:
        """Data of the same persons at the same times, drawn from this model."""
        return self.design.with_scores(simulate_scores(self.design, self.phi, rng))
