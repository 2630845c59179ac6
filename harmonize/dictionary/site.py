"""The dictionary as pages and CSV. No page makes an outside request, and none shows a count below the minimum."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.report.disclosure import Counts, Published, minimum_count
from harmonize.dictionary.checks import VERDICTS, Check, Result, results
from harmonize.dictionary.sources import Origin, RawColumn, origins, raw_columns
from harmonize.dictionary.tables import Table, first_releases, tables
from harmonize.paths import Warehouse
from schemas.parents import REASONS

CSVS = ("tables.csv", "columns.csv", "origins.csv", "code_lists.csv", "forms.csv", "coverage.csv", "checks.csv")
NOT_SHOWN = "n. s."


@dataclass(frozen=True)
class Dictionary:
    """All that the dictionary says; `cells` are the counts that may be shown."""

    tables: list[Table]
    origins: list[Origin]
    raw: list[RawColumn]
    results: list[Result]
    coverage: list[dict[str, Any]]
    cells: Published
    studies: list[str]
    synthetic: bool
    releases: list[str]


def gather(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, minimum: int | None = None) -> Dictionary:
    """Read everything. `minimum` is the smallest count that may be shown; without it the rule of the report."""
    known = origins()
    found = results(connection)
    row = connection.execute("select coalesce(bool_or(is_synthetic), false) from quality.landings").fetchone()
    landed = connection.execute("select distinct study_id from quality.entity_rows order by all").fetchall()
    return Dictionary(
        tables(connection, warehouse),
        known,
        raw_columns(known),
        found,
        _coverage(connection, minimum_count(minimum)),
        _protected(found, minimum_count(minimum)),
        [study for (study,) in landed],
        bool(row and row[0]),
        list(dict.fromkeys(first_releases(warehouse).values())),
    )


def write(found: Dictionary, folder: Path) -> int:
    """Write all pages and CSV files below `folder`; gives how many files."""
    pages = dict(_pages(found))
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, header, rows in _csvs(found):
        with (folder / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow([*header, "SYNTHETIC"] if found.synthetic else header)
            writer.writerows([*row, "SYNTHETIC"] if found.synthetic else row for row in rows)
    return len(pages) + len(CSVS)


def _protected(found: Iterable[Result], minimum: int) -> Published:
    """Which numbers of the checks may stand on a page, so that no small one can be computed from the others."""
    counts = Counts()
    refused: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for r in found:
        whole = counts.add((r.check.name, r.study_id, "checked"), r.n_checked, 20)
        part = counts.add((r.check.name, r.study_id, "found"), r.n_found)
        if r.n_found <= r.n_checked:
            counts.within(part, whole)
        if r.check.check_id == "gate":
            refused.setdefault((r.study_id, r.check.part.partition(".")[0]), []).append(part)
    for (study, table), parts in refused.items():
        whole = (f"refused_rows:{table}", study, "found")
        if whole in counts.values:
            counts.total(whole, parts)
    return counts.protect(minimum)


def _coverage(connection: duckdb.DuckDBPyConnection, minimum: int) -> list[dict[str, Any]]:
    """Rows of the coverage matrix: of columns and of variables, with a share where neither side is small."""
    cursor = connection.execute(
        "select concat('cdm.', entity) as matrix, column_name as variable, study_id, status, n_values as part,"
        " n_rows as whole, coalesce(comment, '') as comment from marts.coverage"
        " union all select concat('variables in cdm.', entity), variable_id, study_id, status, n_with_value,"
        " n_subjects, coalesce(comment, '') from marts.variable_coverage order by all"
    )
    names = [c[0] for c in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        part, whole = row.pop("part"), row.pop("whole")
        sides = (part or 0, (whole or 0) - (part or 0))
        if not whole or part is None:
            row["share"] = "no rows" if not whole else ""
        else:
            row["share"] = NOT_SHOWN if any(0 < s < minimum for s in sides) else f"{100 * part / whole:.0f} %"
    return rows


def _pages(found: Dictionary) -> Iterable[tuple[str, str]]:
    environment = Environment(
        loader=PackageLoader("harmonize.dictionary"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def page(template: str, root: str = "", **values: Any) -> str:
        return environment.get_template(template).render(synthetic=found.synthetic, root=root, **values)

    by_schema = [(s, list(t)) for s, t in groupby(found.tables, key=lambda t: t.schema)]
    yield "index.html", page(
        "index.html.j2", tables=found.tables, schemas=by_schema, csvs=CSVS, studies=found.studies,
        n_columns=sum(len(t.columns) for t in found.tables), release=found.releases[-1] if found.releases else "",
    )  # fmt: skip
    checks = {r.check.name: r.check for r in found.results}
    for table in found.tables:
        yield (
            f"tables/{table.full_name}.html",
            page(
                "table.html.j2",
                "../",
                t=table,
                origins=_origins_of(table, found),
                checks=_checks_of(table, checks.values()),
            ),
        )
    lists = [(t, c) for t in found.tables for c in t.columns if c.values]
    coded = [r for r in found.raw if r.codes or set(r.missing) - {("", "blank")}]
    yield "codes.html", page(
        "codes.html.j2", lists=lists, reasons=REASONS,
        raw=[(s, list(r)) for s, r in groupby(coded, key=lambda r: r.study_id)],
    )  # fmt: skip
    forms = [(key, list(r)) for key, r in groupby(found.raw, key=lambda r: (r.study_id, r.form))]
    yield "forms.html", page("forms.html.j2", forms=forms)
    yield (
        "coverage.html",
        page("coverage.html.j2", studies=found.studies, matrices=_matrices(found), minimum=found.cells.minimum),
    )
    tally = Counter(r.verdict for r in found.results)
    said = {(r.check.name, r.study_id): r.verdict for r in found.results}
    yield "checks.html", page(
        "checks.html.j2", studies=found.studies, tally={v: tally[v] for v in VERDICTS},
        rows=[(c, [said.get((c.name, s), "") for s in found.studies]) for c in checks.values()],
    )  # fmt: skip
    for name, rows in groupby(found.results, key=lambda r: r.check.name):
        yield f"checks/{checks[name].page}", page(
            "check.html.j2", "../", check=checks[name], minimum=found.cells.minimum,
            rows=[_shown(r, found.cells) for r in rows],
        )  # fmt: skip


def _shown(r: Result, cells: Published) -> dict[str, Any]:
    """One study's numbers of a check, as far as they may be shown."""
    part, whole = (r.check.name, r.study_id, "found"), (r.check.name, r.study_id, "checked")
    share = cells.percent(part, whole)
    return {
        "study_id": r.study_id,
        "verdict": r.verdict,
        "found": cells[part].text,
        "checked": cells[whole].text,
        "share": "–" if not r.n_checked else NOT_SHOWN if share is None else f"{share:.2g} %",
        "limit": f"{r.max_pct:g} %",
        "why": r.why,
        "sql": r.offenders_sql,
    }


def _origins_of(table: Table, found: Dictionary) -> list[tuple[str, list[Origin]]]:
    if table.schema != "cdm":
        return []
    mine = [o for o in found.origins if o.entity == table.name]
    order = [c.name for c in table.columns]
    names = sorted({o.column for o in mine}, key=lambda n: (order.index(n) if n in order else len(order), n))
    return [(name, [o for o in mine if o.column == name]) for name in names]


def _checks_of(table: Table, checks: Iterable[Check]) -> list[Check]:
    if table.schema == "cdm":
        return [c for c in checks if c.part == table.name or c.part.startswith(f"{table.name}.")]
    return [c for c in checks if table.schema == "quality" and c.check_id == table.name]


def _matrices(found: Dictionary) -> list[tuple[str, list[tuple[str, list[dict[str, Any] | None]]]]]:
    out = []
    for matrix, rows in groupby(found.coverage, key=lambda r: r["matrix"]):
        cells = [
            (variable, {r["study_id"]: r for r in of}) for variable, of in groupby(rows, key=lambda r: r["variable"])
        ]
        out.append((matrix, [(v, [by.get(s) for s in found.studies]) for v, by in cells]))
    return out


def _csvs(found: Dictionary) -> Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]:
    def joined(values: Iterable[str]) -> str:
        return "; ".join(values)

    yield CSVS[0], ("table", "description", "kind", "grain", "tests", "unit_tests", "first_release"), [
        (t.full_name, t.description, "view" if t.is_view else "table", joined(t.grain), joined(t.tests),
         joined(n for n, _ in t.unit_tests), t.first_release)
        for t in found.tables
    ]  # fmt: skip
    yield CSVS[1], ("table", "column", "type", "description", "required", "values", "missing_reasons", "tests",
                    "first_release"), [
        (t.full_name, c.name, c.type, c.description, c.required, joined(c.values), joined(c.reasons), joined(c.tests),
         c.first_release)
        for t in found.tables for c in t.columns
    ]  # fmt: skip
    yield CSVS[2], ("study_id", "table", "column", "block", "form", "source_columns", "verb", "arguments", "status",
                    "comment", "reference"), [
        (o.study_id, f"cdm.{o.entity}", o.column, o.block, o.form, joined(o.source_columns), o.verb, o.arguments,
         o.status, o.comment, o.reference)
        for o in found.origins
    ]  # fmt: skip
    model = [("", f"cdm.{t.name}" if t.schema == "cdm" else t.full_name, c.name, v, v, "value")
             for t in found.tables for c in t.columns for v in c.values]  # fmt: skip
    raw = [(r.study_id, r.form, r.column, k, v, kind) for r in found.raw
           for kind, of in (("value", r.codes), ("missing", r.missing)) for k, v in of]  # fmt: skip
    yield CSVS[3], ("study_id", "table_or_form", "column", "code", "meaning", "kind"), model + raw
    yield (
        CSVS[4],
        ("study_id", "form", "column", "description", "aliases", "feeds"),
        [(r.study_id, r.form, r.column, r.description, joined(r.aliases), joined(r.used_by)) for r in found.raw],
    )
    yield (
        CSVS[5],
        ("table", "variable", "study_id", "status", "share", "comment"),
        [(r["matrix"], r["variable"], r["study_id"], r["status"], r["share"], r["comment"]) for r in found.coverage],
    )
    shown = [(r, _shown(r, found.cells)) for r in found.results]
    yield CSVS[6], ("check", "study_id", "title", "numerator", "denominator", "n_found", "n_checked", "max_pct",
                    "verdict", "offenders_sql", "data_manager", "analyst"), [
        (r.check.name, r.study_id, r.check.title, r.check.numerator, r.check.denominator, s["found"], s["checked"],
         r.max_pct, r.verdict, r.offenders_sql, r.check.data_manager, r.check.analyst)
        for r, s in shown
    ]  # fmt: skip
