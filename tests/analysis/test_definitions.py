"""The page of definitions: every row of every table with a source is there, and every source it cites resolves."""

from __future__ import annotations

import csv
import html
import re
from pathlib import Path

import duckdb
import pytest
import yaml

from analysis.report import write_report
from analysis.report.definitions import CHECKED, cited, definition_tables, render_definitions
from analysis.report.page import _environment
from analysis.warehouse import connect
from harmonize.paths import DBT_PROJECT, SEEDS

SEED_FILES = sorted(SEEDS.rglob("*.csv"))


def declared() -> dict[str, dict[str, str]]:
    """What the seeds' YAML says of each column."""
    found = {}
    for path in SEEDS.rglob("*__seeds.yml"):
        for seed in yaml.safe_load(path.read_text(encoding="utf-8")).get("seeds") or []:
            found[seed["name"]] = {c["name"]: c.get("description", "") for c in seed["columns"]}
    return found


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def citations() -> set[str]:
    return {row["source_id"] for row in rows(SEEDS / "reference" / "citations.csv")}


def reference_file(folder: Path) -> Path:
    """A published file that holds the seeds alone, under their published names."""
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["seeds"]["trd_warehouse"]
    aliases = {
        name: of["+alias"]
        for part in ("reference", "generated")
        for name, of in project[part].items()
        if "+alias" in of
    }
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema reference")
        for seed in SEED_FILES:
            name = aliases.get(seed.stem, seed.stem)
            sql = "select * from read_csv(?, header=true, delim=',', quote='\"', all_varchar=true)"
            connection.execute(f'create table reference."{name}" as {sql}', [str(seed)])
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    with connect(reference_file(tmp_path_factory.mktemp("reference"))) as warehouse:
        return render_definitions(warehouse, _environment())


@pytest.mark.parametrize("path", SEED_FILES, ids=lambda p: p.stem)
def test_every_source_resolves(path: Path) -> None:
    """Ids that look like citations are in the table of citations, and so is whatever looks like an id in the columns
    that are said to hold citations; words and names of files stay words."""
    known, columns = citations(), declared().get(path.stem, {})
    for number, row in enumerate(rows(path), 2):
        for column, text in row.items():
            assert set(cited(text or "")) <= known, f"{path.name}, row {number}, {column}: {text}"
            if "reference.citations" in columns.get(column, ""):
                listed = {part.strip() for part in text.split(";") if re.fullmatch(r"[A-Z0-9_]+", part.strip())}
                assert listed <= known, f"{path.name}, row {number}, {column}: {text}"
        if {"source", "verified"} <= set(row):
            assert row["source"], f"{path.name}, row {number} has no source"
            assert row["verified"] in CHECKED, f"{path.name}, row {number}: verified = {row['verified']!r}"


def test_every_definition_is_on_the_page_and_every_link_leads_somewhere(page: str, tmp_path: Path) -> None:
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors)), "two rows with one anchor"
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(anchors), sorted(links - set(anchors))[:5]
    for seed, key in (
        ("outcome_definitions", "outcome_id"),
        ("remission_methods", "method_id"),
        ("feature_definitions", "definition_id"),
        ("reliable_change", "instrument_id"),
    ):
        for row in rows(SEEDS / "reference" / f"{seed}.csv"):
            assert f"{seed}-{row[key]}" in anchors
    assert {f"#{c}" for c in citations()} <= {f"#{a}" for a in anchors}
    with connect(reference_file(tmp_path)) as warehouse:
        assert len(definition_tables(warehouse)) >= 10


def test_the_page_asks_nothing_outside_and_marks_memory(page: str) -> None:
    assert not re.search(r"<(script|link|iframe|object|embed|image|img)\b", page)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:|//)""", page)
    card = page[page.index('id="outcome_definitions-remission_madrs_10"') :]
    assert "from memory, not read" in card[: card.index("</section>")]
    assert "not medical advice" in page


def test_a_table_that_is_added_later_shows_up(tmp_path: Path) -> None:
    """Any table of the schema with source and verified; its text is escaped, its unknown source stays text."""
    path = reference_file(tmp_path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table reference.new_rules (rule_id varchar, label varchar, cut double, is_on boolean,"
            " source varchar, verified varchar); comment on table reference.new_rules is 'Rules <made> later.';"
            " comment on column reference.new_rules.cut is 'Where it cuts.';"
            " insert into reference.new_rules values ('r1', 'A <rule>', 2.5, true, 'S_RUSH2006;S_NOWHERE', 'memory')"
        )
        connection.execute("create table reference.plain (a varchar)")
    with connect(path) as warehouse:
        text = render_definitions(warehouse, _environment())
    assert 'id="table-new_rules"' in text
    assert 'id="new_rules-r1"' in text
    assert "A &lt;rule&gt;" in text
    assert "Rules &lt;made&gt; later." in text
    assert "<td>2.5</td><td>yes</td>" in text
    assert '<a href="#S_RUSH2006">RUSH2006</a>' in text
    assert "S_NOWHERE" in text
    assert "Where it cuts." in text
    assert "table-plain" not in text


def test_the_report_links_the_page_beside_it(database: Path, tmp_path: Path) -> None:
    index = write_report(database, tmp_path / "report" / "index.html")
    beside = index.parent / "definitions.html"
    assert 'href="definitions.html"' in index.read_text(encoding="utf-8")
    assert "response_50" in html.unescape(beside.read_text(encoding="utf-8"))
    assert 'href="index.html"' in beside.read_text(encoding="utf-8")
