"""Remission by step on the report: figures from counts that may be shown, beside the published ones."""

from __future__ import annotations

import html
import re
from pathlib import Path

from analysis.report import write_report
from analysis.report.counts import collect
from analysis.report.remission import last_step, methods
from analysis.warehouse import connect
from tests.analysis.conftest import ALPHA, REFERENCE, make
from tests.analysis.test_disclosure import attack

TABLES = """
create table reference.remission_methods (method_id varchar, kind varchar, display_order integer, label varchar,
    changed varchar, study_id varchar, dropouts varchar, source varchar, verified varchar, note varchar);
create table marts.cumulative_remission (method_id varchar, step_order bigint, study_id varchar, n_counted bigint,
    n_remitted bigint, n_cohort bigint, n_remitted_so_far bigint, step_pct double, cumulative_pct double,
    published_step_pct double, published_cumulative_pct double);
insert into reference.remission_methods values
    ('rush2006', 'method', 1, 'First: like the others', null, 'alpha', 'like_completers', 'S_A', 'mixed', 'a note'),
    ('bridge_dropouts', 'bridge', 2, '… not remitted', 'dropouts', 'alpha', 'not_remitted', 'S_B', 'proposal', null),
    ('pigott2023', 'method', 3, 'Second: fewer', 'missing', 'alpha', 'not_remitted', 'S_B', 'verified', null);
"""
FIGURES = """
insert into marts.cumulative_remission values
    ('rush2006', 1, 'alpha', 200, 80, 200, 80, 99, 99, 36.8, 36.8),
    ('rush2006', 2, 'alpha', 100, 25, 200, 105, 99, 99, 30.6, 56.1),
    ('rush2006', 3, 'alpha', 40, {small}, 200, {so_far}, 99, 99, null, null),
    ('bridge_dropouts', 1, 'alpha', 200, 80, 200, 80, 99, 99, null, null),
    ('bridge_dropouts', 2, 'alpha', 100, 25, 200, 105, 99, 99, null, null),
    ('bridge_dropouts', 3, 'alpha', 40, {small}, 200, {so_far}, 99, 99, null, null),
    ('pigott2023', 1, 'alpha', 220, 80, 220, 80, 99, 99, null, null),
    ('pigott2023', 2, 'alpha', 120, 25, 220, 105, 99, 99, null, null),
    ('pigott2023', 3, 'alpha', 60, {small}, 220, {so_far}, 99, 99, null, 35);
"""


def database(tmp_path: Path, small: int) -> Path:
    return make(tmp_path, REFERENCE, ALPHA, TABLES, FIGURES.format(small=small, so_far=105 + small))


def words(page: str) -> str:
    bare = re.sub(r"<(svg|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", bare)))


def test_rates_come_from_shown_counts(tmp_path: Path) -> None:
    """80 of 200 and 25 of 100: 1 - 0.6 x 0.75 = 55 % as if nobody left, 105 of 200 = 52.5 % seen; not the mart's 99."""
    page = write_report(database(tmp_path, 10), tmp_path / "x.html").read_text(encoding="utf-8")
    text = words(page)
    section = text[text.index("Remission by step, method by method") : text.index("Coverage What each study")]
    assert re.search(r"2 100 25 25.0 % ◇ 30.6 % 55.0 % ◇ 56.1 %", section)
    assert "52.5 %" in section
    assert "99.0 %" not in section
    assert "SYNTHETIC" in section
    assert "(proposal)" in section
    drawn = page[page.index('id="remission"') : page.index('id="coverage"')]
    assert drawn.count("<svg") == 4, "curves and bridge, each wide and narrow"
    assert "up to step 3" in section


def test_small_counts_end_the_curve(tmp_path: Path) -> None:
    path = database(tmp_path, 2)
    with connect(path) as warehouse:
        counts = collect(warehouse)
        small = [k for k, v in counts.values.items() if k[1] == "remission" and 0 < v < 5]
        assert small
        cells = attack(counts)  # asserts that no small count can be computed from what is shown
        found = methods(warehouse, cells, {"alpha"})
    assert last_step(found) == 2
    assert found[0].steps[2].step_pct is None
    assert found[0].steps[2].cumulative_pct is None
    text = words(write_report(path, tmp_path / "x.html").read_text(encoding="utf-8"))
    assert "up to step 2, one assumption changed" in text


def test_a_large_cohort_has_whole_per_cents_where_methods_differ_by_a_few(tmp_path: Path) -> None:
    """2,003 persons in place of 2,000 would show the 3; 1,053 of 2,003 is 52.57 %, and 53 % is also 1,050 of 2,000."""
    figures = FIGURES.format(small=30, so_far=1080)
    for old, new in (("200, 80,", "2000, 800,"), ("200, 105,", "2000, 1050,"), ("200, 1080", "2000, 1080")):
        figures = figures.replace(old, new)
    for old, new in (("220, 80, 220, 80,", "2003, 803, 2003, 803,"), ("220, 105,", "2003, 1053,")):
        figures = figures.replace(old, new)
    figures = figures.replace("220, 1080", "2003, 1083").replace("2000, 800, 200, 80,", "2000, 800, 2000, 800,")
    path = make(tmp_path, REFERENCE, ALPHA, TABLES, figures.replace("200, 80", "2000, 800"))
    with connect(path) as warehouse:
        counts = collect(warehouse)
        cells = attack(counts)
        last = methods(warehouse, cells, {"alpha"})[-1]
    steps = {s.order: s for s in last.steps}
    assert [s.is_coarse for s in last.steps].count(True) >= 1
    assert {s.cumulative_pct for s in last.steps if s.is_coarse} <= {40.0, 53.0, 54.0}
    assert steps[2].cumulative_pct == 53
    assert "about 53 %" in words(write_report(path, tmp_path / "x.html").read_text(encoding="utf-8"))


def test_a_release_without_the_table_has_no_section(tmp_path: Path) -> None:
    page = write_report(make(tmp_path, REFERENCE, ALPHA), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "method by method" not in page
