"""The items of two scales at the same visit, scored into the parts that are added up to their totals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.linking.irt import ItemLink, link_items
from analysis.linking.pairs import LinkError, Pairs
from analysis.warehouse import Warehouse

Floats = NDArray[np.float64]

LEAST_PERSONS = 200
"""Fewer persons with items of both scales give no calibration."""


def link_pairs_by_items(warehouse: Warehouse, pairs: Pairs, *, bootstraps: int, seed: int) -> tuple[ItemLink, int]:
    """The item link of pairs that were read with their items, and of how many visits it is.

    Raises LinkError where too few persons have items of both, CalibrationError where the items cannot be calibrated.
    """
    frame = pairs.frame
    x_items, y_items = (frame.filter(regex=f"^{side}_item_").astype("float64") for side in ("x", "y"))
    has = x_items.notna().any(axis=1) & y_items.notna().any(axis=1)
    rows, x_items, y_items = frame[has], x_items[has], y_items[has]
    persons = rows["person"].nunique()
    if persons < LEAST_PERSONS:
        raise LinkError(
            f"only {persons} persons have items of both {pairs.x.instrument_id} and {pairs.y.instrument_id}:"
            f" at least {LEAST_PERSONS} are needed"
        )
    x, y = (
        scored_parts(warehouse, pairs.x.instrument_id, x_items),
        scored_parts(warehouse, pairs.y.instrument_id, y_items),
    )
    answers = np.hstack([x, y])
    person = pd.factorize(rows["person"])[0].astype(np.int64)
    split = np.arange(answers.shape[1])
    n = x.shape[1]
    link = link_items(
        answers, split[:n], split[n:], lowest_x=pairs.x.lowest, lowest_y=pairs.y.lowest, person=person,
        bootstraps=bootstraps, seed=seed,
    )  # fmt: skip
    return link, len(rows)


def scored_parts(warehouse: Warehouse, instrument_id: str, items: pd.DataFrame) -> Floats:
    """Answers (visits, parts): items, or the largest of a domain where the rule of the scale counts that one only."""
    told = warehouse.frame(
        "select items.item_no, items.score_min, items.scored_in_total, items.domain, scales.scoring_rule"
        " from reference.scale_items as items inner join reference.scales as scales on items.scale_id = scales.scale_id"
        " where items.scale_id = :scale order by items.item_no",
        scale=instrument_id,
    )
    lowest = told["score_min"].to_numpy(dtype=np.float64)
    values = items.to_numpy(dtype=np.float64) - lowest
    values[values != np.floor(values)] = np.nan
    grouped = (told["scoring_rule"] == "qids_domain_max") | (told["scored_in_total"].astype(str) == "max_of_pair")
    part = np.where(grouped, "domain " + told["domain"].astype(str), "item " + told["item_no"].astype(str))
    scored = told["scored_in_total"].astype(str) != "0"
    names = list(dict.fromkeys(part[scored]))
    filled = np.where(np.isnan(values), -1.0, values)
    best = np.column_stack([filled[:, (part == name) & scored].max(axis=1) for name in names])
    return np.where(best < 0, np.nan, best)
