"""Covariate -> class through assigned classes (Vermunt 2010), a check of the two-step estimator.

Everybody is assigned to the likeliest class; sum_i log sum_k pi_k(x_i) P(assigned a_i | class k) is maximised with the
error matrix held. lcmm calls it conditional. The error comes from drawing the class model's parameters from their
distribution and combining as for multiple imputation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import Trajectories, newton
from analysis.trajectories.inference import inverse_information
from analysis.twostep import engine
from analysis.twostep.assignment import modal
from analysis.twostep.membership import ClassMembership, Logit

Array = NDArray[np.float64]


def conditional(
    spec: ClassMembership, result: Trajectories, frame: pd.DataFrame, *, seed: int, draws: int = 200
) -> pd.DataFrame:
    """One row per logit: `class`, `term`, `estimate`, `se`, `mean_of_draws` (what lcmm reports as estimate).

    Draws in which a class is assigned to nobody are left out; `draws` in the result counts those that were used.
    """
    two_step = spec.fit(result, frame)
    at, x = two_step.at, two_step.data.x
    rng = np.random.default_rng(seed)
    lower = np.linalg.cholesky(inverse_information(result.information))
    points = result.phi + rng.normal(size=(draws, len(result.phi))) @ lower.T
    found, spreads = [], []
    for phi in (result.phi, *points):
        p = engine.posterior(engine.log_joint(result.design, phi))[:, at].T
        w = modal(p)
        d = p.T @ w / p.sum(axis=0)[:, None]
        with np.errstate(divide="ignore"):
            data = Logit(np.log(d @ w.T), x, np.ones(len(x)))
        ends = newton.maximise(data.objective, np.zeros((1, data.n_parameters)))
        if ends.converged[0]:
            found.append(ends.phi[0])
            spreads.append(inverse_information(-ends.hessian[0]))
        elif not found:
            raise ValueError(
                "the assignments do not tell the classes apart: the conditional regression has no solution"
            )
    to = np.kron(np.eye(result.k - 1), two_step.inverse)
    values = np.array(found) @ to.T
    m = len(values) - 1
    between = np.atleast_2d(np.cov(values[1:].T)) * (1 + 1 / m)
    within = to @ np.mean(spreads[1:], axis=0) @ to.T
    names = two_step.parameters("naive")[["class", "term"]]
    se = np.sqrt(np.diag(within + between))
    return names.assign(estimate=values[0], se=se, mean_of_draws=values[1:].mean(axis=0), draws=m)
