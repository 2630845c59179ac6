"""What referring at the landmark would change: at each threshold, per 1,000 persons in treatment then.

Who ends badly and is referred is spared the weeks from the landmark to the end of that treatment; who would have
responded and is referred loses a treatment that was going to work. Nothing is assumed about what follows the referral.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.early.measures import interval, referred

Array = NDArray[np.float64]

PER = 1000
THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.05), 2)


def shown(bad: Array, p: Array, thresholds: Array, minimum: int) -> NDArray[np.bool_]:
    """(thresholds,): which may be published under the small-cell rule.

    Counts at two thresholds give those between them. So a threshold is kept where referred bad and good ends, those
    left, and the steps from the threshold kept before are all 0 or at least `minimum`.
    """
    who = referred(p, thresholds)
    true, false = bad @ who, (1 - bad) @ who
    before = np.array([bad.sum(), len(bad) - bad.sum()])
    whole = before.copy()
    kept = np.zeros(len(thresholds), dtype=bool)
    for t in range(len(thresholds)):
        here = np.array([true[t], false[t]])
        counts = np.concatenate([here, before - here, whole - here])
        if np.all((counts == 0) | (counts >= minimum)):
            kept[t], before = True, here
    return kept


def table(bad: Array, p: Array, weeks: Array, weight: Array, minimum: int) -> pd.DataFrame:
    """One row per threshold and quantity, with 95 % limits over the draws (draws, n) of `weight`.

    weeks (n,): from the landmark to the end of the treatment. Quantities: referred, true_referred, good_referred
    (would have responded), true_missed, weeks_saved, all per 1,000; per_true: referred per bad end among them;
    weeks_per_true: weeks spared per bad end referred. Rows that the small-cell rule forbids have `is_shown` false and
    no values.
    """
    who = referred(p, THRESHOLDS)
    total = weight.sum(axis=1, keepdims=True)
    true, good = (weight * bad) @ who, (weight * (1 - bad)) @ who
    weeks_saved = (weight * bad * np.nan_to_num(weeks)) @ who
    per = PER / total
    with np.errstate(divide="ignore", invalid="ignore"):
        quantities = {
            "referred": (true + good) * per,
            "true_referred": true * per,
            "good_referred": good * per,
            "true_missed": (weight @ bad)[:, None] * per - true * per,
            "weeks_saved": weeks_saved * per,
            "per_true": np.where(true > 0, (true + good) / true, np.nan),
            "weeks_per_true": np.where(true > 0, weeks_saved / true, np.nan),
        }
    may = shown(bad, p, THRESHOLDS, minimum)
    rows = []
    for t, threshold in enumerate(THRESHOLDS):
        for name, values in quantities.items():
            found = interval(values[:, t]) if may[t] else (np.nan, np.nan, np.nan)
            rows.append((float(threshold), name, *found, bool(may[t])))
    return pd.DataFrame(rows, columns=["threshold", "quantity", "estimate", "lower", "upper", "is_shown"])
