"""Synthetic MARS end to end: workbook and text files come to one warehouse, and its outcomes to the files' own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from harmonize.landing import land
from harmonize.mapping import read_mapping
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import mars
from tests.dbt_project import kit
from tests.harmonize import sqlkit

PERSONS = 160
SEED = 7
ITEMS = [f"HAMD{i:02d}" for i in range(1, 22)]


@pytest.fixture(scope="module")
def from_text(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return kit.build(landed(Path(tmp_path_factory.mktemp("mars_text")), "csv"), project=kit.project_with("mars"))


def landed(folder: Path, delivery: mars.Delivery) -> Warehouse:
    warehouse = Warehouse(folder)
    mars.write(folder / "delivered", PERSONS, SEED, delivery=delivery)
    land(study("mars"), folder / "delivered", warehouse, synthetic=True)
    return warehouse


def test_workbook_and_text_files_come_to_the_same(from_text: Warehouse, tmp_path: Path) -> None:
    """Excel dates and numbers, dates and numbers as text, and German text: raw they differ, every candidate row of
    every table is the same, and all that is published is made of the candidates."""
    from_workbook = landed(tmp_path, "xlsx")
    declared = study("mars")
    different = set()
    for block in read_mapping(declared):
        if block.form not in declared.clinical_forms:
            continue  # genotypes are no part of a delivery
        rows = {
            kind: pq.read_table(house.raw / "mars" / f"{block.form.name}.parquet").to_pylist()
            for kind, house in (("text", from_text), ("workbook", from_workbook))
        }
        raw = [[{c: row[c] for c in block.form.column_names} for row in found] for found in rows.values()]
        if raw[0] != raw[1]:
            different.add(block.form.name)
        with sqlkit.connect() as connection:
            text, book = (sqlkit.candidates(connection, declared, block, found) for found in raw)
        assert len(text) > 0
        assert text == book, block.name
        assert [r["src_row"] for r in rows["text"]] == [r["src_row"] for r in rows["workbook"]]
    assert different == {"patienten", "hamd", "medikation"}


def read(house: Warehouse, file: str) -> pd.DataFrame:
    data = pd.read_csv(house.root / "delivered" / file, sep=";", encoding="cp1252", dtype=str, keep_default_na=False)
    return data.replace({"": None, "k.A.": None})


def test_outcomes_at_discharge_are_a_recount_of_the_files(from_text: Warehouse) -> None:
    """Response (half or less of the first) and remission (below 10) at the last rating of admission 1, with pandas."""
    ratings = read(from_text, "HAMD.csv").query("Aufnahme_Nr == '1'")
    items = ratings[ITEMS].apply(pd.to_numeric)
    score = pd.to_numeric(ratings["HAMD21_Summe"]).fillna(items.sum(axis=1, skipna=False))
    scored = ratings.assign(score=score, week=pd.to_numeric(ratings["Woche"])).dropna(subset=["score"])
    first = scored[scored["week"] == 0].set_index("PatID")["score"]
    last = scored[scored["week"] > 0].sort_values("week").groupby("PatID")["score"].last()
    both = pd.DataFrame({"first": first, "last": last})
    expected = {
        "remission_hrsd21_mars": int((both["last"] < 10).sum()),
        "response_50": int((2 * both["last"] <= both["first"]).sum()),
    }
    found = kit.query(
        from_text,
        "select definition_id, count(*) from marts.outcomes where study_id = 'mars' and step_id = 'TAU'"
        " and instrument_id = 'HRSD21' and verdict = 'met'"
        " and definition_id in ('response_50', 'remission_hrsd21_mars') group by 1",
    )
    assert dict(found) == expected  # type: ignore[arg-type]
    assert 0.4 * PERSONS < expected["remission_hrsd21_mars"] < expected["response_50"] < 0.95 * PERSONS


def test_the_pooled_score_is_a_recount_of_17_items(from_text: Warehouse) -> None:
    ratings = read(from_text, "HAMD.csv")
    items = ratings[ITEMS[:17]].apply(pd.to_numeric).dropna()
    ((rows, total),) = kit.query(
        from_text,
        "select count(score_used), sum(score_used) from cdm.scales"
        " where study_id = 'mars' and instrument_id = 'HRSD17'",
    )
    assert (rows, total) == (len(items), float(items.to_numpy().sum()))


def test_ends_and_weeks_are_a_recount_of_the_files(from_text: Warehouse) -> None:
    patients = read(from_text, "Patienten.csv").query("Aufnahme_Nr == '1'")
    begun, ended = (pd.to_datetime(patients[c], format="%d.%m.%Y") for c in ("Aufnahme", "Beobachtungsende"))
    kinds = patients["Entlassungsart"].map({"E": "discharge", "A": "withdrew", "V": "lost", "B": "completed"})
    expected = (
        pd.DataFrame({"kind": kinds, "days": (ended - begun).dt.days}).groupby("kind")["days"].agg(["size", "sum"])
    )
    found = kit.query(
        from_text,
        "select exit_reason, count(*), cast(sum(end_day - start_day) as bigint) from cdm.steps"
        " where study_id = 'mars' and step_id = 'TAU' group by 1",
    )
    assert {k: (n, days) for k, n, days in found} == {k: (r["size"], r["sum"]) for k, r in expected.iterrows()}


def test_drugs_are_a_recount_of_the_files(from_text: Warehouse) -> None:
    drugs = read(from_text, "Medikation.csv")
    found = dict(
        kit.query(from_text, "select record_kind, count(*) from cdm.treatments where study_id = 'mars' group by 1")  # type: ignore[arg-type]
    )
    assert found == {"interval": int((drugs["Art"] == "S").sum()), "history_trial": int((drugs["Art"] == "V").sum())}
    level = pd.to_numeric(drugs["Spiegel_ng_ml"].str.replace(",", "."))
    ((total,),) = kit.query(from_text, "select sum(plasma_level) from cdm.treatments where study_id = 'mars'")
    assert total == pytest.approx(level.sum())


def test_clean_data_are_not_refused(from_text: Warehouse) -> None:
    assert kit.query(from_text, "select * from quality.quarantine") == []
    assert kit.query(from_text, "select * from quality.cell_issues") == []


def test_the_delivery_reconciles_with_itself(from_text: Warehouse) -> None:
    verdicts = kit.query(
        from_text, "select check_id, verdict from quality.reconciliation where study_id = 'mars' order by 1"
    )
    assert {v for _, v in verdicts} == {"agrees", "not_applicable"}
    assert [c for c, v in verdicts if v == "not_applicable"] == ["persons", "response_at_discharge"]


def test_first_line_has_one_row_per_person(from_text: Warehouse) -> None:
    """The pooling view takes admission 1 of everybody, and says whether they came with a drug."""
    drugs = read(from_text, "Medikation.csv").query("Art == 'S' and Aufnahme_Nr == '1'")
    begun, joined = (pd.to_datetime(drugs[c], format="%d.%m.%Y") for c in ("Beginn", "Ersteinschluss"))
    came_with = drugs.loc[begun < joined, "PatID"].nunique()
    found = kit.query(
        from_text,
        "select step_id, count(*), count(*) filter (where already_treated) from marts.first_line"
        " where study_id = 'mars' group by 1",
    )
    assert found == [("TAU", PERSONS, came_with)]
