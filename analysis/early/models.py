"""The predictors of Aim C, each from training persons to a probability for others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from analysis.early.landmark import SUMMARY, VISITS

Array = NDArray[np.float64]

RULE, LAST, LOGISTIC, BOOSTED = "fall below 20 %", "baseline and last score", "logistic", "boosted trees"
ONE, CLASSES, BOTH = "one-class growth model", "class model", "class model and logistic"
BENCHMARKS = (RULE, LAST, LOGISTIC, BOOSTED)
"""As the plan names them; `RULE` predicts the bad end where the fall stays below 20 %."""
PREDICTORS = (*BENCHMARKS, ONE, CLASSES, BOTH)
FALL = 0.20
UNPENALISED = 1e6
LEAST_EVENTS = 20
"""With fewer bad or good ends among the training persons nothing is fitted."""


@dataclass(frozen=True)
class Known:
    """What is known at a landmark, by subject_id: `summary` of the scores, `dynamic` of the growth models."""

    summary: pd.DataFrame
    dynamic: pd.DataFrame

    def rows(self, subjects: pd.Index) -> Known:
        """Some of the persons."""
        return Known(self.summary.loc[subjects], self.dynamic.loc[subjects])


Predict = Callable[[Known], Array]


def fit_all(known: Known, bad: Array, seed: int) -> dict[str, Predict]:
    """Every predictor fitted to persons with their ends `bad` (n,) 0/1, on one thread."""
    by_class = [c for c in known.dynamic.columns if c != "one"]
    # a column without any value among the training persons cannot be binned
    filled = [c for c in (*SUMMARY, *(f"week_{n}" for n in VISITS)) if known.summary[c].notna().any()]
    frames: Mapping[str, tuple[Callable[[Known], pd.DataFrame], Any]] = {
        LAST: (lambda k: k.summary[["baseline", "last"]], _regression(UNPENALISED)),
        LOGISTIC: (lambda k: k.summary[list(SUMMARY)], _regression(1.0)),
        BOOSTED: (lambda k: k.summary[filled], _boosted(seed)),
        ONE: (lambda k: k.dynamic[["one"]], _regression(UNPENALISED)),
        CLASSES: (lambda k: k.dynamic[by_class], _regression(1.0)),
        BOTH: (lambda k: k.summary[list(SUMMARY)].join(k.dynamic[by_class]), _regression(1.0)),
    }
    found: dict[str, Predict] = {RULE: _rule(known, bad)}
    with threadpool_limits(1):
        for name, (take, model) in frames.items():
            model.fit(take(known).to_numpy(dtype=float), bad)
            found[name] = _asking(take, model)
    return found


def _asking(take: Callable[[Known], pd.DataFrame], model: Any) -> Predict:
    def predict(known: Known) -> Array:
        with threadpool_limits(1):
            return np.asarray(model.predict_proba(take(known).to_numpy(dtype=float))[:, 1], dtype=float)

    return predict


def _rule(known: Known, bad: Array) -> Predict:
    """Two groups, each with the share of bad ends it has among the training persons."""
    low = known.summary["fall"].to_numpy() < FALL
    overall = bad.mean()
    share = [float(bad[g].mean()) if g.any() else float(overall) for g in (~low, low)]

    def predict(asked: Known) -> Array:
        return np.where(asked.summary["fall"].to_numpy() < FALL, share[1], share[0])

    return predict


def _regression(c: float) -> Any:
    # a column that is nowhere filled in the training persons stays, as 0: it is the same for everybody
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=c, max_iter=1000, tol=1e-8),
    )


def _boosted(seed: int) -> Any:
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=1.0,
        random_state=seed,
    )
