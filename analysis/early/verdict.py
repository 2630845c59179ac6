"""What the comparison of predictors says, in plain sentences chosen by the result."""

from __future__ import annotations

import math

import pandas as pd

from analysis.early.models import BOTH, CLASSES, LAST, LOGISTIC

WORDS = {"nonresponse": "non-response at exit", "next_failure": "failure of the next step"}

MATTERS = 0.01
"""AUC below which a difference that is surely there is said to be too small to matter."""


def verdict(performance: pd.DataFrame, landmark: float, target: str) -> str:
    """What predicts at a landmark, and whether the classes have a part in it (cross-validated AUC).

    A growth model uses every score and so can beat the last one without any classes; whether these matter is told by
    the difference to the growth model with one class.
    """
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
    beside, from_, to = found[CLASSES, "auc_classes"]
    said = (
        f"For {what}, baseline and last score reach an AUC of {last:.2f}, regression on all that is known {best:.2f},"
        f" and {both:.2f} with the class model beside it. The class model differs from the last score by {gain:+.3f}"
    )
    if math.isnan(low):
        return f"{said} and from a growth model with one class by {beside:+.3f} (no interval: no bootstrap was asked)."
    if from_ > 0 and to < MATTERS:
        judged = f"the classes tell more than one continuum does, by too little to matter (less than {MATTERS:g})"
    elif from_ > 0:
        judged = "the classes tell more than one continuum does"
    elif to < 0:
        judged = "the classes tell less than one continuum does"
    else:
        judged = "the classes add nothing that these data can show"
    return (
        f"{said} (95 % interval {low:+.3f} to {high:+.3f}), from a growth model with one class by {beside:+.3f}"
        f" ({from_:+.3f} to {to:+.3f}): {judged}."
    )
