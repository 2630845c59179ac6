"""The section on linking of the one-page report."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from analysis.linking.run import run_link
from analysis.report import write_report
from analysis.results import stamp_of, write_result
from tests.analysis.conftest import ALPHA, BETA, REFERENCE, make
from tests.analysis.linking.kit import population, warehouse
from tests.analysis.test_report import words

LINKS = """
create table marts.links (link_id varchar, kind varchar, from_instrument_id varchar, to_instrument_id varchar,
    priority bigint, is_default boolean);
insert into marts.links values ('t', 'table', 'QIDS_SR16', 'HRSD17', 10, true);
create table marts.link_points (link_id varchar, kind varchar, from_instrument_id varchar, to_instrument_id varchar,
    from_score bigint, point double, low double, high double);
insert into marts.link_points select 't', 'table', 'QIDS_SR16', 'HRSD17', i, 1.35 * i, 1.3 * i, 1.4 * i
    from range(28) as r(i);
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Results of a run on 153 persons."""
    database = warehouse(tmp_path_factory.mktemp("run"), population(153))
    return run_link(database, "QIDS_SR16", "HRSD17", bootstraps=20).tables


@pytest.fixture
def database(tmp_path: Path, found: dict[str, pd.DataFrame]) -> Path:
    """A page's warehouse with these results, said to be those of study alpha."""
    database = make(tmp_path, REFERENCE, ALPHA, BETA, LINKS)
    for name, table in found.items():
        table = table.assign(studies="alpha") if name == "linking_links" else table
        write_result(name, table, stamp=stamp_of(database, studies=["alpha"], seed=1))
    return database


def test_section_shows_link_band_groups_and_remission(database: Path, tmp_path: Path) -> None:
    page = write_report(database, tmp_path / "x.html").read_text(encoding="utf-8")
    section = page[page.index('<h2 id="linking">') : page.index('<h2 id="coverage">')]
    text = words(section)
    assert "QIDS_SR16 to HRSD17 SYNTHETIC" in text
    assert "about 310 visits of about 150 persons in alpha" in text
    # exact counts could be set against others of the page
    assert "153" not in text
    assert "306" not in text
    assert section.count("<svg") == 2
    assert "earlier landing" not in text
    for said in ("In published range", "baseline against later visits", "Half a point", "Sensitivity", "seed 1"):
        assert said in text
    assert 'href="#linking"' in page
    assert not re.search(r"<(script|link|iframe|object|embed|image|img)\b", section)


def test_results_of_other_landings_say_so(database: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("update quality.landings set sha256 = repeat('ef', 32) where study = 'alpha'")
    assert "earlier landing" in words(write_report(database, tmp_path / "x.html").read_text(encoding="utf-8"))


def test_without_a_link_there_is_no_section(tmp_path: Path) -> None:
    page = write_report(make(tmp_path, REFERENCE, ALPHA, BETA), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "Linking of scales" not in page
