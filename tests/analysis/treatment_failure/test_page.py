"""What is written of sections: page, text, figures, tables, each with its stamp, and nothing from outside."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.results import Stamp
from analysis.treatment_failure import charts, page
from analysis.treatment_failure.section import Drawing, Item, Section, Table, check


@pytest.fixture
def section() -> Section:
    forest = pd.DataFrame(
        {
            "label": ["a", "a"],
            "model": ["M1", "M2"],
            "estimate": [-9.0, 1.0],
            "lower": [-12.0, -4.0],
            "upper": [-6.0, 6.0],
        }
    )
    table = pd.DataFrame({"what": ["<b>", "y"], "estimate": [-0.123456, float("nan")], "n": [1234, 7]})
    return Section(
        key="aim-x",
        title="Aim X",
        verdict="It is so & not otherwise.",
        methods=("Done in 2 steps.",),
        results=("Found 3.",),
        cautions=("Beware.",),
        tables=(Table("rows", "Rows", table, decimals={"estimate": 2}),),
        figures=(Drawing("forest", "Forest", charts.forest(forest, "points")),),
        checklist=(Item("STROBE", "4", "design", "cohort"),),
    )


def about(synthetic: tuple[str, ...]) -> page.About:
    stamp = Stamp(Path("x.duckdb"), "landings-abc", "0123456789abcdef" * 4, 7, bool(synthetic))
    return page.About(stamp, "1.0.0", synthetic, ("starts: 5 instead of 50",), ("analysis.x is not installed.",), 5)


def test_files_carry_the_stamp(section: Section, tmp_path: Path) -> None:
    made = page.write([section], about(("stard",)), tmp_path)
    folder = tmp_path / page.FOLDER
    html, text = made.read_text(encoding="utf-8"), (tmp_path / page.TEXT).read_text(encoding="utf-8")
    csv = (folder / "aim-x-rows.csv").read_text(encoding="utf-8")
    drawn = (folder / "aim-x-forest.svg").read_text(encoding="utf-8")
    for content in (html, text, csv, drawn):
        assert "SYNTHETIC" in content
        assert "landings-abc" in content
        assert "0123456789abcdef" in content
    assert (folder / "aim-x-forest.png").read_bytes().startswith(b"\x89PNG")
    assert "-0.123456" in csv
    for words in ("It is so &amp; not otherwise.", "starts: 5 instead of 50", "−0.12", "STROBE", "Beware.", "1,234"):
        assert words in html
    for words in ("Done in 2 steps.", "Found 3.", "STROBE 4, design (Aim X): cohort", "| 1,234 |"):
        assert words in text


def test_the_page_asks_for_nothing_outside_and_escapes(section: Section, tmp_path: Path) -> None:
    html = page.write([section], about(()), tmp_path).read_text(encoding="utf-8")
    assert "SYNTHETIC" not in html
    assert not re.findall(r'(?:src|href)="https?:|@import|url\((?!#)', html)
    assert "<b></td>" not in html
    assert "&lt;b&gt;" in html


def test_old_files_go(section: Section, tmp_path: Path) -> None:
    (tmp_path / page.FOLDER).mkdir()
    (tmp_path / page.FOLDER / "finding-old.csv").write_text("x", encoding="utf-8")
    page.write([section], about(()), tmp_path)
    assert sorted(p.name for p in (tmp_path / page.FOLDER).iterdir()) == [
        "aim-x-forest.png", "aim-x-forest.svg", "aim-x-rows.csv",
    ]  # fmt: skip


def test_names_that_clash_are_refused(section: Section, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than one section"):
        page.write([section, section], about(()), tmp_path)
    twice = Section("k", "K", tables=(Table("a", "A", pd.DataFrame()), Table("a", "A", pd.DataFrame())))
    with pytest.raises(ValueError, match="names two"):
        check(twice)
    with pytest.raises(ValueError, match="no name of a file"):
        check(Section("../k", "K"))


def test_studies_and_scales_are_read_by_their_names(section: Section, tmp_path: Path) -> None:
    names = {"stard": "STAR*D", "predict": "PReDICT"}
    assert page.in_titles("predict: ± 20; in stard, predict (CBT)", names) == "PReDICT: ± 20; in STAR*D, PReDICT (CBT)"
    assert page.in_titles("labels predict more; QIDS_SR16", names) == "labels predict more; QIDS-SR16"
    table = Table("rows", "Rows", pd.DataFrame({"study": ["stard"], "predict": [3]}))
    made = page.write([replace(section, tables=(table,))], replace(about(()), names=names), tmp_path)
    html, text = made.read_text(encoding="utf-8"), (tmp_path / page.TEXT).read_text(encoding="utf-8")
    assert "<td>STAR*D</td>" in re.sub(r"<td[^>]*>", "<td>", html)
    assert "PReDICT" in html
    assert "| STAR\\*D | 3 |" in text, "two stars in a paragraph would begin emphasis"
