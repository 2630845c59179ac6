"""Scores of persons of a warehouse: the frame that other analyses use, without a build."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from analysis.genetics.errors import DerivationOverlap, GeneticsError
from analysis.genetics.results import keep_scores, shown
from analysis.genetics.score import SCORE_COLUMNS, score_persons
from analysis.warehouse import connect
from tests.analysis.genetics.genokit import write_set, write_weights

HEAD = "#pgs_name=by hand\n#genome_build=GRCh37\n#derivation_studies=alpha"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two studies with a set each; one person of beta is typed twice, one sample belongs to nobody."""
    for study, calls in (("alpha", [[0], [1], [2], [1], [1], [0]]), ("beta", [[2], [2], [1], [0]])):
        folder = tmp_path / "genotypes" / study / "gwas"
        path = write_set(folder, [("rs1", "1", 100, "A", "G")], calls)
        facts = {"study": study, "file": path.name, "build": "GRCh37", "strand": "forward"}
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    file = tmp_path / "trd.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema marts; create schema quality")
        connection.execute(
            "create table marts.genotyped_persons (study_id varchar, subject_id varchar, set_id varchar,"
            " matrix_row bigint, is_chosen boolean, passed_qc boolean)"
        )
        rows = [("alpha", f"alpha-{n}", "gwas", n, True, n != 5) for n in range(6)]
        rows += [("beta", "beta-1", "gwas", 3, True, True), ("beta", "beta-1", "gwas", 0, False, True)]
        rows += [("beta", "beta-2", "gwas", 2, True, True)]
        connection.executemany("insert into marts.genotyped_persons values (?, ?, ?, ?, ?, ?)", rows)
        connection.execute(
            "create table quality.landings as select 'alpha' as study, 'f' as form, 'a' as sha256, true as is_synthetic"
            " union all select 'beta', 'f', 'b', false"
        )
    return file


def test_one_row_per_person_in_the_order_of_subjects(database: Path, tmp_path: Path) -> None:
    weights = write_weights(tmp_path, ["rs1 1 100 G A 0.5"], head=HEAD.replace("=alpha", "=none"))
    done = score_persons(database, weights)
    assert tuple(done.persons.columns) == SCORE_COLUMNS
    assert dict(zip(done.persons["subject_id"], done.persons["score"], strict=True)) == {
        **{f"alpha-{n}": 0.5 * (2 - d) for n, d in enumerate([0, 1, 2, 1, 1, 0])},
        "beta-1": 1.0,
        "beta-2": 0.5,
    }
    assert not done.circular
    only = score_persons(database, weights, studies=["alpha"], only_passed=True).persons
    assert list(only["subject_id"]) == [f"alpha-{n}" for n in range(5)]
    carrier = score_persons(database, weights, mode="carrier", studies=["beta"]).persons["score"]
    assert list(carrier) == [0.5, 0.5]
    single = score_persons(database, weights, mode="single", variant="rs1", studies=["beta"]).persons["score"]
    assert list(single) == [2, 1]


def test_refused_where_derived_unless_said_and_then_marked(database: Path, tmp_path: Path) -> None:
    weights = write_weights(tmp_path, ["rs1 1 100 A G 1"], head=HEAD)
    with pytest.raises(DerivationOverlap, match="derived in alpha"):
        score_persons(database, weights)
    assert not score_persons(database, weights, studies=["beta"]).circular
    done = score_persons(database, weights, allow_derivation=True)
    assert done.circular
    assert done.persons.groupby("study_id")["in_derivation"].all().to_dict() == {"alpha": True, "beta": False}


def test_results_are_stamped_and_small_counts_are_not_shown(database: Path, tmp_path: Path) -> None:
    done = score_persons(database, write_weights(tmp_path, ["rs1 1 100 A G 1"], head=HEAD), allow_derivation=True)
    stamp = keep_scores(database, done)
    keep_scores(database, done)
    assert stamp.is_synthetic
    with connect(database) as warehouse:
        kept = warehouse.table("results.genetic_scores")
        overlap = warehouse.table("results.genetic_overlap")
        variants = warehouse.table("results.genetic_variants")
    assert len(kept) == 8, "the second run takes the place of the first"
    assert kept["release"].eq(stamp.release).all()
    assert overlap.loc[overlap["study_id"] == "alpha", "in_derivation"].all()
    assert list(variants["status"]) == ["matched", "matched"]
    table = shown(done).set_index("study")
    assert table.loc["alpha", ["persons", "in derivation"]].to_list() == ["6", "6"]
    assert table.loc["beta", "persons"] == "<5"
    assert table.loc["beta", ["mean", "sd", "coverage"]].isna().all()


def test_a_warehouse_without_genotypes_says_so(database: Path, tmp_path: Path) -> None:
    weights = write_weights(tmp_path, ["rs1 1 100 A G 1"], head=HEAD)
    with pytest.raises(GeneticsError, match="nobody of gamma is genotyped"):
        score_persons(database, weights, studies=["gamma"])
    shutil.rmtree(database.parent / "genotypes")
    with pytest.raises(GeneticsError, match="nobody is genotyped"):
        score_persons(database, weights)
