"""Endpoint labels (fall below 25 % or 30 % at the last score) against the course, on the same people.

Every label enters the same logistic regression beside the covariates of M1; predictions are for persons left out (10
folds). Better is a higher log score (mean log probability of what happened) and a higher AUC.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from analysis.treatment_failure.aim_a import M1

Array = NDArray[np.float64]

FOLDS, RESAMPLES = 10, 500
LABELS = {
    "endpoint, fall < 25 %": lambda p: (p["fall"] < 0.25).astype(float),
    "endpoint, fall < 30 %": lambda p: (p["fall"] < 0.30).astype(float),
    "own fall, q": lambda p: p["q_one"],
    "class, P(failure)": lambda p: p["p_tf"],
}
REFERENCE = "endpoint, fall < 25 %"


def head_to_head(people: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """One row per label: log score and AUC, and their difference from the 25 % endpoint label with 95 % intervals.

    `people`: rows with `remitted`, `fall`, `q_one`, `p_tf` and the covariates of M1; persons without outcome stay out.
    """
    seen = people[people["remitted"].notna()].reset_index(drop=True)
    y = seen["remitted"].to_numpy(dtype=float)
    if min(y.sum(), (1 - y).sum()) < FOLDS:
        return pd.DataFrame()
    rng = np.random.default_rng(seed)
    part = rng.permutation(len(seen)) % FOLDS
    base = [c for c in M1 if seen[c].nunique() > 1]
    x = seen[base].to_numpy(dtype=float)
    if seen["study_id"].nunique() > 1:
        x = np.column_stack([x, pd.get_dummies(seen["study_id"], drop_first=True).to_numpy(dtype=float)])
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    predicted = {"covariates alone": _predicted(x, y, part)}
    for name, make in LABELS.items():
        values = np.asarray(make(seen), dtype=float)
        if np.isfinite(values).all() and values.std() > 0:
            predicted[name] = _predicted(np.column_stack([x, values]), y, part)
    scores = {n: np.log(np.where(y == 1, p, 1 - p)) for n, p in predicted.items()}
    draws = rng.integers(0, len(y), (RESAMPLES, len(y)))
    draws = draws[[0 < y[d].sum() < len(y) for d in draws]]
    areas = {n: np.array([_auc(y[d], p[d]) for d in draws]) for n, p in predicted.items()}
    rows = []
    for name, p in predicted.items():
        gain = scores[name] - scores[REFERENCE]
        half = float(norm.ppf(0.975)) * float(gain.std(ddof=1)) / np.sqrt(len(gain))
        area = areas[name] - areas[REFERENCE]
        row: dict[str, object] = {
            "label": name,
            "log score": float(scores[name].mean()),
            "AUC": float(roc_auc_score(y, p)),
        }
        if name != REFERENCE:
            row["log score difference"] = float(gain.mean())
            row["log score low"], row["log score high"] = float(gain.mean()) - half, float(gain.mean()) + half
            row["AUC difference"] = float(roc_auc_score(y, p)) - float(roc_auc_score(y, predicted[REFERENCE]))
            row["AUC low"], row["AUC high"] = map(float, np.quantile(area, [0.025, 0.975]))
        rows.append(row)
    return pd.DataFrame(rows)


def _predicted(x: Array, y: Array, part: NDArray[np.intp]) -> Array:
    found = np.empty(len(y))
    for fold in range(FOLDS):
        train = part != fold
        model = LogisticRegression(C=1e4, max_iter=2000).fit(x[train], y[train])
        found[~train] = model.predict_proba(x[~train])[:, 1]
    clipped: Array = np.clip(found, 1e-4, 1 - 1e-4)
    return clipped


def _auc(y: Array, p: Array) -> float:
    """Area under the ROC by ranks; ties count half."""
    order = pd.Series(p).rank().to_numpy()
    ones = y.sum()
    return float((order[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))
