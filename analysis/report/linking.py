"""The section on linking: estimated links over the published ones, and what they are worth.

Numbers of persons are rounded to tens: exact ones would stand beside other counts of the page, from which a small one
could be computed. Groups smaller than 50 persons were never estimated.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from analysis.report import figures
from analysis.report.shown import about, is_current
from analysis.warehouse import Warehouse

_PUBLISHED = """
select points.from_score, points.point, points.low, points.high
from marts.link_points as points
inner join marts.links as links
    on points.link_id = links.link_id and points.kind = links.kind
    and points.from_instrument_id = links.from_instrument_id and points.to_instrument_id = links.to_instrument_id
where points.from_instrument_id = :from_scale and points.to_instrument_id = :to_scale
    and links.is_default and links.kind <> 'estimated'
order by points.from_score
"""
GROUPS = {"study_id": "study", "sex": "sex", "time": "baseline against later visits"}


def sections(warehouse: Warehouse) -> list[dict[str, Any]]:
    """What the page says of each estimated link; nothing where none was estimated."""
    if "results.linking_links" not in warehouse.columns:
        return []
    links = warehouse.table("results.linking_links").sort_values("link_id")
    return [_section(warehouse, row) for row in links.to_dict("records")]


def _section(warehouse: Warehouse, link: dict[Any, Any]) -> dict[str, Any]:
    name, studies = str(link["link_id"]), str(link["studies"]).split(";")
    points = _of(warehouse, "linking_points", name)
    published = warehouse.frame(_PUBLISHED, from_scale=link["from_instrument_id"], to_scale=link["to_instrument_id"])
    groups = _of(warehouse, "linking_groups", name)
    return {
        "link_id": name,
        "from_scale": link["from_instrument_id"],
        "to_scale": link["to_instrument_id"],
        "studies": studies,
        "synthetic": bool(link["is_synthetic"]),
        "release": link["release"],
        "plan": "no frozen plan" if pd.isna(link["plan_hash"]) else f"plan {str(link['plan_hash'])[:12]}",
        "seed": link["seed"],
        "is_current": is_current(warehouse, studies, str(link["release"])),
        "n_persons": about(link["n_persons"]),
        "n_pairs": about(link["n_pairs"]),
        "correlation": link["correlation"],
        "degrees": (link["degree_x"], link["degree_y"], link["degree_cross"]),
        "bootstraps": link["bootstraps"],
        "figure": _figure(points, published, link),
        "has_published": len(published) > 0,
        "has_items": bool((points["method"] == "irt").any()),
        "agreement": _of(warehouse, "linking_agreement", name).to_dict("records"),
        "groups": [
            {**row, "about": about(row["n_persons"]), "of": GROUPS.get(str(row["by"]), str(row["by"]))}
            for row in groups[groups["why_not"].isna()].to_dict("records")
        ],
        "invariance": [
            {**row, "of": GROUPS.get(str(row["by"]), str(row["by"]))}
            for row in _of(warehouse, "linking_invariance", name).to_dict("records")
        ],
        "remission": _of(warehouse, "linking_remission", name).to_dict("records"),
    }


def _of(warehouse: Warehouse, table: str, link_id: str) -> pd.DataFrame:
    """The rows of a result that belong to the link; no rows where no run had any."""
    if f"results.{table}" not in warehouse.columns:
        return pd.DataFrame({"why_not": []})
    return warehouse.frame(f"select * from results.{table} where link_id = :link_id", link_id=link_id)


def _figure(points: pd.DataFrame, published: pd.DataFrame, link: dict[Any, Any]) -> figures.Figure:
    """The link as a line in its 95 % band, the linear one dashed, published points with their ranges."""
    name = f"link-{link['link_id']}".replace("_", "-")
    drawn = [figures.svg(_chart(points, published, link, width), f"{name}-{k}") for k, width in figures.WIDTHS.items()]
    return figures.Figure(*drawn)


def _chart(
    points: pd.DataFrame, published: pd.DataFrame, link: dict[Any, Any], width: int
) -> alt.LayerChart | alt.FacetChart:
    own = pd.DataFrame(points).astype({"point": float, "low": float, "high": float, "from_score": float})
    x = alt.X("from_score:Q", title=str(link["from_instrument_id"]), axis=figures.number_axis())
    y = alt.Y("point:Q", title=str(link["to_instrument_id"]), axis=figures.number_axis())
    curve = alt.Chart(own[own["method"] == "equipercentile"])
    band = curve.mark_area(opacity=0.3, color="#6aa3bd").encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q")
    line = curve.mark_line(color="#2f6f8f", strokeWidth=2).encode(x=x, y=y)
    straight = alt.Chart(own[own["method"] == "linear"]).mark_line(
        color=figures.QUIET, strokeDash=[4, 3], strokeWidth=1
    )
    layers: list[alt.Chart] = [band, straight.encode(x=x, y=y), line]
    by_items = own[own["method"] == "irt"]
    if len(by_items):
        dots = alt.Chart(by_items).mark_line(color="#2c5e48", strokeDash=[1, 3], strokeWidth=2)
        layers.append(dots.encode(x=x, y=y))
    if len(published):
        told = published.astype(float)
        ink = alt.Chart(told)
        layers += [
            ink.mark_rule(color="#b5651d").encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q"),
            ink.mark_point(color="#b5651d", filled=True, size=26, opacity=1).encode(x=x, y=y),
        ]
    return alt.layer(*layers).properties(width=width - 60, height=320 if width > 500 else 260)
