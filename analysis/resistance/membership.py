"""Standardised probabilities of belonging to a set of classes, from a two-step logit of the class on covariates.

The probability at a value of an exposure is the mean, over everybody in the frame, of what the logit says with the
exposure put in place. Errors carry the class model, the logit and the frame as a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.twostep.membership import MembershipFit
from analysis.twostep.rows import read
from analysis.twostep.stack import spread

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Standardised:
    """`value` (exposures,) and its `influence` (exposures, persons)."""

    value: Array
    influence: Array

    def estimates(self, contrast: Array, level: float = 0.95) -> pd.DataFrame:
        """One row per row of `contrast` (rows, exposures): estimate, se, lower, upper, p_value (of no difference)."""
        value = contrast @ self.value
        influence = contrast @ self.influence
        se = np.sqrt((influence**2).sum(axis=1))
        half = norm.ppf(0.5 + level / 2) * se
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * norm.sf(np.abs(value / se))
        return pd.DataFrame({"estimate": value, "se": se, "lower": value - half, "upper": value + half, "p_value": p})


def standardise(
    fit: MembershipFit, frame: pd.DataFrame, changed: Sequence[dict[str, Any]], classes: Sequence[int]
) -> Standardised:
    """P(class among `classes`, numbered from 1) with columns of `frame` replaced as each of `changed` says.

    `frame` is the one the logit was fitted to; values may be columns (n,). Columns of the formula have to be numbers: a
    category would lose its levels.
    """
    values, influences = [], []
    n, k = len(frame), fit.data.k
    own = fit.influence()
    places = np.asarray(fit.persons.get_indexer(fit.step.persons[fit.at]), dtype=np.intp)
    inside = np.isin(np.arange(1, k + 1), list(classes)).astype(float)
    for change in changed:
        rows = read(fit.step, frame.assign(**change), "~" + fit.spec.formula.replace("~", "", 1), fit.spec.person)
        x = rows.x @ fit.inverse
        logits = np.vstack([fit.gamma.reshape(k - 1, -1) @ x.T, np.zeros(n)])
        p = np.exp(logits - logits.max(axis=0))
        p /= p.sum(axis=0)
        mine = inside @ p
        value = float(mine.mean())
        slope = p[:-1] * (inside[:-1, None] - mine)
        by_gamma = (slope @ x / n).ravel()
        values.append(value)
        influences.append(spread(((mine - value) / n)[None], places, len(fit.persons))[0] + by_gamma @ own)
    return Standardised(np.array(values), np.array(influences))
