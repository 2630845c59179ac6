"""`trd quarantine` and `trd coverage`: what was refused and why, and what each study can answer."""

from __future__ import annotations

from typing import Annotated, Any

import duckdb
import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect

Connection = duckdb.DuckDBPyConnection
Choice = str | None
StudyOption = Annotated[Choice, typer.Option("--study", metavar="STUDY", help="Only this study.")]

REFUSED_COUNTS = """
    select q.study_id, q.entity, q.rule, count(*) as n_rows, g.description
    from quality.quarantine as q
    left join reference.gate_rules as g on q.entity = g.entity and q.rule = g.rule
    where {where}
    group by all
    order by q.study_id, q.entity, n_rows desc, q.rule
"""
REFUSED_ROWS = """
    select study_id, entity, rule, src_form, src_row, block, slot_no, subject_id, row_key
    from quality.quarantine as q
    where {where}
    order by all
"""
CELL_COUNTS = """
    select study_id, src_form, column_name, rule, count(*) as n_cells, count(distinct raw_value) as n_values
    from quality.cell_issues as q
    where {where}
    group by all
    order by study_id, src_form, n_cells desc, column_name, rule
"""
CELL_ROWS = """
    select study_id, src_form, src_row, column_name, raw_value, rule
    from quality.cell_issues as q
    where {where}
    order by all
"""
TOTAL = """
    select count(*)
    from (
        select distinct study_id, entity, src_form, src_row, block, slot_no
        from quality.quarantine as q
        where {where}
    )
"""


@command(
    "quarantine",
    examples=[
        "trd quarantine",
        "trd quarantine --study stard --entity scales --rows",
        "trd quarantine --rule parent:refused --rows --limit 0 --json",
        "trd quarantine --cells --study stard",
    ],
    fails="nothing is published yet, or the file cannot be read",
    ok="done, with or without refused rows",
    panel="Quality",
)
def quarantine(
    ctx: typer.Context,
    study: StudyOption = None,
    entity: Annotated[Choice, typer.Option("--entity", metavar="ENTITY", help="Only this table.")] = None,
    rule: Annotated[Choice, typer.Option("--rule", metavar="RULE", help="Only this rule.")] = None,
    cells: Annotated[bool, typer.Option("--cells", help="Cells that could not be used, instead of rows.")] = False,
    rows: Annotated[bool, typer.Option("--rows", help="The rows themselves; with --cells also the text.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many rows; 0 is all.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show refused rows by study, table and rule.

    A row that breaks several rules is counted with each of them. With --cells --rows, values of patients are shown.
    """
    if cells and entity:
        raise typer.BadParameter("a cell belongs to a raw form, not to a table; use --study and --rule with --cells")
    with connect(warehouse_of(ctx)) as connection:
        table = "quality.cell_issues" if cells else "quality.quarantine"
        where, values = _filter(connection, table, {"study_id": study, "entity": entity, "rule": rule})
        query = {(False, False): REFUSED_COUNTS, (False, True): REFUSED_ROWS, (True, False): CELL_COUNTS}.get(
            (cells, rows), CELL_ROWS
        )
        columns, found = _fetch(connection, query.format(where=where), values)
        total = None if cells else _fetch(connection, TOTAL.format(where=where), values)[1][0][0]
    kept = found[:limit] if rows and limit else found
    if as_json:
        document: dict[str, Any] = {"cells" if cells else "refused": [dict(zip(columns, r, strict=True)) for r in kept]}
        console.show_json({**document, "n_listed": len(kept), "n_found": len(found), "n_refused_rows": total})
        return
    _show_findings("cell issues" if cells else "refused rows", columns, kept, len(found))
    if not rows and found:
        together = sum(row[columns.index("n_cells")] for row in found) if cells else total
        console.say(f"{together} {'cells' if cells else 'rows'} in all. Add --rows to see them.")


def _filter(connection: Connection, table: str, chosen: dict[str, Choice]) -> tuple[str, list[str]]:
    """A condition and its values; a usage error names what there is where a name is unknown."""
    known = {
        "study_id": "select study_id from reference.studies",
        "entity": "select entity from reference.gate_rules",
        "rule": f"select rule from {table} union select rule from reference.gate_rules",
    }
    conditions, values = ["true"], []
    for column, value in chosen.items():
        if value is not None:
            names = [
                str(name) for (name,) in connection.execute(f"select distinct * from ({known[column]})").fetchall()
            ]
            console.one_of(value, names, column.removesuffix("_id"))
            conditions.append(f"q.{column} = ?")
            values.append(value)
    return " and ".join(conditions), values


def _fetch(connection: Connection, query: str, values: list[str]) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        cursor = connection.execute(query, values)
    except duckdb.CatalogException as error:
        raise console.CommandError(
            f"the published file was made by an older build: {str(error).splitlines()[0]}", remedy="Run trd build"
        ) from error
    return [column[0] for column in cursor.description], cursor.fetchall()


def _show_findings(what: str, columns: list[str], rows: list[tuple[Any, ...]], n_found: int) -> None:
    if not rows:
        console.say(f"No {what}.")
        return
    console.show_table(what, columns, rows)
    if n_found > len(rows):
        console.say(f"{n_found - len(rows)} more; --limit 0 lists all.")


_COLUMNS = """
    select study_id, entity, column_name, status, n_rows, n_values, share, comment
    from marts.coverage as q
    where {where}
    order by study_id, entity, column_name
"""
_VARIABLES = """
    select study_id, entity, variable_id, status, n_subjects, n_with_value, share, comment
    from marts.variable_coverage as q
    where {where}
    order by study_id, entity, variable_id
"""
VariablesOption = Annotated[bool, typer.Option("--variables", help="Covariates, conditions and scales, not columns.")]


@command(
    "coverage",
    examples=["trd coverage", "trd coverage --variables", "trd coverage --study stard", "trd coverage --json"],
    fails="nothing is published yet, or the file cannot be read",
    panel="Quality",
)
def coverage(
    ctx: typer.Context, study: StudyOption = None, variables: VariablesOption = False, as_json: JsonOption = False
) -> None:
    """Show what each study holds: the matrix study × column, and why a column is not complete.

    With --variables covariates, conditions and scales instead of columns. With --study the rows of one study, with
    numbers. Share: accepted rows with a value; of variables persons with one.
    """
    query = _VARIABLES if variables else _COLUMNS
    with connect(warehouse_of(ctx)) as connection:
        where, values = _filter(connection, "quality.quarantine", {"study_id": study})
        columns, rows = _fetch(connection, query.format(where=where), values)
    if as_json:
        console.show_json({"coverage": [dict(zip(columns, row, strict=True)) for row in rows]})
    elif study is None and rows:
        _show_matrix(rows, silent="not stated" if variables else None)
    else:
        shown = [[*row[:6], _share(row[6]), row[7]] for row in rows]
        _show_findings("coverage", columns, [tuple(row) for row in shown], len(shown))


def _share(share: object) -> str | None:
    return None if share is None else f"{100 * float(str(share)):.1f} %"


def _show_matrix(rows: list[tuple[Any, ...]], silent: str | None) -> None:
    """Variables × studies: status and share; then every reason the mappings give for what is not complete."""
    studies = sorted({row[0] for row in rows})
    cells = {
        (entity, column, study): f"{status.replace('_', ' ')} {_share(share) or '(no rows)'}"
        for study, entity, column, status, _, _, share, _ in rows
    }
    variables = sorted({(row[1], row[2]) for row in rows})
    matrix = [[f"{e}.{c}", *(cells.get((e, c, study), silent) for study in studies)] for e, c in variables]
    console.show_table("coverage: status as the study says, share with a value", ["variable", *studies], matrix)
    reasons = [
        [f"{entity}.{column}", study, status.replace("_", " "), comment]
        for study, entity, column, status, _, _, _, comment in rows
        if comment and status != "complete"
    ]
    if reasons:
        console.show_table("why not complete", ["variable", "study", "status", "reason"], sorted(reasons))
