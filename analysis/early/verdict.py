"""What the comparison of predictors says, in plain sentences chosen by the result."""

from __future__ import annotations

import math

import pandas as pd

from analysis.early.models import BOTH, CLASSES, LAST, LOGISTIC

WORDS = {"nonresponse": "non-response at exit", "next_failure": "failure of the next step"}


def verdict(performance: pd.DataFrame, landmark: float, target: str) -> str:
    """Whether the class model tells more at a landmark than baseline and last score do (cross-validated AUC)."""
    own = performance[
        (performance["kind"] == "cross-validation")
        & (performance["landmark"] == landmark)
        & (performance["target"] == target)
    ]
    names = zip(own["predictor"], own["measure"], strict=True)
    values = own[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    found = {name: tuple(map(float, row)) for name, row in zip(names, values, strict=True)}
    what = f"{WORDS.get(target, target)} at week {landmark:g}"
    gain, low, high = found.get((CLASSES, "auc_gain"), (math.nan,) * 3)
    if math.isnan(gain):
        return f"Too few persons to judge a prediction of {what}."
    last, best, both = (found[name, "auc"][0] for name in (LAST, LOGISTIC, BOTH))
    said = (
        f"For {what}, baseline and last score reach an AUC of {last:.2f}, regression on all that is known {best:.2f};"
        f" the class model differs from the last score by {gain:+.3f}"
    )
    if math.isnan(low):
        return f"{said} (no interval: no bootstrap was asked)."
    if low > 0:
        judged = "it tells more than baseline and last score do"
    elif high < 0:
        judged = "it tells less than baseline and last score do"
    else:
        judged = "it adds nothing to baseline and last score that these data can show"
    return (
        f"{said} (95 % interval {low:+.3f} to {high:+.3f}): {judged}. Put beside the regression it changes the AUC"
        f" from {best:.3f} to {both:.3f}."
    )
