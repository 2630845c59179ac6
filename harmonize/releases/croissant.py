"""The release in Croissant 1.0 (MLCommons), for tools that read it: files with their hashes, tables with their columns.

What Croissant wants and a restricted data set cannot give (an address to download from, an open licence) is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harmonize.releases.describe import TableInfo
from harmonize.releases.manifest import Manifest
from harmonize.releases.package import CODE_LISTS, SYNTHETIC, as_json, field_type

_TERMS = (
    "citeAs column extract field fileProperty fileObject fileSet format includes isLiveDataset jsonPath key md5"
    " parentField path recordSet references regex repeated replace separator source subField transform"
).split()
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_TYPES = {"string": "sc:Text", "integer": "sc:Integer", "number": "sc:Float", "boolean": "sc:Boolean"}


def write_croissant(folder: Path, manifest: Manifest, infos: list[TableInfo]) -> None:
    """`croissant.json`, without times."""
    frozen = {table.table: table for table in manifest.tables}
    names = {info.name for info in infos}
    document = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"trd-{manifest.name}",
        "description": (SYNTHETIC if manifest.synthetic else "") + "Antidepressant studies in one common data model.",
        "license": "Restricted: only as the data use agreements of the studies allow",
        "version": manifest.content,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{info.name}.parquet",
                "name": f"{info.name}.parquet",
                "contentUrl": frozen[info.name].path,
                "contentSize": f"{frozen[info.name].bytes} B",
                "encodingFormat": "application/x-parquet",
                "sha256": frozen[info.name].sha256,
            }
            for info in infos
        ],
        "recordSet": [_record_set(info, names) for info in infos],
    }
    (folder / "croissant.json").write_text(as_json(document), encoding="utf-8")


def _record_set(info: TableInfo, names: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": info.name,
        "name": info.name,
        "description": info.description,
    }
    if info.key:
        found["key"] = [{"@id": f"{info.name}/{name}"} for name in info.key]
    fields = []
    for column in info.columns:
        repeated = column.type.endswith("[]")
        kind = field_type(column.type.removesuffix("[]"))
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{info.name}/{column.name}",
            "name": column.name,
            "description": column.description,
            "dataType": _TYPES.get(kind, "sc:Text"),
            "source": {"fileObject": {"@id": f"{info.name}.parquet"}, "extract": {"column": column.name}},
        }
        if repeated:
            field["repeated"] = True
        explained = CODE_LISTS.get(column.name)
        if explained and explained[0] in names and not info.name.startswith("reference."):
            field["references"] = {"field": {"@id": f"{explained[0]}/{explained[1]}"}}
        fields.append(field)
    return {**found, "field": fields}
