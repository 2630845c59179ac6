"""What each study can say: columns of the common data model, and covariates, conditions and scales, by study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.report.disclosure import Published
from analysis.report.tables import Study, percent
from analysis.warehouse import Warehouse

TABLES = ("subjects", "steps", "visits", "scales", "treatments", "history", "conditions", "genotypes")
VARIABLES = {"scales": "rating scales", "history": "covariates", "conditions": "conditions"}
Cell = dict[str, Any]


def columns(warehouse: Warehouse, cells: Published, shown: Sequence[Study]) -> list[dict[str, Any]]:
    """Per table its columns × studies: status by the mapping and share of rows with a value."""
    frame = warehouse.frame("select study_id, entity, column_name, status, comment, n_rows from marts.coverage")
    order = warehouse.frame(
        "select table_name, column_name from information_schema.columns where table_schema = 'cdm'"
        " order by table_name, ordinal_position"
    )
    place = {(str(t), str(c)): i for i, (t, c) in enumerate(order.itertuples(index=False, name=None))}
    found: dict[str, dict[str, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    ids = [s.study_id for s in shown]
    for study, entity, column, status, comment, n_rows in frame.itertuples(index=False, name=None):
        if study in ids and (entity, column) in place:
            share = cells.percent((study, "values", entity, column), (study, "rows", entity)) if n_rows else None
            found[entity][column][study] = _cell(status, _share(n_rows, share), comment)
    return [
        _matrix(entity, dict(sorted(found[entity].items(), key=lambda row, e=entity: place[e, row[0]])), shown)  # type: ignore[misc]
        | {"counts": [cells.get((s, "rows", entity)) for s in ids], "counted": "rows"}
        for entity in TABLES
        if entity in found
    ]


def variables(warehouse: Warehouse, cells: Published, shown: Sequence[Study]) -> list[dict[str, Any]]:
    """Scales, covariates and conditions × studies: the study's word and the share of persons with a value.

    Only what more than one study has, or gives a reason for; all stand in `marts.variable_coverage`.
    """
    frame = warehouse.frame(
        "select study_id, entity, variable_id, status, comment from marts.variable_coverage"
        " qualify count(*) over (partition by entity, variable_id) > 1 order by entity, variable_id, study_id"
    )
    found: dict[str, dict[str, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    ids = [s.study_id for s in shown]
    for study, entity, variable, status, comment in frame.itertuples(index=False, name=None):
        if study in ids:
            share = cells.percent((study, "persons with", entity, variable), (study, "rows", "subjects"))
            found[entity][variable][study] = _cell(status, _share(1, share), comment)
    silent = _cell("not_stated", "", None)
    for by in (by for rows in found.values() for by in rows.values()):
        by |= {study: silent for study in ids if study not in by}
    return [
        _matrix(name, found[entity], shown)
        | {"counts": [cells.get((s, "rows", "subjects")) for s in ids], "counted": "persons"}
        for entity, name in VARIABLES.items()
        if entity in found
    ]


def _matrix(name: str, rows: Mapping[str, Mapping[str, Cell]], shown: Sequence[Study]) -> dict[str, Any]:
    """Rows × studies with, below them, why what is not complete is not."""
    return {
        "entity": name,
        "rows": [(c, [by.get(s.study_id) for s in shown]) for c, by in rows.items()],
        "reasons": [
            (c, s.title, by[s.study_id]["status"].replace("_", " "), by[s.study_id]["comment"])
            for c, by in rows.items()
            for s in shown
            if by.get(s.study_id, {}).get("comment") and by[s.study_id]["status"] != "complete"
        ],
    }


def _cell(status: str, share: str, comment: object) -> Cell:
    return {"status": status, "share": share, "comment": "" if pd.isna(comment) else str(comment)}  # type: ignore[call-overload]


def _share(n_rows: int, share: float | None) -> str:
    if not n_rows:
        return "no rows"
    return "n. s." if share is None else percent(share)
