"""Leaks planted one by one are found, by kind and place; what only looks like one is not."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from harmonize.cli import app
from harmonize.disclosing.rules import Rules, dates_in, is_count, rules_of
from harmonize.disclosing.scan import Place, places, scan
from harmonize.paths import Warehouse

KEY = "NDAR_INVZX81QP44"
SECRET = "0123456789abcdef0123456789abcdef"
PERSON = "stard-0123456789abcdef"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with one landed STAR*D form, one PReDICT form with short keys, and a secret."""
    made = Warehouse(Path(tmp_path_factory.mktemp("disclose")))
    (made.raw / "stard").mkdir(parents=True)
    pq.write_table(pa.table({"subjectkey": [KEY, "NDAR_INVAB12CD34"]}), made.raw / "stard" / "el01.parquet")
    made.restricted.mkdir()
    (made.restricted / "pseudonym.key").write_text(SECRET + "\n", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def rules(house: Warehouse) -> Rules:
    return rules_of(house, 5)


def kinds(path: Path, rules: Rules, *, persons_allowed: bool = False) -> list[str]:
    return sorted(f.kind for f in scan([Place(path, persons_allowed)], rules))


HTML = (
    "<html><body><table><thead><tr>{head}</tr></thead>"
    "<tbody><tr><th>{row}</th>{cells}</tr></tbody></table></body></html>"
)


def table(head: str, *cells: str, row: str = "female") -> str:
    heads = "".join(f"<th>{h}</th>" for h in ["", *head.split("|")])
    return HTML.format(head=heads, row=row, cells="".join(f"<td>{c}</td>" for c in cells))


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.html", table("Persons|Share", "4", "0.1 %"), ["small cell"]),
        ("a.html", table("Persons|Share", "&lt;5", "n. s."), []),
        ("a.html", table("Persons|Share", "0", "0 %"), []),
        ("a.html", table("Persons|Share", "5", "0.1 %"), []),
        ("a.html", table("Anything", "3"), ["small cell"]),
        ("a.html", table("Weeks", "3"), []),
        ("a.html", table("SE|Half a point", "1", "2"), []),
        ("a.html", table("min_failed_trials|verified", "2", "memory"), []),
        ("a.html", "<p>Of these 3 patients left.</p>", ["small cell"]),
        ("a.html", "<p>n = 4; of 123 patients</p>", ["small cell"]),
        ("a.html", '<script>var spec = {"data": [{"persons": 2, "week": 3}]}</script>', ["small cell"]),
        ("a.svg", '<svg><g class="mark-text role-mark"><text>3</text></g></svg>', ["small cell"]),
        ("a.svg", '<svg><g class="mark-text role-axis-label"><text>3</text></g></svg>', []),
        ("a.svg", '<svg><path aria-label="remitted: 3 persons"/></svg>', ["small cell"]),
        ("a.html", "<p>seen on 2003-04-17</p>", ["date"]),
        ("a.html", "<p>seen on 17.04.2003</p>", ["date"]),
        ("a.html", "<p>seen on 4/17/2003</p>", ["date"]),
        ("a.html", "<p>seen on 17 April 2003</p>", ["date"]),
        ("a.html", "<p>seen on Apr 17, 2003</p>", ["date"]),
        ("a.html", "<p>release 1.2.2003-45, 55/60/2065, DOI 10.1001/2003</p>", []),
        ("a.html", f"<p title='{KEY.lower()}'>x</p>", ["key"]),
        ("a.json", f'{{"k": "{KEY}"}}', ["key"]),
        ("a.txt", f"secret {SECRET}", ["key"]),
        ("a.html", f"<p>{PERSON}</p>", ["person"]),
        ("a.html", '<img src="https://example.org/a.png">', ["request"]),
        ("a.html", '<link rel="stylesheet" href="//example.org/a.css">', ["request"]),
        ("a.html", "<style>p { background: url('http://example.org/a.png') }</style>", ["request"]),
        ("a.html", "<script>fetch('https://example.org')</script>", ["request"]),
        ("a.css", "@import 'https://example.org/a.css';", ["request"]),
        ("a.html", '<a href="https://example.org">a link</a><svg xmlns="http://www.w3.org/2000/svg"></svg>', []),
        ("a.csv", "study,n_persons\nx,3\ny,80\n", ["small cell"]),
        ("a.csv", "study,n_persons\nx,<5\ny,80\n", []),
        ("a.csv", "study,n_weeks,week\nx,3,2\n", []),
        ("a.csv", f"who,x\n{PERSON},1\n", ["person"]),
        ("a.csv", "day,x\n2003-04-17,1\n", ["date"]),
        ("a.csv", "site_no,x\n12,1\n", ["site"]),
        ("a.png", "x", ["unread"]),
    ],
)
def test_planted_leaks_are_found(tmp_path: Path, rules: Rules, name: str, text: str, found: list[str]) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert kinds(path, rules) == found


def test_columns_of_parquet_and_duckdb_are_read(tmp_path: Path, rules: Rules) -> None:
    pq.write_table(
        pa.table({"seen": [datetime.date(2003, 4, 17)], "n_met": [2], "estimate": [3]}), tmp_path / "a.parquet"
    )
    assert kinds(tmp_path / "a.parquet", rules) == ["date", "small cell"]
    with duckdb.connect(str(tmp_path / "results.duckdb")) as connection:
        connection.execute("create table fit as select 'x' as study_id, 4 as n_patients, 3.5 as se")
        connection.execute("create table written as select 'fit' as name, 1 as n_rows, now() as written_at")
        connection.execute(f"create table persons as select '{PERSON}' as subject_id, 2 as n_visits")
    found = list(scan([Place(tmp_path / "results.duckdb", is_inside=True)], rules))
    assert [(f.kind, f.where) for f in found] == [("small cell", "fit, column n_patients")]
    assert kinds(tmp_path / "results.duckdb", rules) == ["person", "small cell", "small cell"]


def test_a_release_holds_persons_but_neither_dates_nor_keys(tmp_path: Path, rules: Rules) -> None:
    pq.write_table(pa.table({"subject_id": [PERSON], "n_visits": [3]}), tmp_path / "a.parquet")
    assert kinds(tmp_path, rules) == ["person", "small cell"]
    assert kinds(tmp_path, rules, persons_allowed=True) == []
    pq.write_table(pa.table({"subject_id": [KEY], "born": ["1961-02-03"]}), tmp_path / "b.parquet")
    assert kinds(tmp_path, rules, persons_allowed=True) == ["date", "key"]


def test_keys_that_look_like_numbers_are_found_among_ids_alone(tmp_path: Path) -> None:
    rules = Rules(5, short_keys=frozenset({"1001", "1002", "1003", "1004"}))
    (tmp_path / "a.csv").write_text("patient_id,dose\n1001,20\n1002,40\n1003,20\n", encoding="utf-8")
    assert kinds(tmp_path / "a.csv", rules) == ["key"]
    (tmp_path / "b.csv").write_text("dose,score\n1001,20\n1002,40\n1003,20\n", encoding="utf-8")
    assert kinds(tmp_path / "b.csv", rules) == []


def test_the_projects_own_words_are_no_leak(tmp_path: Path, rules: Rules) -> None:
    """The figure of a unit test's description, and the day on which a source was read, stand in the repository."""
    text = "<p>3 persons both, 1 and 1 one of them, 3 neither: agreement 0.75, by chance</p><p>and 3 persons left</p>"
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    assert kinds(tmp_path, rules) == ["small cell"]


def test_dates_must_exist_and_counts_are_named() -> None:
    assert [d.isoformat() for d in dates_in("2003-02-30 2003-02-28 31.12.1999 12/31/1999")] == [
        "2003-02-28", "1999-12-31", "1999-12-31",
    ]  # fmt: skip
    counted = {"n", "n_persons", "patients", "Persons found", "n_met", "events"}
    assert {h for h in [*counted, "n_items", "step_no", "subject_id", "mean", "scenario"] if is_count(h)} == counted


def test_the_command_names_places_and_no_values(house: Warehouse) -> None:
    house.report.mkdir(exist_ok=True)
    page = house.report / "index.html"
    page.write_text(f"<p>\n{KEY}</p>", encoding="utf-8")
    assert [p.path.name for p in places(house)] == ["report"]
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), "disclose"], prog_name="trd")
    assert ran.exit_code == 1
    assert "report/index.html" in ran.stdout
    assert "line 1" in ran.stdout
    assert KEY not in ran.stdout
    page.write_text("<p>nothing</p>", encoding="utf-8")
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), "disclose"], prog_name="trd")
    assert (ran.exit_code, "1 files looked into" in ran.stdout) == (0, True)
