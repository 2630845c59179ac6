"""The release as Stata files, which R (haven) and Python (pandas) open with labels too.

A column with a closed list of values becomes whole numbers from 1 with the values as labels; true and false become 1
and 0 so labelled. Missing is system missing. A Stata file holds the time it was made, so its hash is not repeatable.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pyreadstat

from harmonize.releases.describe import ColumnInfo, TableInfo

LABEL = 80
"""Longest label of a Stata variable, in characters."""


def write_stata(folder: Path, infos: list[TableInfo]) -> None:
    """`stata/<schema>_<table>.dta` for every table."""
    (folder / "stata").mkdir()
    for info in infos:
        frame = pq.read_table(folder / "data" / f"{info.name}.parquet").to_pandas(types_mapper=_nullable)
        labels: dict[str, dict[int | float, str]] = {}
        columns = {}
        for column in info.columns:
            columns[column.name], labels_of = _column(frame[column.name], column)
            if labels_of:
                labels[column.name] = labels_of
        pyreadstat.write_dta(
            pd.DataFrame(columns),
            str(folder / "stata" / f"{info.name.replace('.', '_')}.dta"),
            file_label=(info.description or info.name)[:LABEL],
            column_labels=[c.description[:LABEL] or c.name for c in info.columns],
            variable_value_labels=labels,
            version=15,
        )


def _nullable(kind: object) -> object:
    return {"int64": pd.Int64Dtype(), "int32": pd.Int64Dtype(), "bool": pd.BooleanDtype()}.get(str(kind))


def _column(values: pd.Series, column: ColumnInfo) -> tuple[pd.Series, dict[int | float, str]]:
    """The column as Stata can hold it, and the labels of its values."""
    if column.values:
        codes = {value: number for number, value in enumerate(column.values, start=1)}
        return values.map(codes).astype("float64"), {number: value for value, number in codes.items()}
    if column.type == "BOOLEAN":
        return values.astype("Float64").astype("float64"), {0: "no", 1: "yes"}
    if column.type.endswith("[]"):
        return values.map(_as_json, na_action="ignore").astype("object").where(values.notna(), ""), {}
    if column.type == "VARCHAR":
        return values.astype("object").where(values.notna(), ""), {}
    return values.astype("Float64").astype("float64"), {}


def _as_json(items: object) -> str:
    return json.dumps([None if pd.isna(item) else float(item) for item in items])  # type: ignore[attr-defined]
