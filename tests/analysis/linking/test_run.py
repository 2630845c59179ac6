"""A run from the published file to results, and `trd link` on it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from analysis.linking.pairs import LinkError, read_pairs
from analysis.results import results_file
from analysis.warehouse import connect
from harmonize.cli import app
from harmonize.links import kept_links
from harmonize.paths import Warehouse
from tests.analysis.linking.kit import population, warehouse

RUN = ["link", "--from", "QIDS_SR16", "--to", "HRSD17", "--bootstraps", "50"]


def link(database: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["--warehouse", str(database.parent), *RUN, *arguments])
    return done.exit_code, done.output


def test_pairs_are_of_one_person_and_the_nearest_day(tmp_path: Path) -> None:
    database = warehouse(tmp_path, population(60))
    with duckdb.connect(str(database)) as connection:
        # a second rater, whose score is not used beside an assessor's, a fraction, and one two days later
        connection.execute("update cdm.scales set rater = 'assessor' where instrument_id = 'HRSD17'")
        connection.execute("insert into cdm.scales values ('p1', 'b', 'HRSD17', 0, 'clinician', 'clinic', 1, 50)")
        connection.execute(
            "update cdm.scales set score_used = 9.5 where subject_id = 'p2' and day = 0 and instrument_id = 'QIDS_SR16'"
        )
        connection.execute(
            "update cdm.scales set day = 2 where subject_id = 'p3' and day = 0 and instrument_id = 'HRSD17'"
        )
    with connect(database) as opened:
        same_day = read_pairs(opened, "QIDS_SR16", "HRSD17")
        within = read_pairs(opened, "QIDS_SR16", "HRSD17", days=2)
        only_a = read_pairs(opened, "QIDS_SR16", "HRSD17", studies=("a",))
        with pytest.raises(LinkError, match="never measured within 0 days"):
            read_pairs(opened, "QIDS_SR16", "PHQ9")
        with pytest.raises(LinkError, match="no instrument NOPE"):
            read_pairs(opened, "NOPE", "HRSD17")
    assert (len(same_day.frame), same_day.left_out) == (118, 1)
    assert (len(within.frame), within.left_out) == (119, 1)
    assert same_day.frame["y"].max() < 50
    assert set(only_a.frame["study_id"]) == {"a"}
    assert (same_day.x.remission, same_day.y.remission) == (5, 7)
    assert dict(same_day.frame["time"].value_counts()) == {"later": 60, "baseline": 58}


def test_link_is_written_with_its_stamp_and_kept_for_builds(tmp_path: Path) -> None:
    database = warehouse(tmp_path, population(160))
    code, told = link(database, "--json", "--keep", "--seed", "3")
    assert code == 0, told
    document = json.loads(told[told.index("{") :])
    assert document["link_id"] == "est_qids_sr16_hrsd17_all"
    # the studies of the persons are synthetic; the third landing is not theirs
    assert (document["is_synthetic"], document["seed"]) == (True, 3)
    assert document["links"][0]["n_persons"] == 160
    assert {row["method"] for row in document["points"]} == {"equipercentile", "linear"}
    # only the path that has a rank is compared with
    assert [row["published_id"] for row in document["agreement"]] == ["t"]
    assert {row["linked_by"] for row in document["remission"]} == {"estimated", "t"}
    with duckdb.connect(str(results_file(database)), read_only=True) as results:
        names = {row[0] for row in results.execute("select table_name from duckdb_tables()").fetchall()}
        stamps = results.execute("select distinct release, seed, is_synthetic from linking_points").fetchall()
    assert names >= {f"linking_{n}" for n in ("links", "points", "agreement", "groups", "invariance", "remission")}
    assert stamps == [(document["release"], 3, True)]
    kept = kept_links(Warehouse(tmp_path)).to_pylist()
    points = [row for row in document["points"] if row["method"] == "equipercentile"]
    assert [(row["from_score"], row["point"]) for row in kept] == [(p["from_score"], p["point"]) for p in points]
    assert {row["release"] for row in kept} == {document["release"]}
    code, told = link(database, "--study", "a", "--json")
    assert code == 0
    with duckdb.connect(str(results_file(database)), read_only=True) as results:
        both = results.execute("select link_id, n_persons from linking_links order by 1").fetchall()
    assert both == [("est_qids_sr16_hrsd17_a", 80), ("est_qids_sr16_hrsd17_all", 160)]


def test_people_get_tables_and_clear_refusals(tmp_path: Path) -> None:
    database = warehouse(tmp_path, population(120))
    code, told = link(database)
    assert code == 0, told
    for said in ("SYNTHETIC", "240 visits of 120 persons", "score by score", "remission by the linked score"):
        assert said in told
    code, told = link(database, "--to", "PHQ9")
    assert (code, "never measured" in told) == (1, True)
    assert link(database, "--to", "QIDS_SR16")[0] == 2
    assert link(database, "--criterion", "none")[0] == 2
    assert "Forgotten: nothing was kept" in link(database, "--forget")[1]
