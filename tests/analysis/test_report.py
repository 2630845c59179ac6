"""The one-page report of a hand-made warehouse."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from analysis.report import write_report
from analysis.report.counts import collect
from analysis.warehouse import WarehouseMissing, connect
from tests.analysis.conftest import ALPHA, BETA, REFERENCE, make
from tests.analysis.test_disclosure import attack


@pytest.fixture
def page(database: Path, tmp_path: Path) -> str:
    return write_report(database, tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def words(page: str) -> str:
    """What a reader sees, without the drawings."""
    bare = re.sub(r"<(svg|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", bare)))


def test_no_outside_request(page: str) -> None:
    assert not re.search(r"<(script|link|iframe|object|embed|image|img)\b", page)
    assert not re.search(r"""(?:src|href|action|poster)\s*=\s*["']?\s*(?:https?:|//)""", page)
    assert not re.search(r"url\(\s*[\"']?(?!#)", page)
    assert "@import" not in page
    assert set(re.findall(r"https?://[^\"'<> ]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_synthetic_is_on_the_page_and_on_the_study(page: str) -> None:
    assert "<title>SYNTHETIC" in page
    assert "SYNTHETIC – Alpha trial" in words(page)
    assert "Alpha trial SYNTHETIC" in words(page)
    assert "Beta <trial> real data" in words(page)
    assert "Beta &lt;trial&gt;" in page


def test_real_data_alone_are_not_called_synthetic(tmp_path: Path) -> None:
    page = write_report(make(tmp_path, REFERENCE, BETA), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" not in page


def test_sections_and_numbers(page: str) -> None:
    text = words(page)
    for name in ("Attrition", "Outcomes by step", "Coverage", "Refusals", "Nothing is lost", "Findings", "Files"):
        assert name in text
    assert "13 of 40 32 % · 26 %" in text, "remission: of the determinable, of all who entered"
    assert "day must lie in -60 to 3650" in text
    assert "Check the unit in the mapping" in text
    assert "from memory, not read" in text
    assert "partly from memory" in text
    assert "not medical advice" in text
    assert "synthetic delivery" in text
    assert "abababababab" in text
    assert text.count("✓ holds") == 3


def test_studies_stand_side_by_side(page: str) -> None:
    """30 of 50 persons began with an SSRI, 18 with an SNRI; of the two without a class neither number nor rest."""
    text = words(page)
    assert "Studies side by side" in text
    table = text[text.index("Studies side by side") : text.index("Attrition Persons")]
    assert re.search(r"persons 50\b", table)
    assert re.search(r"not known <5\b", table)
    assert re.search(r"intolerance <5\b", table)
    assert "by hand" in text, "the reason why a column is not complete"


def test_small_counts_are_not_on_the_page(page: str) -> None:
    text = words(page)
    assert "<5 of" in text, "three partial responses"
    assert "blank <5" in text, "three dropped rows"
    assert re.search(r"SCORE <5 not a number", text)
    assert not re.search(r"\b64 of 67|96 %", text), "three visits lack a subject"
    assert " 47 " not in text, "50 entered, 47 with a later visit"
    drawn = " ".join(re.findall(r"<svg.*?</svg>", page, flags=re.S))
    assert ">47<" not in drawn
    assert "persons: 47" not in drawn
    assert "&lt;5" in drawn or "withheld" in drawn


def test_nothing_of_a_person_is_on_the_page(page: str) -> None:
    for secret in ("SUBJECT77", "KEY77", "RAWTEXT77", "secret folder", "site_code"):
        assert secret not in page


def test_counts_of_the_whole_page_withstand_the_attack(database: Path) -> None:
    with connect(database) as warehouse:
        counts = collect(warehouse)
    small = [key for key, value in counts.values.items() if 0 < value < 5]
    assert small, "the page has counts that must not be shown"
    page = attack(counts)  # asserts for every small count that it is neither printed nor can be computed
    assert not any(page.get(key).value for key in small)
    attack(counts, 12)


def test_threshold_can_be_moved(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    all_shown = words(write_report(database, tmp_path / "a.html", minimum=1).read_text(encoding="utf-8"))
    assert "3 of 40" in all_shown
    assert "switched off" in all_shown
    monkeypatch.setenv("TRD_MIN_CELL", "20")
    assert "<20" in words(write_report(database, tmp_path / "b.html").read_text(encoding="utf-8"))


def test_lost_rows_are_said(tmp_path: Path) -> None:
    lost = "update quality.entity_rows set n_candidates = 107 where entity = 'visits'"
    page = write_report(make(tmp_path, REFERENCE, ALPHA, lost), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "✗ 10 rows lost" in words(page)


def test_same_data_same_page(database: Path, tmp_path: Path) -> None:
    first, second = (write_report(database, tmp_path / n) for n in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_empty_warehouse_says_so(empty: Path, tmp_path: Path) -> None:
    text = words(write_report(empty, tmp_path / "x.html").read_text(encoding="utf-8"))
    assert "Nothing is landed yet" in text
    assert "trd land" in text


def test_missing_warehouse_leaves_no_page(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissing, match="trd build"):
        write_report(tmp_path / "none.duckdb", tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()
