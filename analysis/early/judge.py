"""Tables of how the predictions of a validation did, from what `predict_split` gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.early import measures, referral
from analysis.early.models import LAST, ONE, PREDICTORS

Array = NDArray[np.float64]

BINS = 10
GROUP = ["kind", "validation", "landmark", "target"]
ALL = "refer everybody"


def validations(predictions: pd.DataFrame) -> pd.DataFrame:
    """Rows with a known end and a column `validation`: the folds together, and each study or transport by itself."""
    rows = predictions.dropna(subset=["bad"]).copy()
    rows["validation"] = np.where(rows["kind"] == "cross-validation", "all folds", rows["split"])
    return rows


def groups(rows: pd.DataFrame, bootstraps: int, seed: int) -> Iterator[tuple[Any, pd.DataFrame, Array]]:
    """Each validation, landmark and target: persons (rows) by predictor (columns, and `bad`, `study_id`), and draws."""
    for key, part in rows.groupby(GROUP, sort=False):
        wide = part.pivot(index="subject_id", columns="predictor", values="p")
        first = part.drop_duplicates("subject_id").set_index("subject_id")
        wide[["bad", "study_id"]] = first[["bad", "study_id"]]
        wide["bad"] = wide["bad"].astype(float)
        yield key, wide, measures.draws(wide["study_id"].to_numpy(dtype=object), bootstraps, seed)


def performance(wide: pd.DataFrame, weight: Array, minimum: int) -> pd.DataFrame:
    """One row per predictor and measure with limits: auc, auc_gain (over baseline and last score), auc_classes (over
    the growth model with one class), brier, brier_gain, intercept, slope. Nothing is shown where either end is rarer
    than `minimum`.
    """
    bad = wide["bad"].to_numpy()
    n, events = len(bad), int(bad.sum())
    hidden = min(events, n - events) < minimum
    last, single = wide[LAST].to_numpy(), measures.auc(bad, wide[ONE].to_numpy(), weight)
    before = {"auc": measures.auc(bad, last, weight), "brier": measures.brier(bad, last, weight)}
    rows = []
    for predictor in (name for name in PREDICTORS if name in wide):
        p = wide[predictor].to_numpy()
        level, slope = measures.calibration(bad, p, weight)
        area, score = measures.auc(bad, p, weight), measures.brier(bad, p, weight)
        for name, values in {
            "auc": area,
            "auc_gain": area - before["auc"],
            "auc_classes": area - single,
            "brier": score,
            "brier_gain": before["brier"] - score,
            "intercept": level,
            "slope": slope,
        }.items():
            rows.append((predictor, name, *((np.nan,) * 3 if hidden else measures.interval(values))))
    found = pd.DataFrame(rows, columns=["predictor", "measure", "estimate", "lower", "upper"])
    shown = pd.array([pd.NA if hidden else n] * len(found), dtype="Int64")
    return found.assign(n=shown, events=pd.array([pd.NA if hidden else events] * len(found), dtype="Int64"))


def net_benefit(wide: pd.DataFrame, weight: Array, minimum: int) -> pd.DataFrame:
    """One row per predictor and threshold: net benefit with limits, and its gain over the better of all and none."""
    bad, at = wide["bad"].to_numpy(), referral.THRESHOLDS
    everybody = measures.refer_all(bad, weight, at)
    default = np.maximum(everybody, 0.0)
    rows = []
    curves = {ALL: (everybody, np.full(len(at), min(bad.sum(), len(bad) - bad.sum()) >= minimum))}
    for predictor in (name for name in PREDICTORS if name in wide):
        p = wide[predictor].to_numpy()
        curves[predictor] = (
            measures.net_benefit(bad, p, weight, at),
            referral.shown(bad, p, at, minimum),
        )
    for predictor, (values, may) in curves.items():
        for t, threshold in enumerate(at):
            found = measures.interval(values[:, t]) if may[t] else (np.nan,) * 3
            gain = measures.interval((values - default)[:, t]) if may[t] else (np.nan,) * 3
            rows.append((predictor, float(threshold), *found, *gain, bool(may[t])))
    columns = "predictor threshold estimate lower upper gain gain_lower gain_upper is_shown".split()
    return pd.DataFrame(rows, columns=columns)


def referrals(wide: pd.DataFrame, weeks: pd.Series, weight: Array, minimum: int) -> pd.DataFrame:
    """`referral.table` of every predictor; `weeks` from the landmark to the end, by subject_id."""
    bad, left = wide["bad"].to_numpy(), weeks.reindex(wide.index).to_numpy(dtype=float)
    tables = [
        referral.table(bad, wide[name].to_numpy(), left, weight, minimum).assign(predictor=name)
        for name in PREDICTORS
        if name in wide
    ]
    return pd.concat(tables, ignore_index=True)


def calibration(wide: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Groups of like probability: mean of it and share of bad ends with limits (Wilson 1927), per predictor.

    Persons in `BINS` groups of equal size, equal probabilities together; a group whose bad or good ends are too few to
    be shown joins the next one.
    """
    tables = []
    bad = wide["bad"].to_numpy()
    for predictor in (name for name in PREDICTORS if name in wide):
        p = wide[predictor].to_numpy()
        group = _merged(np.searchsorted(np.unique(np.quantile(p, np.linspace(0, 1, BINS + 1)[1:-1])), p), bad, minimum)
        part = (
            pd.DataFrame({"group": group, "p": p, "bad": bad})
            .groupby("group")
            .agg(n=("p", "size"), predicted=("p", "mean"), observed=("bad", "mean"))
        )
        low, high = _wilson(part["observed"].to_numpy(), part["n"].to_numpy(dtype=float))
        part = part.assign(lower=low, upper=high)
        few = np.rint(np.minimum(part["observed"], 1 - part["observed"]) * part["n"])
        part = part[(few == 0) | (few >= minimum)]
        tables.append(part.reset_index(drop=True).assign(predictor=predictor))
    return pd.concat(tables, ignore_index=True)


def _merged(group: NDArray[np.intp], bad: Array, minimum: int) -> NDArray[np.intp]:
    """Groups joined upwards until bad and good ends are 0 or `minimum` or more; the last joins its neighbour."""
    n = int(group.max()) + 1
    ends = np.stack([np.bincount(group, bad, n), np.bincount(group, 1 - bad, n)])
    to, current, held = np.zeros(n, dtype=np.intp), 0, np.zeros(2)
    for g in range(n):
        held = held + ends[:, g]
        to[g] = current
        if np.all((held == 0) | (held >= minimum)) and held.sum() >= minimum:
            current, held = current + 1, np.zeros(2)
    if held.any() and current > 0:
        to[to == current] = current - 1
    return to[group]


def _wilson(share: Array, n: Array, z: float = 1.959964) -> tuple[Array, Array]:
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - half, centre + half
