"""The dictionary of a small published file: what stands on its pages, what must not, and where its links lead."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from harmonize.dictionary import site
from harmonize.dictionary.sources import origins, raw_columns
from harmonize.dictionary.tables import first_releases
from harmonize.disclosing.rules import Rules
from harmonize.disclosing.scan import Place, scan
from harmonize.mapping import has_mapping
from harmonize.paths import MAPPINGS, Warehouse
from harmonize.sources import studies
from tests.harmonize.dictionary.test_checks import TABLES

MORE = """
create schema cdm;
create table cdm.scales (subject_id varchar not null, rater varchar, score double, score_missing varchar);
comment on table cdm.scales is 'One row per rating. Grain: subject_id.';
comment on column cdm.scales.rater is 'Who rated <with care>.';
create view reference.scales as select 'HRSD17' as scale_id;
comment on view reference.scales is 'Rating scales.';
create table quality.landings as select 'stard' as study, 'f' as form, 'x' as sha256, true as is_synthetic;
create table marts.variable_coverage as from (values
    ('stard', 'history', 'age_onset', 'complete', 100, 100, ''),
    ('mars', 'history', 'age_onset', 'partial', 97, 100, 'gaps'),
    ('dia', 'history', 'age_onset', 'not_collected', 0, 100, 'not asked')) as
    t(study_id, entity, variable_id, status, n_with_value, n_subjects, comment);
alter table marts.coverage add column comment varchar;
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = Warehouse(Path(tmp_path_factory.mktemp("dictionary")))
    for name, at, columns in (("later", "2026-02-01", ["rater", "score"]), ("first", "2026-01-01", ["rater"])):
        folder = made.root / "releases" / name
        folder.mkdir(parents=True)
        table = {"table": "cdm.scales", "columns": dict.fromkeys(columns, "VARCHAR")}
        (folder / "manifest.json").write_text(json.dumps({"name": name, "frozen_at": at, "tables": [table]}))
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(TABLES + MORE)
    return made


@pytest.fixture(scope="module")
def folder(house: Warehouse) -> Path:
    out = house.root / "dictionary"
    with duckdb.connect(str(house.database), read_only=True) as connection:
        site.write(site.gather(connection, house, minimum=5), out)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_column_says_type_values_reasons_tests_release_and_where_it_comes_from(folder: Path) -> None:
    found = {(r["table"], r["column"]): r for r in rows(folder / "columns.csv")}
    rater = found["cdm.scales", "rater"]
    assert rater["values"] == "clinician; assessor; self; unknown"
    assert rater["first_release"] == "first"
    assert "must be one of" in rater["tests"]
    score = found["cdm.scales", "score"]
    assert score["missing_reasons"].startswith("blank; unknown; refused")
    assert score["first_release"] == "later"
    assert found["cdm.scales", "subject_id"]["required"] == "True"
    page = (folder / "tables" / "cdm.scales.html").read_text(encoding="utf-8")
    assert "Who rated &lt;with care&gt;." in page
    # the mapping of MARS, read from its document
    assert "hamd" in page
    assert "SYNTHETIC" in page


def test_every_mapping_row_is_there_with_its_source_columns(folder: Path) -> None:
    """Counted in the documents; source columns of one row of each way of naming them, read by eye."""
    documents = [MAPPINGS / f"{s.name}.csv" for s in studies() if has_mapping(s.name)]
    assert len(rows(folder / "origins.csv")) == sum(len(rows(path)) for path in documents)
    known = {(o.study_id, o.block, o.column): o for o in origins()}
    assert known["mars", "hrsd21", "step_id"].source_columns == ("aufnahme_nr",)
    assert known["ispotd", "hrsd17", "step_id"].source_columns == ("diagnosis",)
    assert known["dia", "hama", "step_id"].source_columns == ()
    for origin in known.values():
        assert origin.source_columns or origin.verb in ("const", "none"), origin
    used = {(r.study_id, r.form, r.column): r.used_by for r in raw_columns(list(known.values()))}
    assert "scales.step_id" in used["mars", "hamd", "aufnahme_nr"]


def test_no_small_count_stands_on_a_page(folder: Path, house: Warehouse) -> None:
    """Two refused rows, three doses, one empty column: shown as <5, and not to be had from the rest. 97 of 100 persons
    leave three, so the share is not shown."""
    page = (folder / "checks" / "gate-scales.score-in_range.html").read_text(encoding="utf-8")
    assert "<td>stard</td>" in page
    assert "&lt;5" in page
    shown = {(r["check"], r["study_id"]): r for r in rows(folder / "checks.csv")}
    assert shown["refused_rows:scales", "stard"]["n_found"] == "<5"
    assert shown["dq_total_disagrees", "stard"]["n_found"] == "20"
    assert {r["verdict"] for r in shown.values()} == {"passed", "failed", "not applicable"}
    shares = {r["study_id"]: r["share"] for r in rows(folder / "coverage.csv") if r["variable"] == "age_onset"}
    assert shares == {"stard": "100 %", "mars": "n. s.", "dia": "0 %"}
    found = list(scan([Place(folder)], Rules(5)))
    assert not found, found


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [v for k, v in attrs if k == "href" and v]


def test_all_links_lead_to_a_page_and_the_site_is_whole(folder: Path) -> None:
    pages = sorted(folder.rglob("*.html"))
    for page in pages:
        reader = _Links()
        reader.feed(page.read_text(encoding="utf-8"))
        for target in reader.targets:
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            assert to.is_file() or path.startswith("tables/cdm."), f"{page.name}: {target}"
            assert not anchor or not to.is_file() or to.suffix == ".html"
    assert {p.name for p in folder.glob("*")} >= {"index.html", "checks.html", "coverage.html", *site.CSVS}


def test_a_warehouse_without_releases_has_no_first_one(tmp_path: Path) -> None:
    assert first_releases(Warehouse(tmp_path)) == {}
