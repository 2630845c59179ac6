"""Weights by logistic regression with all that a stacked sandwich needs of it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from formulaic import Formula
from numpy.typing import NDArray
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import ConvergenceWarning, PerfectSeparationError, PerfectSeparationWarning

from analysis.trajectories.design import plain
from analysis.trajectories.errors import DesignError
from analysis.twostep.stack import PersonWeights

Array = NDArray[np.float64]

EXTREME = 1e-6
"""A probability nearer to 0 or 1 than this says that the selection is determined: no weight can repair it."""


def selection(
    formula: str, frame: pd.DataFrame, *, person: str = "subject_id", numerator: str | None = None
) -> PersonWeights:
    """Inverse probability weights of being selected, e.g. `"retained ~ age + baseline"`, one row per person.

    The left side is 1 for the persons kept. They get 1 / p, the others 0. With `numerator`, a one-sided formula such as
    `"~ 1"`, weights are stabilised (Robins, Hernan & Brumback 2000). Raises DesignError for missing values, for a
    selection that is no 0/1 column and for one that is determined by the columns.
    """
    selected = formula.partition("~")[0].strip()
    if selected not in frame.columns or not formula.partition("~")[2].strip():
        raise DesignError(f"{formula!r} does not name a column of the frame and its predictors: 'retained ~ age'")
    data = plain(frame)
    kept = data[selected].to_numpy(dtype=float)
    bad = ~np.isin(kept, (0.0, 1.0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DesignError(f"column {selected}, row {row} is {kept[row]}; 1 says selected, 0 not")
    persons = pd.Index(frame[person])
    p, slope, influence = _logistic(formula.partition("~")[2], data, kept)
    values, change = 1 / p, -slope / (p**2)[:, None]
    if numerator is not None:
        q, rise, above = _logistic(numerator.replace("~", "", 1), data, kept)
        change = np.concatenate([change * q[:, None], rise / p[:, None]], axis=1)
        values, influence = q / p, np.concatenate([influence, above])
    return PersonWeights(persons, values * kept, change * kept[:, None], influence)


def _logistic(right: str, data: pd.DataFrame, kept: Array) -> tuple[Array, Array, Array]:
    """Fitted probabilities (n,), their derivatives (n, parameters), influence (parameters, n)."""
    absent = [v for v in Formula(right).required_variables if v in data and data[v].isna().any()]
    if absent:
        row = int(np.argmax(data[absent[0]].isna().to_numpy()))
        raise DesignError(f"column {absent[0]} is missing, first in row {row}; fill it or leave it out of the weights")
    x = np.asarray(Formula(right).get_model_matrix(data), dtype=float)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            fit = Logit(kept, x).fit(disp=0, method="newton", maxiter=100, tol=1e-12)
            p = np.asarray(fit.predict())
        except (np.linalg.LinAlgError, PerfectSeparationError):
            p = np.zeros(1)
    if p.min() < EXTREME or (p.max() > 1 - EXTREME and kept.min() == 0):
        raise DesignError(
            f"selection is determined by {right.strip()}: a fitted probability is 0 or 1, or columns are collinear; "
            "take fewer or coarser columns, or restrict the population to those who could have been selected"
        )
    spread = p * (1 - p)
    bread = np.linalg.inv(x.T @ (x * spread[:, None]))
    return p, x * spread[:, None], bread @ (x * (kept - p)[:, None]).T
