"""Who the persons are: means, medians and shares by group, as a table that has passed the small-cell rule."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.trajectories import labels
from analysis.treatment_failure.section import Classes
from analysis.warehouse import Warehouse

WITHHELD = "withheld"
KINDS = ("mean", "median", "share")


def describe(frame: pd.DataFrame, group: pd.Series, rows: Mapping[str, tuple[str, str]], minimum: int) -> pd.DataFrame:
    """One row per characteristic, one column per value of `group`.

    rows: text of the row to (column, kind): `mean` with SD, `median` with quartiles, `share` in per cent of a 0/1
    column. Gaps are left out, and said where there are any. Groups below `minimum` are withheld, of several the next
    smallest with them; shares whose count or rest is below it, too.
    """
    sizes = group.value_counts()
    hidden = set(sizes.index[sizes < minimum])
    if len(hidden) == 1 and len(sizes) > 1:
        hidden.add(sizes.drop(list(hidden)).idxmin())
    table: dict[str, list[str]] = {"": ["persons", *rows]}
    for name in sorted(sizes.index, key=str):
        own = frame[group == name]
        if name in hidden:
            table[str(name)] = [WITHHELD] * (1 + len(rows))
            continue
        cells = [_cell(own[column].astype(float), kind, minimum) for column, kind in rows.values()]
        table[str(name)] = [f"{len(own):,}", *cells]
    return pd.DataFrame(table)


def _cell(values: pd.Series, kind: str, minimum: int) -> str:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    known = values.dropna()
    gaps = len(values) - len(known)
    told = f"; {gaps:,} not known" if gaps >= minimum else ("; few not known" if gaps else "")
    if len(known) < max(minimum, 2):
        return WITHHELD if len(known) else "not known"
    if kind == "mean":
        text = f"{known.mean():.1f} ({known.std():.1f})"
    elif kind == "median":
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        text = f"{middle:.0f} ({low:.0f} to {high:.0f})"
    else:
        count = int(known.sum())
        rest = len(known) - count
        if 0 < count < minimum or 0 < rest < minimum:
            return WITHHELD + told
        text = f"{100 * count / len(known):.0f} %"
    return (text + told).replace("-", "−")


def of_population(warehouse: Warehouse, found: Classes, minimum: int) -> pd.DataFrame:
    """Persons of a population by study: age, sex, baseline, how long and how often they were seen."""
    subjects = warehouse.table("cdm.subjects", ["subject_id", "age", "sex"]).set_index("subject_id")
    people = found.persons.set_index("subject_id")
    seen = found.cohort.frame.groupby("subject_id").size()
    sex = subjects["sex"].reindex(people.index)
    frame = pd.DataFrame(
        {
            "age": pd.to_numeric(subjects["age"].reindex(people.index), errors="coerce"),
            "women": sex.map({"female": 1.0, "male": 0.0}),
            "baseline": people["baseline"],
            "scores": seen.reindex(people.index),
            "last": people["last_week"],
        }
    )
    scale = found.cohort.scale.replace("_", "-")
    rows = {
        "age, years, mean (SD)": ("age", "mean"),
        "women": ("women", "share"),
        f"baseline {scale}, points, mean (SD)": ("baseline", "mean"),
        "scores after baseline, median (quartiles)": ("scores", "median"),
        "week of the last score, median (quartiles)": ("last", "median"),
    }
    return describe(frame, people["study_id"].astype(str), rows, minimum)


def of_next_step(measured: pd.DataFrame, scale: str, minimum: int) -> pd.DataFrame:
    """Persons of Aim A by likeliest class: failure, partial response, the others. `measured`: before filling in."""
    people = measured[measured["population"]].reset_index(drop=True)
    group = people["label"].where(people["label"].isin([labels.TF, labels.PR]), "other classes")
    rows = {
        "age, years, mean (SD)": ("age", "mean"),
        "women": ("female", "share"),
        f"baseline {scale.replace('_', '-')}, points, mean (SD)": ("baseline", "mean"),
        "HRSD17 at entry to the next step, points, mean (SD)": ("entry_hrsd17", "mean"),
        "episode of two years or more": ("chronic", "share"),
        "anxious features": ("anxious", "share"),
        "weeks on the first treatment, median (quartiles)": ("weeks_on_treatment", "median"),
    }
    return describe(people, group, rows, minimum)
