"""What the corrections come to on the forms that are landed now.

A correction belongs to a row of one delivery. Where the form was delivered anew, the row is looked for by what it held
when the correction was entered, without the corrected cells, never by its number alone: rows move. Of several
corrections of one cell each begins with what the one before left. Nothing is applied to a cell that holds another text
than the correction said; such a correction stays in the list until somebody withdraws it or enters it again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from harmonize.block_sql import block_sql
from harmonize.corrections.ledger import Correction, read_corrections, withdrawals
from harmonize.ledger import landing_of
from harmonize.mapping import has_mapping, read_mapping
from harmonize.paths import Warehouse
from harmonize.sources import Form, Study

APPLIED = ("applied", "replaced")
FATES = {
    "applied": "the cell holds the corrected text",
    "replaced": "a later correction of the same cell has the last word",
    "delivered": "the delivery holds the corrected text by itself",
    "conflict": "the cell holds neither the text before nor the text after",
    "row_gone": "the form was delivered anew and the row is no more in it",
    "row_unclear": "the form was delivered anew and several rows could be meant",
    "not_landed": "the form is not landed",
    "withdrawn": "taken back",
}
"""What can become of a correction."""
OPEN = ("conflict", "row_gone", "row_unclear")
"""Fates that a person has to decide on."""


@dataclass(frozen=True)
class Replayed:
    """A correction on the forms that are landed now.

    `row` is the row it stands in now, None where there is none. `found_by` says how it was found: `number` (the
    delivery is the same), `row` (all other cells of the row), `mapped` (all other cells that the mapping reads).
    """

    correction: Correction
    row: int | None
    fate: str
    found_by: str | None = None


def replay(studies: Iterable[Study], warehouse: Warehouse) -> list[Replayed]:
    """What becomes of every correction, in the order in which they were entered. Raises CorrectionError."""
    entries = read_corrections(warehouse)
    known = {study.name: study for study in studies}
    gone = withdrawals(entries)
    by_form: dict[tuple[str, str], list[Correction]] = defaultdict(list)
    found: dict[int, Replayed] = {}
    for entry in entries:
        if entry.event != "corrected":
            continue
        if entry.correction_id in gone:
            found[entry.correction_id] = Replayed(entry, None, "withdrawn")
        else:
            by_form[entry.study, entry.form].append(entry)
    for (name, form_name), mine in by_form.items():
        study = known.get(name)
        form = next((f for f in study.forms if f.name == form_name), None) if study else None
        results = (
            replay_form(study, form, mine, warehouse)
            if study is not None and form is not None
            else [Replayed(entry, None, "not_landed") for entry in mine]
        )
        found.update((each.correction.correction_id, each) for each in results)
    return [found[number] for number in sorted(found)]


def replay_form(study: Study, form: Form, mine: Sequence[Correction], warehouse: Warehouse) -> list[Replayed]:
    """What becomes of the corrections of one form, none of them withdrawn."""
    parquet = warehouse.raw / study.name / f"{form.name}.parquet"
    landing = landing_of(parquet)
    if landing is None:
        return [Replayed(entry, None, "not_landed") for entry in mine]
    with duckdb.connect() as connection:
        connection.execute(f"create view raw as select * from read_parquet('{_quoted(parquet)}')")
        placed = _place(connection, study, form, mine, landing.sha256)
        texts = _texts(connection, placed)
    return _chains(placed, texts)


def cell(warehouse: Warehouse, study: str, form: str, row: int) -> dict[str, str | None] | None:
    """The cells of a landed row as delivered, by column; None where the form has no such row."""
    parquet = warehouse.raw / study / f"{form}.parquet"
    with duckdb.connect() as connection:
        cursor = connection.execute("select * from read_parquet(?) where src_row = ?", [str(parquet), row])
        names = [column[0] for column in cursor.description]
        found = cursor.fetchone()
    if found is None:
        return None
    return {n: v for n, v in zip(names, found, strict=True) if n not in ("src_file", "src_row")}


def _place(
    connection: duckdb.DuckDBPyConnection, study: Study, form: Form, mine: Sequence[Correction], sha256: str
) -> list[Replayed]:
    """The row of the present delivery that each correction belongs to; the fate is still open."""
    corrected: dict[tuple[str, int], set[str]] = defaultdict(set)
    for entry in mine:
        corrected[entry.sha256, entry.row].add(entry.column)
    there = {name for (name,) in connection.execute("select column_name from (describe raw)").fetchall()}
    compared = [name for name in form.column_names if name in there]
    elsewhere: dict[tuple[str, int], Correction] = {}
    for entry in mine:
        if entry.sha256 != sha256:
            elsewhere.setdefault((entry.sha256, entry.row), entry)
    by_row = _matches(connection, elsewhere, corrected, compared)
    lost = {where: entry for where, entry in elsewhere.items() if not by_row.get(where)}
    mapped = _mapped_columns(study, form) if lost else set()
    keys = [name for name in study.subject_key if name in compared]
    by_mapped = _matches(connection, lost, corrected, [n for n in compared if n in mapped or n in keys], keys)
    placed = []
    for entry in mine:
        where = (entry.sha256, entry.row)
        if entry.sha256 == sha256:
            placed.append(Replayed(entry, entry.row, "", "number"))
            continue
        rows, how = (by_row[where], "row") if by_row.get(where) else (by_mapped.get(where, []), "mapped")
        if not rows:
            placed.append(Replayed(entry, None, "row_gone"))
        elif len(rows) == 1 or (how == "row" and entry.row in rows):
            placed.append(Replayed(entry, rows[0] if len(rows) == 1 else entry.row, "", how))
        else:
            placed.append(Replayed(entry, None, "row_unclear"))
    return placed


def _matches(
    connection: duckdb.DuckDBPyConnection,
    asked: Mapping[tuple[str, int], Correction],
    corrected: Mapping[tuple[str, int], set[str]],
    compared: Sequence[str],
    needed: Sequence[str] | None = None,
) -> dict[tuple[str, int], list[int]]:
    """Rows of the view `raw` that hold what the corrected rows held, by delivery and row of the correction.

    The corrected cells are left out. With `needed` (the person) a row none of whose needed cells is filled and compared
    is not looked for.
    """
    groups: dict[tuple[str, ...], list[tuple[tuple[str, int], Correction]]] = defaultdict(list)
    for where, entry in asked.items():
        columns = tuple(n for n in compared if n not in corrected[where] and n in entry.landed)
        if needed is None or any(entry.landed.get(n) for n in needed if n in columns):
            groups[columns].append((where, entry))
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for columns, rows in groups.items():
        if not columns:
            continue
        held = [pa.array([entry.landed[name] for _, entry in rows], pa.string()) for name in columns]
        names = [f"c{i}" for i in range(len(columns))]
        numbers = pa.array(range(len(rows)), pa.int64())
        connection.register("asked", pa.table([numbers, *held], names=["number", *names]))
        same = " and ".join(f'raw."{c}" is not distinct from asked.{n}' for c, n in zip(columns, names, strict=True))
        query = f"select asked.number, raw.src_row from raw inner join asked on {same} order by all"
        for number, row in connection.execute(query).fetchall():
            found[rows[number][0]].append(int(row))
        connection.unregister("asked")
    return found


def _mapped_columns(study: Study, form: Form) -> set[str]:
    """The columns of a form that its blocks read."""
    if not has_mapping(study.name):
        return set()
    words: set[str] = set()
    for block in read_mapping(study):
        if block.form.name == form.name and not block.undecided:
            words |= set(re.findall(r"[a-z_][a-z0-9_]*", block_sql(block)))
    return {name for name in form.column_names if name in words}


def _texts(connection: duckdb.DuckDBPyConnection, placed: Sequence[Replayed]) -> dict[tuple[int, str], str | None]:
    """What the cells that corrections belong to hold as delivered."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for each in placed:
        if each.row is not None:
            wanted[each.correction.column].add(each.row)
    there = {name for (name,) in connection.execute("select column_name from (describe raw)").fetchall()}
    found: dict[tuple[int, str], str | None] = {}
    for column, rows in wanted.items():
        if column in there:
            query = f'select src_row, "{column}" from raw where src_row in (select unnest(?))'
            found |= {(row, column): text for row, text in connection.execute(query, [sorted(rows)]).fetchall()}
    return found


def _chains(placed: Sequence[Replayed], texts: Mapping[tuple[int, str], str | None]) -> list[Replayed]:
    """The fate of each placed correction: those of one cell are followed from the delivered text on."""
    cells: dict[tuple[int, str], list[int]] = defaultdict(list)
    results = list(placed)
    for at, each in enumerate(placed):
        if each.fate:
            continue
        assert each.row is not None
        where = (each.row, each.correction.column)
        if where in texts:
            cells[where].append(at)
        else:
            results[at] = replace(each, row=None, fate="row_gone", found_by=None)
    for where, members in cells.items():
        text = texts[where]
        last: int | None = None
        for segment in _segments([placed[at].correction for at in members]):
            chain = [members[i] for i in segment]
            corrections = [placed[at].correction for at in chain]
            states = [corrections[0].before, *(c.after for c in corrections)]
            if text not in states:
                for at in chain:
                    results[at] = replace(placed[at], fate="conflict")
                continue
            done = states.index(text)
            for position, at in enumerate(chain):
                results[at] = replace(placed[at], fate="delivered" if position < done else "replaced")
            if done < len(chain):
                last = chain[-1]
            text = states[-1]
        if last is not None:
            results[last] = replace(results[last], fate="applied")
    return results


def _segments(corrections: Sequence[Correction]) -> list[list[int]]:
    """Places of corrections of one cell, cut where one does not begin with what the one before left."""
    segments: list[list[int]] = []
    for at, correction in enumerate(corrections):
        if segments and corrections[at - 1].after == correction.before:
            segments[-1].append(at)
        else:
            segments.append([at])
    return segments


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
