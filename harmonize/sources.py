"""The contract of raw forms, read from each study's dbt sources file.

`dbt_project/models/staging/<study>/_<study>__sources.yml` is the only place where a raw form is described.
Landing, staging, the mapping compiler, the dictionary and the synthetic writers read it through this module.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harmonize.dates import DATE_FORMATS
from harmonize.paths import STAGING
from schemas.parents import REASONS

ROW_KEY = "src_row"
"""As subject_key: the files name no person and every row is one, known by its row number in the file."""
FORMAT_KEYS = {
    "kind": "delimited, xlsx, sav, sas7bdat, xpt, dta or parquet; without it the file's name decides",
    "encoding": "of delimited text; for sav, sas7bdat, xpt and dta only where the file itself is wrong about it",
    "delimiter": "of delimited text: a character, or tab, comma, semicolon, pipe; without it the header decides",
    "header_rows": "[1], or [2] where a row of descriptions follows the names, or [1, 2] where it may: text, xlsx",
    "header_row": "the row of a sheet that holds the names, counted from 1; rows above it are not data: xlsx",
    "group_row": "the row above header_row that names groups of columns, whose names become group_name: xlsx",
    "repeated_names": "number: a name that occurs again gets a number, name_2; without it such a file is refused",
    "folders": "folders that each hold a copy of the form; they are joined, with a column `folder`: delimited text",
    "sheet": "of a workbook: its name, or its position counted from 1: xlsx",
    "decimal": "the decimal mark, '.' or ','; a column's own `decimal` goes before it",
    "dates": "how dates are written, one of harmonize.dates or a list; a column's own `dates` goes before it",
}
"""What `format` may say of a file, for the whole source or for one table."""
KEY_FORMS = {
    "lower_case": "lower({key})",
    "no_spaces": "replace({key}, ' ', '')",
    "no_leading_zeros": "regexp_replace({key}, '^0+', '')",
    "no_decimals": "regexp_replace({key}, '[.]0+$', '')",
}
"""Ways to make ids alike that files of one study write differently, as SQL."""
NOT_TOGETHER = (("DD/MM/YYYY", "MM/DD/YYYY"), ("DD/MM/20YY", "MM/DD/20YY"), ("excel", "sas"))
"""Ways of writing dates that cannot be told apart."""
KINDS = ("delimited", "xlsx", "sav", "sas7bdat", "xpt", "dta", "parquet")
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Every start of `trd` or dbt reads all sources files: libyaml takes a tenth of the time, where it is there."""


class ContractError(ValueError):
    """A sources file says something that cannot hold; names file, form, column and remedy."""


@dataclass(frozen=True)
class Column:
    """One raw column.

    `missing` maps a raw value to a missing reason; `codes` maps a raw value to its meaning;
    `aliases` are other names under which archives deliver the column.
    """

    name: str
    description: str
    required: bool = False
    aliases: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    valid: tuple[float, float] | None = None
    """Values the column can have in this study (meta `range`); another value is a cell issue."""
    decimal: str = "."
    """The decimal mark of its numbers; casts read no other, and no thousands separator."""
    dates: tuple[str, ...] = ()
    """How its dates are written: names of `harmonize.dates.DATE_FORMATS`; text in any other form is a cell issue."""


@dataclass(frozen=True)
class DropRule:
    """Rows for which the SQL condition `when` holds are not data of the study; `rule` names why."""

    rule: str
    when: str
    reason: str


@dataclass(frozen=True)
class Form:
    """One raw form: the files that hold it, its columns, and which of its rows are not data."""

    study: str
    name: str
    description: str
    files: tuple[str, ...]
    format: Mapping[str, Any]
    columns: tuple[Column, ...]
    drop_rules: tuple[DropRule, ...] = ()

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError names the form when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.study}.{self.name} has no column {name}")

    def decimal_of(self, delivered: str) -> str:
        """The decimal mark of a delivered column: as declared for it, else for the form."""
        name = delivered.strip().lower()
        found = (column.decimal for column in self.columns if name in (column.name, *column.aliases))
        return next(found, str(self.format.get("decimal", ".")))

    @property
    def column_names(self) -> tuple[str, ...]:
        """Declared names in file order."""
        return tuple(c.name for c in self.columns)


GENOTYPE_FORMS = "genotype_"
"""How the names of forms begin that `trd genotypes land` writes."""


@dataclass(frozen=True)
class Study:
    """One study: its forms, the columns that identify a person, and the files to ignore."""

    name: str
    title: str
    description: str
    subject_key: tuple[str, ...]
    forms: tuple[Form, ...]
    ignore_files: tuple[str, ...]
    path: Path
    key_form: tuple[str, ...] = ()
    """How ids are made alike before persons are matched, some of KEY_FORMS (meta `subject_key_form`)."""
    public_folder: str | None = None
    """Where its files lie in the folder of public data sets; None for a study that is not public."""

    @property
    def clinical_forms(self) -> tuple[Form, ...]:
        """The forms that the study's archive delivers; those of genotypes are written by `trd genotypes land`."""
        return tuple(form for form in self.forms if not form.name.startswith(GENOTYPE_FORMS))

    def form(self, name: str) -> Form:
        """The form called `name`; KeyError lists the forms there are."""
        for form in self.forms:
            if form.name == name:
                return form
        raise KeyError(f"{self.name} has no form {name}; it has {', '.join(f.name for f in self.forms)}")


def studies(folder: Path = STAGING) -> tuple[Study, ...]:
    """Every study that has a sources file, sorted by name."""
    return tuple(read_study(p) for p in sorted(folder.glob("*/_*__sources.yml")))


def study(name: str, folder: Path = STAGING) -> Study:
    """One study by name; KeyError lists the studies there are."""
    path = folder / name / f"_{name}__sources.yml"
    if not path.exists():
        known = ", ".join(s.name for s in studies(folder)) or "none"
        raise KeyError(f"no study {name!r}: {path.name} not found; known studies: {known}")
    return read_study(path)


def read_study(path: Path) -> Study:
    """Read and check one sources file. Raises ContractError."""
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    (source,) = document["sources"]
    meta = source["config"]["meta"]
    defaults = _texts(meta.get("missing", {"": "blank"}))
    forms = []
    for table in source["tables"]:
        table_meta = table["config"]["meta"]
        layout = {**meta["format"], **table_meta.get("format", {})}
        columns = []
        for raw in table["columns"]:
            column_meta = raw.get("config", {}).get("meta", {})
            columns.append(
                Column(
                    name=raw["name"],
                    description=raw.get("description", ""),
                    required=bool(column_meta.get("required", False)),
                    aliases=tuple(column_meta.get("aliases", ())),
                    missing={**defaults, **_texts(column_meta.get("missing", {}))},
                    codes=_texts(column_meta.get("codes", {})),
                    valid=tuple(column_meta["range"]) if "range" in column_meta else None,
                    decimal=str(column_meta.get("decimal", layout.get("decimal", "."))),
                    dates=_listed(column_meta.get("dates", layout.get("dates", ()))),
                )
            )
        form = Form(
            study=source["name"],
            name=table["name"],
            description=table["description"],
            files=tuple(table_meta["files"]),
            format=layout,
            columns=tuple(columns),
            drop_rules=tuple(DropRule(**rule) for rule in table_meta.get("drop_rules", ())),
        )
        _check_form(form, path)
        forms.append(form)
    return Study(
        name=source["name"],
        title=meta["study"]["title"],
        description=source["description"],
        subject_key=tuple(meta["study"]["subject_key"]),
        forms=tuple(forms),
        ignore_files=tuple(meta.get("ignore_files", ())),
        path=path,
        key_form=_key_form(_listed(meta["study"].get("subject_key_form", ())), path),
        public_folder=meta["study"].get("public_folder"),
    )


def _key_form(given: tuple[str, ...], path: Path) -> tuple[str, ...]:
    for name in given:
        if name not in KEY_FORMS:
            raise ContractError(
                f"{path.name}: subject_key_form {name!r} is not known; use some of {', '.join(KEY_FORMS)}"
            )
    return given


def _texts(mapping: Mapping[Any, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in mapping.items()}


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check_format(form: Form, path: Path) -> None:
    where = f"{path.name}: form {form.name}"
    for key in form.format:
        if key not in FORMAT_KEYS:
            near = difflib.get_close_matches(key, FORMAT_KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(FORMAT_KEYS)}"
            raise ContractError(f"{where}: format has the key {key!r}, which is not known; {hint}")
    if form.format.get("kind", KINDS[0]) not in KINDS:
        raise ContractError(
            f"{where}: there is no reader for format {form.format['kind']!r}; declare one of {', '.join(KINDS)}"
        )
    for column in form.columns:
        if column.decimal not in (".", ","):
            raise ContractError(f"{where}, column {column.name}: decimal {column.decimal!r} is neither '.' nor ','")
        for name in column.dates:
            if name not in DATE_FORMATS:
                raise ContractError(
                    f"{where}, column {column.name}: date format {name!r} is not known; use {', '.join(DATE_FORMATS)}"
                )
        for one, other in NOT_TOGETHER:
            if {one, other} <= set(column.dates):
                raise ContractError(
                    f"{where}, column {column.name}: dates {one} and {other} cannot be told apart; declare one"
                )


def _check_form(form: Form, path: Path) -> None:
    _check_format(form, path)
    seen: dict[str, str] = {}
    for column in form.columns:
        where = f"{path.name}: form {form.name}, column {column.name}"
        for name in (column.name, *column.aliases):
            if name != name.lower():
                raise ContractError(f"{where}: write names in lower case; files are matched without regard to case")
            if name in seen:
                raise ContractError(f"{where}: the name {name!r} is also {seen[name]}; remove one")
            seen[name] = f"column {column.name}"
        for code, reason in column.missing.items():
            if reason not in REASONS:
                raise ContractError(
                    f"{where}: missing code {code!r} has reason {reason!r}; use one of {', '.join(REASONS)}"
                )
            if code in column.codes:
                raise ContractError(f"{where}: {code!r} is both a missing code and a value; remove one")
