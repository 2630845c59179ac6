"""One run of linking: estimate, judge, and write `results.linking_*`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.linking.estimate import Link, estimate
from analysis.linking.evaluate import agreement, classification, invariance
from analysis.linking.irt import CalibrationError
from analysis.linking.items import link_pairs_by_items
from analysis.linking.pairs import LinkError, Pairs, read_pairs
from analysis.results import Stamp, stamp_of, write_result
from analysis.warehouse import Warehouse, connect

METHODS = ("equipercentile", "linear")

_PUBLISHED = """
select points.link_id, links.kind, points.from_score, points.point, points.low, points.high
from marts.link_points as points
inner join marts.links as links
    on points.link_id = links.link_id and points.kind = links.kind
    and points.from_instrument_id = links.from_instrument_id and points.to_instrument_id = links.to_instrument_id
where points.from_instrument_id = :from_scale and points.to_instrument_id = :to_scale
    and links.priority is not null and links.kind <> 'estimated'
order by points.link_id, links.kind, points.from_score
"""


@dataclass(frozen=True)
class Outcome:
    """What a run found, as the tables it writes: one row per link, score, published link, group, grouping, cut."""

    link_id: str
    link: Link
    stamp: Stamp
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def kept(self) -> pd.DataFrame:
        """The equipercentile link as rows that a build can use (`harmonize.links.SCHEMA`)."""
        points = self.tables["linking_points"]
        points = points[points["method"] == "equipercentile"]
        return points.assign(
            from_instrument_id=self.link.pairs.x.instrument_id,
            to_instrument_id=self.link.pairs.y.instrument_id,
            release=self.stamp.release,
            plan_hash=self.stamp.plan_hash,
            seed=self.stamp.seed,
            is_synthetic=self.stamp.is_synthetic,
        )


def run_link(
    database: Path,
    from_scale: str,
    to_scale: str,
    *,
    studies: tuple[str, ...] = (),
    days: int = 0,
    bootstraps: int = 500,
    seed: int = 1,
    criterion: str = "aic",
    irt: bool = False,
    say: Callable[[str], None] = lambda what: None,
) -> Outcome:
    """Estimate the link and write it. `irt` adds a link through the items; `say` hears what is done next.

    Raises LinkError where the warehouse cannot carry it, SmoothingError where the model has no solution.
    """
    with connect(database) as warehouse:
        say("pairs of scores")
        pairs = read_pairs(warehouse, from_scale, to_scale, studies=studies, days=days, items=irt)
        found = sorted(pairs.frame["study_id"].unique())
        stamp = stamp_of(database, seed=seed, studies=found)
        link_id = f"est_{from_scale}_{to_scale}_{'_'.join(studies) if studies else 'all'}".lower()
        say(f"link of {pairs.n_persons} persons, {bootstraps} bootstraps")
        link = estimate(pairs, bootstraps=bootstraps, seed=seed, criterion=criterion)
        say("invariance over groups")
        groups, whole = invariance(link, seed=seed)
        by_items, told = _by_items(warehouse, pairs, seed, say) if irt else (None, {})
        say("agreement and classification")
        published = _published(warehouse, from_scale, to_scale)
    tables = {
        "linking_links": pd.DataFrame([{**_row(link, days, bootstraps, criterion, found), **NO_ITEMS, **told}]),
        "linking_points": pd.concat(
            [link.points(m).assign(method=m) for m in METHODS] + ([] if by_items is None else [by_items]),
            ignore_index=True,
        ),
        "linking_agreement": pd.DataFrame(
            [{"published_id": i, "published_kind": k, **agreement(link, p)} for (i, k), p in published.items()]
        ),
        "linking_groups": groups,
        "linking_invariance": whole,
        "linking_remission": _remission(link, published, bootstraps, seed),
    }
    tables = {name: _shaped(name, table, link_id) for name, table in tables.items()}
    for name, table in tables.items():
        if len(table):
            write_result(name, table, stamp=stamp, key=["link_id"])
    return Outcome(link_id, link, stamp, tables)


NO_ITEMS: dict[str, object] = {"irt_visits": 0, "irt_cycles": 0, "irt_note": "not asked for"}


def _by_items(
    warehouse: Warehouse, pairs: Pairs, seed: int, say: Callable[[str], None]
) -> tuple[pd.DataFrame | None, dict[str, object]]:
    """Points of the link through items, and what to say of it; none where the items do not carry one."""
    say(f"graded response model, {ITEM_BOOTSTRAPS} bootstraps")
    try:
        link, visits = link_pairs_by_items(warehouse, pairs, bootstraps=ITEM_BOOTSTRAPS, seed=seed)
    except (LinkError, CalibrationError) as error:
        return None, {"irt_note": str(error)}
    points = pd.DataFrame({"from_score": link.scores.astype("int64"), "point": link.point, "se": link.se})
    points = points.assign(low=link.point - 1.96 * link.se, high=link.point + 1.96 * link.se, method="irt")
    return points, {"irt_visits": visits, "irt_cycles": link.calibration.cycles, "irt_note": "estimated"}


ITEM_BOOTSTRAPS = 20
"""A calibration for each: fewer than of the links of totals."""


def _published(warehouse: Warehouse, from_scale: str, to_scale: str) -> dict[tuple[str, str], pd.DataFrame]:
    found = warehouse.frame(_PUBLISHED, from_scale=from_scale, to_scale=to_scale)
    return {(str(i), str(k)): part for (i, k), part in found.groupby(["link_id", "kind"])}


def _row(link: Link, days: int, bootstraps: int, criterion: str, studies: list[str]) -> dict[str, object]:
    pairs = link.pairs
    return {
        "from_instrument_id": pairs.x.instrument_id,
        "to_instrument_id": pairs.y.instrument_id,
        "studies": ";".join(studies),
        "days_apart": days,
        "n_persons": pairs.n_persons,
        "n_pairs": len(pairs.frame),
        "n_left_out": pairs.left_out,
        "degree_x": link.degrees.x,
        "degree_y": link.degrees.y,
        "degree_cross": link.degrees.cross,
        "criterion": criterion,
        "bootstraps": bootstraps,
        "correlation": link.correlation,
        "sd_y": link.sd_y,
    }


def _remission(link: Link, published: dict[tuple[str, str], pd.DataFrame], bootstraps: int, seed: int) -> pd.DataFrame:
    ways = {("estimated", "equipercentile"): link.points(), ("estimated", "linear"): link.points("linear")}
    rows = []
    for (by, kind), points in {**ways, **published}.items():
        found = classification(link.pairs, points, bootstraps=bootstraps, seed=seed)
        if found is not None:
            rows.append({"linked_by": by, "kind": kind, **found})
    return pd.DataFrame(rows)


COLUMNS = {
    "linking_agreement": [
        "published_id", "published_kind", "n_scores", "mean_difference", "mean_absolute_difference",
        "mean_absolute_difference_weighted", "max_absolute_difference", "within_range", "within_interval",
    ],
    "linking_groups": [
        "by", "group", "n_persons", "n_pairs", "mean_difference", "se", "z", "max_absolute_difference", "why_not",
    ],
    "linking_invariance": ["by", "n_groups", "remsd", "rmsd_max", "at_score", "half_a_point", "why_not"],
}  # fmt: skip
"""Columns that not every run has values for: the table must have them all the same."""

_TEXT = {"by", "group", "why_not", "published_id", "published_kind"}
_WHOLE = {"n_persons", "n_pairs", "n_groups"}


def _shaped(name: str, table: pd.DataFrame, link_id: str) -> pd.DataFrame:
    """The table with all its columns in their order and types, so that runs can stand in one table."""
    if name in COLUMNS:
        table = table.reindex(columns=COLUMNS[name])
        kinds = {c: "string" if c in _TEXT else "Int64" if c in _WHOLE else "float64" for c in table.columns}
        table = table.astype(kinds)
    return table.assign(link_id=link_id)[["link_id", *table.columns]]
