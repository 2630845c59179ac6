"""The history of a value: from the delivered cell over corrections, staging, mapping and gate to the published tables.

Read from what the last build left: the landed forms, the working views in `.next/work.duckdb`, the published file.
Nothing is computed a second time, so that what is shown is what happened.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from harmonize.block_sql import alike
from harmonize.corrections.ledger import read_corrections, withdrawals
from harmonize.corrections.replay import FATES, Replayed, cell, replay_form
from harmonize.dbt_plugin import pseudonym_key
from harmonize.ledger import landing_of
from harmonize.lineage import marts_below
from harmonize.mapping import Block, Target, has_mapping, read_mapping
from harmonize.paths import DBT_PROJECT, Warehouse
from harmonize.pivot_sql import first_rows_sql
from harmonize.published import NotPublishedError
from harmonize.sources import Form, Study
from harmonize.verbs import compile_target

Row = dict[str, Any]
KEYS = ("step_id", "instrument_id", "day", "rater", "contact", "occasion", "treatment_id", "variable_id")
"""Columns by which rows of a mart and of the common data model belong together, beside subject_id."""
OWN = ("instrument_id", "day", "treatment_id", "variable_id", "condition_id", "variant_id")
"""Without one of these in common, a row of a mart is of the person, and which of his rows it rests on is not told."""


@dataclass(frozen=True)
class RowFate:
    """One raw row of a person: what staging dropped it for, and what became of it block by block."""

    form: str
    row: int
    drop_rule: str | None
    blocks: tuple[Row, ...]
    """block, table, fate: `dropped` (rule), `refused` (rules), `accepted`; and the candidate rows it gave."""
    corrections: tuple[Row, ...]


@dataclass(frozen=True)
class CellTrace:
    """One raw cell from file to mart; each field holds what that place says of it."""

    delivered: Row
    corrections: tuple[Row, ...]
    staged: Row
    mapped: tuple[Row, ...]
    issues: tuple[Row, ...]
    accepted: tuple[Row, ...] = field(default=())
    marts: tuple[Row, ...] = field(default=())
    marts_of_person: dict[str, int] = field(default_factory=dict)
    """Rows of the person in marts below these tables whose rows name no single rating, dose or covariate."""


@contextmanager
def opened(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file as `trd` and the working views as `work`, read-only. Raises NotPublishedError."""
    work = warehouse.next / "work.duckdb"
    for path in (warehouse.database, work):
        if not path.exists():
            raise NotPublishedError(f"there is no {path}", remedy="Run trd build")
    with duckdb.connect() as connection:
        for path, name in ((warehouse.database, "trd"), (work, "work")):
            try:
                connection.execute(f"attach '{_quoted(path)}' as {name} (read_only)")
            except duckdb.Error as error:
                raise NotPublishedError(
                    f"{path} cannot be opened: {str(error).splitlines()[0]}", remedy="Wait until the build has ended"
                ) from error
        connection.execute("set variable trd_pseudonym_key = ?", [pseudonym_key(warehouse)])
        connection.execute(f"set file_search_path = '{_quoted(DBT_PROJECT)}'")
        yield connection


def rows_of(connection: duckdb.DuckDBPyConnection, study: Study, subject: str, warehouse: Warehouse) -> list[RowFate]:
    """Every raw row of a person and what became of it."""
    blocks = _blocks(study)
    found: list[RowFate] = []
    for form in study.forms:
        staged = _rows(
            connection,
            f"select src_row, drop_rule from work.staging.stg_{study.name}__{form.name} where subject_id = ?"
            " order by src_row",
            [subject],
        )
        corrections = _corrections(study, form, warehouse) if staged else []
        for row in staged:
            fates = tuple(
                _fate(connection, block, row["src_row"], row["drop_rule"])
                for block in blocks
                if block.form.name == form.name
            )
            mine = tuple(c for c in corrections if c["row"] == row["src_row"])
            found.append(RowFate(form.name, row["src_row"], row["drop_rule"], fates, mine))
    return found


def rowless(study: Study, subject: str, warehouse: Warehouse) -> list[Row]:
    """The corrections of a person's rows that stand in no row of what is landed now."""
    found = []
    key = pseudonym_key(warehouse)
    entries = {e.correction_id: e for e in read_corrections(warehouse) if e.event == "corrected"}
    for form in study.forms:
        for each in _corrections(study, form, warehouse):
            if each["row"] is None and _person(study, entries[each["correction_id"]].landed, key) == subject:
                found.append(each)
    return found


def _person(study: Study, landed: Mapping[str, str | None], key: str) -> str | None:
    """The pseudonym of the person whom a row as delivered is of; None where it names nobody."""
    with duckdb.connect() as connection:
        for name in study.subject_key:
            text = landed.get(name)
            if text is None or not text.strip():
                continue
            query = f"select trim({alike(name, study)}) from (select cast(? as varchar) as {name})"
            ((made,),) = connection.execute(query, [text]).fetchall()
            if made:
                return f"{study.name}-{hashlib.md5(f'{key}:{study.name}:{made}'.encode()).hexdigest()[:16]}"
    return None


def trace_cell(
    connection: duckdb.DuckDBPyConnection, study: Study, form: Form, row: int, column: str, warehouse: Warehouse
) -> CellTrace:
    """The way of one cell; the row must be landed."""
    landing = landing_of(warehouse.raw / study.name / f"{form.name}.parquet")
    cells = cell(warehouse, study.name, form.name, row)
    if landing is None or cells is None:
        raise NotPublishedError(
            f"{study.name}.{form.name} has no row {row}",
            remedy="Leave out --row and --column to see which rows there are",
        )
    delivered = {"file": landing.file, "row": row, "column": column, "text": cells.get(column)}
    delivered |= {"landed_at": landing.landed_at, "sha256": landing.sha256}
    corrections = tuple(c for c in _corrections(study, form, warehouse) if c["row"] == row and c["column"] == column)
    (staged,) = _rows(
        connection,
        f"select {column} as value, {column}__missing as missing, {column}__raw as text, drop_rule, subject_id"
        f" from work.staging.stg_{study.name}__{form.name} where src_row = ?",
        [row],
    )
    mapped: list[Row] = []
    accepted: list[Row] = []
    marts: list[Row] = []
    of_person: dict[str, int] = {}
    for block in _blocks(study):
        targets = [t for t in block.targets.values() if column in _reads(block, t)]
        filtered = any(re.search(rf"\b{column}\b", f.keep) for f in block.filters)
        if block.form.name != form.name or not (targets or filtered):
            continue
        fate = _fate(connection, block, row, staged["drop_rule"])
        for target in targets:
            shown: Row = {"block": block.name, "table": f"cdm.{block.entity.name}", "column": target.name}
            shown |= {"verb": target.verb, "arguments": target.args, "comment": target.comment}
            shown |= {"candidates": [c.get(target.name) for c in fate["candidates"]]}
            mapped.append(shown | {name: fate[name] for name in ("fate", "rules")})
        if filtered and not targets:
            mapped.append(
                {"block": block.name, "table": f"cdm.{block.entity.name}", "column": None, "verb": "filter"}
                | {"arguments": "; ".join(f.keep for f in block.filters), "comment": "", "candidates": []}
                | {name: fate[name] for name in ("fate", "rules")}
            )
        names = [t.name for t in targets]
        for kept in _accepted(connection, block, row, fate):
            accepted.append({"table": f"cdm.{block.entity.name}", "columns": names, "row": kept})
            own, counts = _marts(connection, block.entity.name, kept)
            marts += own
            of_person |= counts
    issues = _rows(
        connection,
        "select rule, raw_value as text from trd.quality.cell_issues"
        " where study_id = ? and src_form = ? and src_row = ? and column_name = ?",
        [study.name, form.name, row, column],
    )
    mapped_, issues_ = tuple(mapped), tuple(issues)
    return CellTrace(delivered, corrections, staged, mapped_, issues_, tuple(accepted), _once(marts), of_person)


def _blocks(study: Study) -> list[Block]:
    return [b for b in read_mapping(study) if not b.undecided] if has_mapping(study.name) else []


def _reads(block: Block, target: Target) -> set[str]:
    """The raw columns that a mapping row reads."""
    if target.verb in ("none", "const"):
        return set()
    told = compile_target(block, target)
    text = " ".join([told.value, told.missing, *told.parsed.values(), *told.before.values()])
    words = {word.split("__")[0] for word in re.findall(r"[a-z_][a-z0-9_]*", text)}
    if block.pivot is not None and "{" in target.args:
        words.add(block.pivot.item)
    return {name for name in block.form.column_names if name in words}


def _fate(connection: duckdb.DuckDBPyConnection, block: Block, row: int, drop_rule: str | None) -> Row:
    """What a block made of a raw row."""
    shown: Row = {"block": block.name, "table": f"cdm.{block.entity.name}", "rules": [], "candidates": []}
    if drop_rule is not None:
        return shown | {"fate": "dropped", "rules": [drop_rule]}
    staging = f"work.staging.stg_{block.study}__{block.form.name}"
    row = _first_row(connection, block, row, staging)
    candidates = _rows(connection, f"select * from work.intermediate.{block.model} where src_row = ?", [row])
    if not candidates:
        arms = "".join(f" when not coalesce({f.keep}, false) then '{f.rule}'" for f in block.filters)
        rule = "'empty_slot'" if not arms else f"case{arms} else 'empty_slot' end"
        ((why,),) = connection.execute(f"select {rule} from {staging} where src_row = ?", [row]).fetchall()
        return shown | {"fate": "dropped", "rules": [why]}
    refused = _rows(
        connection,
        "select distinct slot_no, rule from trd.quality.quarantine"
        " where study_id = ? and src_form = ? and src_row = ? and block = ? order by all",
        [block.study, block.form.name, row, block.name],
    )
    slots = {each["slot_no"] for each in refused}
    fate = "refused" if slots >= {c["slot_no"] for c in candidates} else "accepted"
    return shown | {"fate": fate, "rules": [each["rule"] for each in refused], "candidates": candidates}


def _first_row(connection: duckdb.DuckDBPyConnection, block: Block, row: int, staging: str) -> int:
    """The row whose number the candidate has: of a block that joins rows, the first of its occasion."""
    if block.pivot is None:
        return row
    keep = " and ".join(["drop_rule is null", *(f"({f.keep})" for f in block.filters)])
    rows = first_rows_sql(block, f"(select * from {staging} where {keep}) as used")
    found = connection.execute(f"select first_row from ({rows}) as firsts where src_row = ?", [row]).fetchone()
    return int(found[0]) if found else row


def _accepted(connection: duckdb.DuckDBPyConnection, block: Block, row: int, fate: Mapping[str, Any]) -> list[Row]:
    """The published rows that a raw row went into: those it is the source of, or was merged into by key."""
    if fate["fate"] != "accepted":
        return []
    table = f"trd.cdm.{block.entity.name}"
    grain = [name for name in block.entity.grain if name in fate["candidates"][0]]
    found: list[Row] = []
    for candidate in fate["candidates"]:
        # Occasion and step of a published row can be another than the candidate's: the gate numbers and moves them.
        keys = [n for n in grain if candidate[n] is not None and n not in ("occasion", "step_id")]
        strict = [n for n in grain if candidate[n] is not None]
        for names in (strict, keys):
            same = " and ".join(f"{n} = ?" for n in names)
            values = [candidate[n] for n in names]
            rows = _rows(connection, f"select * from {table} where {same} order by all", values)
            own = [r for r in rows if (r["src_form"], r["src_row"]) == (block.form.name, row)]
            if rows:
                found += own or rows
                break
    return list(_once(found))


def _marts(connection: duckdb.DuckDBPyConnection, entity: str, kept: Row) -> tuple[list[Row], dict[str, int]]:
    """Rows of the marts below a table that belong to one of its rows: same person, same keys where both have them.

    Of marts that share no key of a single row with it, the number of the person's rows.
    """
    found: list[Row] = []
    counts: dict[str, int] = {}
    for mart in marts_below(entity):
        columns = _columns(connection, mart)
        if "subject_id" not in columns or not columns:
            continue
        keys = ["subject_id", *(n for n in KEYS if n in columns and kept.get(n) is not None)]
        same = " and ".join(f"{n} = ?" for n in keys)
        query = f"select * from trd.marts.{mart} where {same} order by all"
        rows = _rows(connection, query, [kept[n] for n in keys])
        if set(keys) & set(OWN):
            found += [{"table": f"marts.{mart}", "row": row} for row in rows]
        elif rows:
            counts[f"marts.{mart}"] = len(rows)
    return found, counts


def _columns(connection: duckdb.DuckDBPyConnection, mart: str) -> list[str]:
    query = (
        "select column_name from duckdb_columns()"
        " where database_name = 'trd' and schema_name = 'marts' and table_name = ?"
    )
    return [name for (name,) in connection.execute(query, [mart]).fetchall()]


def _corrections(study: Study, form: Form, warehouse: Warehouse) -> list[Row]:
    """The corrections of a form as they stand now, withdrawn ones too, with the row they are of now."""
    entries = [e for e in read_corrections(warehouse) if (e.study, e.form) == (study.name, form.name)]
    gone = withdrawals(entries)
    entered = [e for e in entries if e.event == "corrected"]
    replayed = replay_form(study, form, [e for e in entered if e.correction_id not in gone], warehouse)
    taken_back = replay_form(study, form, [e for e in entered if e.correction_id in gone], warehouse)
    replayed += [replace(each, fate="withdrawn") for each in taken_back]
    return [described(each) for each in sorted(replayed, key=lambda each: each.correction.correction_id)]


def described(each: Replayed) -> Row:
    """A correction as people and machines get to see it."""
    entry = each.correction
    return {
        "correction_id": entry.correction_id,
        "study": entry.study,
        "form": entry.form,
        "row": each.row,
        "column": entry.column,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "approver": entry.approver,
        "entered_at": entry.entered_at,
        "fate": each.fate,
        "meaning": FATES[each.fate],
        "entered_row": entry.row,
        "found_by": each.found_by,
    }


def _rows(connection: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> list[Row]:
    try:
        cursor = connection.execute(query, values)
    except duckdb.CatalogException as error:
        raise NotPublishedError(
            f"the last build was of an older project: {str(error).splitlines()[0]}", remedy="Run trd build"
        ) from error
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _once(rows: Iterable[Row]) -> tuple[Row, ...]:
    seen: list[Row] = []
    for row in rows:
        if row not in seen:
            seen.append(row)
    return tuple(seen)


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
