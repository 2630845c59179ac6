"""Two instruments at one visit, read from the warehouse: the material of a single-group link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.warehouse import Warehouse


class LinkError(ValueError):
    """A link cannot be estimated; the message says why and what to do."""


@dataclass(frozen=True)
class Scale:
    """An instrument's whole-score range, and the cut below which a person is in remission (None without one)."""

    instrument_id: str
    lowest: int
    highest: int
    remission: int | None

    @property
    def scores(self) -> NDArray[np.float64]:
        """Every whole score."""
        return np.arange(self.lowest, self.highest + 1, dtype=np.float64)

    @property
    def points(self) -> int:
        """How many whole scores there are."""
        return self.highest - self.lowest + 1


@dataclass(frozen=True)
class Pairs:
    """Scores of two instruments at the same visit.

    `frame` has one row per visit: person (0 to n_persons - 1), x, y (whole scores), study_id, sex, time (baseline or
    later; null where the person has no first treatment). `left_out` counts pairs with a score that is not whole or
    lies outside of its scale.
    """

    x: Scale
    y: Scale
    frame: pd.DataFrame
    left_out: int

    @property
    def n_persons(self) -> int:
        """How many persons."""
        return int(self.frame["person"].nunique())


# One pair per person and day: of several raters the one nearest to a blinded assessor, of equal ones the first.
_SQL = """
with

scored as (
    select
        subject_id, study_id, instrument_id, day, score_used as score{items},
        row_number() over (
            partition by subject_id, instrument_id, day
            order by case rater when 'assessor' then 0 when 'clinician' then 1 else 2 end, occasion, contact, rater
        ) as place
    from cdm.scales
    where score_used is not null and instrument_id in (:from_scale, :to_scale)
),

xs as (select * from scored where place = 1 and instrument_id = :from_scale),

ys as (select * from scored where place = 1 and instrument_id = :to_scale),

paired as (
    select
        xs.subject_id, xs.study_id, xs.day, xs.score as x, ys.score as y{both_items},
        row_number() over (partition by xs.subject_id, xs.day order by abs(ys.day - xs.day), ys.day) as x_place,
        row_number() over (partition by ys.subject_id, ys.day order by abs(ys.day - xs.day), xs.day) as y_place
    from xs
    inner join ys on xs.subject_id = ys.subject_id and abs(ys.day - xs.day) <= :days
)

select
    paired.subject_id, paired.study_id, subjects.sex, paired.day, paired.x, paired.y{paired_items},
    case
        when first_line.start_day is null then null
        when paired.day <= first_line.start_day + study_steps.baseline_to then 'baseline'
        else 'later'
    end as time
from paired
inner join cdm.subjects as subjects on paired.subject_id = subjects.subject_id
left join marts.first_line as first_line on paired.subject_id = first_line.subject_id
left join reference.study_steps as study_steps
    on first_line.study_id = study_steps.study_id and first_line.step_id = study_steps.step_id
where x_place = 1 and y_place = 1 {studies}
order by paired.subject_id, paired.day
"""


def read_scale(warehouse: Warehouse, instrument_id: str) -> Scale:
    """The range and remission cut of an instrument. Raises LinkError for one the reference does not know."""
    found = warehouse.frame(
        "select total_min, total_max, remission_operator, remission_threshold from reference.scales"
        " where scale_id = :scale",
        scale=instrument_id,
    )
    if found.empty:
        known = ", ".join(warehouse.frame("select scale_id from reference.scales order by 1")["scale_id"])
        raise LinkError(f"no instrument {instrument_id} in reference.scales; there are {known}")
    row = found.iloc[0]
    cut = None if pd.isna(row["remission_threshold"]) else int(float(row["remission_threshold"]))
    if cut is not None and row["remission_operator"] == "<":
        cut -= 1
    return Scale(instrument_id, int(row["total_min"]), int(row["total_max"]), cut)


def read_pairs(
    warehouse: Warehouse,
    from_scale: str,
    to_scale: str,
    *,
    studies: tuple[str, ...] = (),
    days: int = 0,
    items: bool = False,
) -> Pairs:
    """Pairs of scores at most `days` days apart; with `items` also columns x_item_<n> and y_item_<n>.

    Raises LinkError where there are none.
    """
    x, y = read_scale(warehouse, from_scale), read_scale(warehouse, to_scale)
    named = {f"study_{i}": study for i, study in enumerate(studies)}
    chosen = f"and paired.study_id in ({', '.join(':' + n for n in named)})" if named else ""
    wanted = _item_columns(warehouse, from_scale, "x") + _item_columns(warehouse, to_scale, "y") if items else []
    parts = {
        "studies": chosen,
        "items": ", items" if items else "",
        "both_items": "".join(f", {side}s.items[{n}] as {side}_item_{n}" for side, n in wanted),
        "paired_items": "".join(f", paired.{side}_item_{n}" for side, n in wanted),
    }
    found = warehouse.frame(_SQL.format(**parts), from_scale=from_scale, to_scale=to_scale, days=days, **named)
    if found.empty:
        raise LinkError(
            f"{from_scale} and {to_scale} were never measured within {days} days of each other"
            f"{' in ' + ', '.join(studies) if studies else ''}: allow more with --days, or name other instruments"
        )
    return pairs_of(found, x, y)


def pairs_of(found: pd.DataFrame, x: Scale, y: Scale) -> Pairs:
    """Rows with subject_id, x and y as pairs; those without two whole scores are left out. Raises LinkError."""
    whole = _whole(found["x"], x) & _whole(found["y"], y)
    kept = found[whole].copy()
    if kept.empty:
        raise LinkError(f"no pair of {x.instrument_id} and {y.instrument_id} has two whole scores within their ranges")
    return Pairs(x, y, as_frame(kept), int((~whole).sum()))


def _item_columns(warehouse: Warehouse, instrument_id: str, side: str) -> list[tuple[str, int]]:
    """Side and number of each item of an instrument."""
    found = warehouse.frame(
        "select item_no from reference.scale_items where scale_id = :scale order by item_no", scale=instrument_id
    )
    return [(side, int(n)) for n in found["item_no"]]


def as_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a subject_id as rows with the number of a person."""
    out = rows.reset_index(drop=True)
    out["person"] = pd.factorize(out["subject_id"])[0].astype(np.int64)
    return out.assign(x=out["x"].astype(np.int64), y=out["y"].astype(np.int64)).drop(columns="subject_id")


def _whole(score: pd.Series, scale: Scale) -> pd.Series:
    value = score.astype("float64")
    return (value == np.floor(value)) & (value >= scale.lowest) & (value <= scale.highest)
