"""Weights for exits that nobody rated, from what had been seen before: one pooled logistic regression over visits.

At every visit of the next step a person may be seen for the last time without an exit rating. The chance of that given
the history up to the visit is the hazard h; who was rated weighs prod 1 / (1 - h) over the visits at which it could
have happened (Robins, Rotnitzky & Zhao 1995). The derivative of the weights by the coefficients, and the influence of
these, go into the stacked sandwich.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from formulaic import Formula
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from analysis.trajectories.design import plain
from analysis.trajectories.errors import DesignError
from analysis.twostep import PersonWeights

HIGHEST = 0.999
"""A hazard above it says that nobody like this person was rated: there is nobody to stand for him."""


def history_weights(
    formula: str, visits: pd.DataFrame, rated: pd.Series, *, person: str = "subject_id"
) -> PersonWeights:
    """Weights from `visits`, one row per person and visit at risk; `formula` such as `"gone ~ score + I(score**2)"`.

    `gone` is 1 at the last visit of a person who left unrated, else 0; the last visit of who finished is no risk and no
    row. `rated`, 1 or 0 by person, names everybody; who was rated without being at risk weighs 1, who was not, 0.
    Raises DesignError for missing history and for leaving that is determined by it.
    """
    event = formula.partition("~")[0].strip()
    ids = pd.Index(rated.index, name=person)
    kept = rated.to_numpy(dtype=float)
    data = plain(visits.reset_index(drop=True))
    y = data[event].to_numpy(dtype=float)
    codes = ids.get_indexer(pd.Index(visits[person]))
    if (codes < 0).any():
        raise DesignError(f"a visit of {visits[person].iloc[int(np.argmin(codes))]}, of whom it is not said if rated")
    if not y.any():
        return PersonWeights.fixed(pd.Series(kept, index=ids))
    needed = [v for v in Formula(formula.partition("~")[2]).required_variables if v in data]
    for name in needed:
        gaps = data[name].isna().to_numpy()
        if gaps.any():
            first = visits[person].iloc[int(np.argmax(gaps))]
            raise DesignError(f"column {name} of the history is missing for {int(gaps.sum())} visits, first of {first}")
    x = np.asarray(Formula(formula.partition("~")[2]).get_model_matrix(data), dtype=float)
    scale = np.where(np.abs(x).max(axis=0) > 0, np.abs(x).max(axis=0), 1.0)
    x = x / scale
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            h = np.asarray(Logit(y, x).fit(disp=0, method="newton", maxiter=100, tol=1e-12).predict())
        except np.linalg.LinAlgError as error:
            raise DesignError(f"columns of the history are collinear: {formula}; take fewer") from error
    if h.max() > HIGHEST:
        raise DesignError(f"leaving is determined by the history ({formula}): a hazard is {h.max():.4f}; take fewer")
    bread = np.linalg.inv((x * (h * (1 - h))[:, None]).T @ x)
    score = np.zeros((len(ids), x.shape[1]))
    np.add.at(score, codes, x * (y - h)[:, None])
    logs, slopes = np.zeros(len(ids)), np.zeros((len(ids), x.shape[1]))
    np.add.at(logs, codes, -np.log1p(-h))
    np.add.at(slopes, codes, x * h[:, None])  # d(-log(1 - h)) / d alpha = h x
    values = kept * np.exp(logs)
    return PersonWeights(ids, values, slopes * values[:, None], bread @ score.T)
