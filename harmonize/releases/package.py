"""The release as a data package: what R, Stata and Python users need to open it with types and labels.

`datapackage.json` follows the Data Package specification (version 1): every table as CSV with a table schema, every
table as Parquet and the DuckDB file as plain files with their hashes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from harmonize.releases.describe import ColumnInfo, TableInfo
from harmonize.releases.manifest import Manifest, file_hash

DUCKDB_FILE = "trd.duckdb"
STORAGE = "v1.3.0"
"""As the published file: DuckDB 1.3 and later read it."""
CODE_LISTS = {
    "study_id": ("reference.studies", "study_id", "title"),
    "instrument_id": ("reference.scales", "scale_id", "scale_name"),
    "treatment_id": ("reference.treatments", "drug_id", "drug_name"),
    "variable_id": ("reference.variables", "variable_id", "label"),
    "condition_id": ("reference.conditions", "condition_id", "label"),
}
"""Columns whose codes another table of the package explains: table, its code, its label."""
_TYPES = {"VARCHAR": "string", "BOOLEAN": "boolean", "DOUBLE": "number", "FLOAT": "number"}
SYNTHETIC = "SYNTHETIC: made by a generator, nobody was measured. "


def field_type(type_: str) -> str:
    """The Table Schema type of a DuckDB type."""
    if type_.endswith("[]"):
        return "array"
    return _TYPES.get(type_, "integer" if "INT" in type_ else "any")


def write_csv(folder: Path, infos: list[TableInfo]) -> None:
    """Every table as packed UTF-8 CSV; null is empty, a list is JSON."""
    (folder / "csv").mkdir()
    with duckdb.connect() as connection:
        for info in infos:
            columns = ", ".join(_csv_column(c) for c in info.columns)
            source = f"read_parquet('{_quoted(folder / 'data' / f'{info.name}.parquet')}')"
            target = _quoted(folder / csv_path(info))
            options = "format csv, header, compression gzip"
            connection.execute(f"copy (select {columns} from {source}) to '{target}' ({options})")


def csv_path(info: TableInfo) -> str:
    """Where a table's CSV lies in its release."""
    return f"csv/{info.name}.csv.gz"


def write_duckdb(folder: Path, infos: list[TableInfo]) -> None:
    """One DuckDB file with all tables and their descriptions."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{_quoted(folder / DUCKDB_FILE)}' as release (storage_version '{STORAGE}')")
        connection.execute("use release")
        for schema in sorted({info.name.split(".")[0] for info in infos}):
            connection.execute(f"create schema {schema}")
        for info in infos:
            source = f"read_parquet('{_quoted(folder / 'data' / f'{info.name}.parquet')}')"
            connection.execute(f"create table {info.name} as select * from {source}")
            connection.execute(f"comment on table {info.name} is '{_quoted(info.description)}'")
            for column in info.columns:
                text = _quoted(column.description)
                connection.execute(f"comment on column {info.name}.\"{column.name}\" is '{text}'")
        connection.execute("checkpoint release")


def write_descriptor(folder: Path, manifest: Manifest, infos: list[TableInfo]) -> None:
    """`datapackage.json`, without times, so that the same tables give the same description."""
    frozen = {table.table: table for table in manifest.tables}
    names = {info.name for info in infos}
    resources: list[dict[str, Any]] = []
    for info in infos:
        path = csv_path(info)
        if (folder / path).exists():
            resources.append(
                {
                    "name": info.name,
                    "type": "table",
                    "path": path,
                    "format": "csv",
                    "compression": "gz",
                    "mediatype": "text/csv",
                    "encoding": "utf-8",
                    **_about(info),
                    "bytes": (folder / path).stat().st_size,
                    "hash": f"sha256:{file_hash(folder / path)}",
                    "schema": table_schema(info, names),
                }
            )
    for info in infos:
        table = frozen[info.name]
        resources.append(
            {
                "name": f"{info.name}.parquet",
                "type": "file",
                "path": table.path,
                "format": "parquet",
                "mediatype": "application/vnd.apache.parquet",
                **_about(info),
                "bytes": table.bytes,
                "hash": f"sha256:{table.sha256}",
                "rowCount": table.rows,
                "tableSchema": table_schema(info, names),
            }
        )
    others = [DUCKDB_FILE, *(str(p.relative_to(folder)) for p in sorted((folder / "stata").glob("*.dta")))]
    for other in others:
        path_ = folder / other
        kind = {".duckdb": "application/vnd.duckdb", ".dta": "application/x-stata-dta"}[path_.suffix]
        resources.append(
            {
                "name": path_.name if path_.name == DUCKDB_FILE else f"{path_.stem}.dta",
                "type": "file",
                "path": other,
                "format": path_.suffix[1:],
                "mediatype": kind,
                "bytes": path_.stat().st_size,
                "hash": f"sha256:{file_hash(path_)}",
            }
        )
    descriptor = {
        "profile": "data-package",
        "name": f"trd-{manifest.name}",
        "title": f"TRD warehouse, release {manifest.name}",
        "description": (SYNTHETIC if manifest.synthetic else "")
        + "Antidepressant studies in one common data model. Values of single patients under pseudonyms: use and"
        " pass on only as the data use agreements of the studies allow.",
        "version": manifest.content,
        "keywords": ["depression", "antidepressant", "clinical trial", "treatment resistance"],
        "synthetic": manifest.synthetic,
        "resources": resources,
    }
    (folder / "datapackage.json").write_text(as_json(descriptor), encoding="utf-8")


def table_schema(info: TableInfo, tables: set[str]) -> dict[str, Any]:
    """The Table Schema of a table: fields with type, label and allowed values, key, and where codes are explained."""
    schema: dict[str, Any] = {"fields": [_field(c) for c in info.columns], "missingValues": [""]}
    required = {c.name for c in info.columns if c.required}
    if info.key and set(info.key) <= required:
        schema["primaryKey"] = list(info.key)
    lists = {
        c.name: dict(zip(("resource", "code", "label"), CODE_LISTS[c.name], strict=True))
        for c in info.columns
        if c.name in CODE_LISTS and CODE_LISTS[c.name][0] in tables and not info.name.startswith("reference.")
    }
    if lists:
        schema["codeLists"] = lists
    if info.name.startswith("cdm.") and info.name != "cdm.subjects" and "cdm.subjects" in tables:
        schema["foreignKeys"] = [
            {"fields": ["subject_id"], "reference": {"resource": "cdm.subjects", "fields": ["subject_id"]}}
        ]
    return schema


def write_readme(folder: Path, manifest: Manifest) -> None:
    """How to open the release."""
    mark = f"**{SYNTHETIC.strip()}**\n\n" if manifest.synthetic else ""
    rows = "\n".join(f"| `{t.table}` | {t.rows} | {', '.join(t.key)} |" for t in manifest.tables if t.key)
    text = f"""# TRD warehouse, release {manifest.name}

{mark}Content {manifest.content}. Values of single patients under pseudonyms: use and pass on only as the data use
agreements of the studies allow. `trd verify {manifest.name}` proves that nothing was changed.

| file | for |
|---|---|
| `trd.duckdb` | all tables with types and comments; DuckDB 1.3 or later, from R, Python, the shell |
| `data/*.parquet` | one file a table, sorted by its key; these are what the content hash is of |
| `csv/*.csv.gz` | the same as text, packed: UTF-8, comma, empty is missing, lists as JSON |
| `stata/*.dta` | where asked for: labelled variables and values |
| `datapackage.json` | types, labels, allowed values, keys, code lists (Frictionless Data Package) |
| `croissant.json` | the same for tools that read Croissant |
| `manifest.json` | hashes, delivered files, code revision, library versions |

```r
con <- DBI::dbConnect(duckdb::duckdb(), "trd.duckdb", read_only = TRUE)
DBI::dbGetQuery(con, "select study_id, count(*) as n from cdm.subjects group by study_id")
```

```python
import frictionless
rows = frictionless.Package("datapackage.json").get_resource("cdm.subjects").to_pandas()
```

Codes are explained in the tables `reference.*`.

| table | rows | key |
|---|---|---|
{rows}
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def as_json(document: Any) -> str:
    """A document as text that people can read and that is the same each time."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _about(info: TableInfo) -> dict[str, Any]:
    about: dict[str, Any] = {"title": info.name, "description": info.description or info.name}
    if info.key:
        about["grain"] = list(info.key)
    return about


def _field(column: ColumnInfo) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": field_type(column.type)}
    if column.description:
        field |= {"title": column.description.split(";")[0].rstrip("."), "description": column.description}
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    if column.low is not None:
        whole = field["type"] == "integer"
        for name, bound in (("minimum", column.low), ("maximum", column.high)):
            constraints[name] = int(bound) if whole and bound is not None else bound
    return field | ({"constraints": constraints} if constraints else {})


def _csv_column(column: ColumnInfo) -> str:
    name = f'"{column.name}"'
    return f"cast(to_json({name}) as varchar) as {name}" if column.type.endswith("[]") else name


def _quoted(text: object) -> str:
    return str(text).replace("'", "''")
