"""The plan's adjustment is the default: components, array and batch come from the warehouse. Persons are invented."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis.biomarkers.estimate import _explained
from analysis.biomarkers.estimators import adjustment
from analysis.biomarkers.scores import Scores, with_genotyping
from analysis.warehouse import connect

PCS = [f"PC{i}" for i in range(1, 6)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adjustment") / "trd.duckdb"
    rng = np.random.default_rng(1)
    rows = [("a", "one", True), ("a", "two", False), ("b", "one", True), ("c", "two", True)]
    frame = pd.DataFrame(rows, columns=["subject_id", "set_id", "is_chosen"])
    frame = frame.assign(study_id="stard", array_name=["x", "y", "x", "y"], batch=["1", "2", "", "2"])
    frame[[f"pc{i}" for i in range(1, 6)]] = rng.normal(size=(4, 5))
    with duckdb.connect(str(path)) as connection:
        connection.register("frame", frame)
        connection.execute("create schema marts; create table marts.genotyped_persons as select * from frame")
    return path


def test_what_the_scores_lack_is_joined(house: Path) -> None:
    with connect(house) as warehouse:
        known = warehouse.table("marts.genotyped_persons").set_index(["subject_id", "set_id"])
        bare = pd.DataFrame({"subject_id": ["a", "b", "elsewhere"], "score": [1.0, 2.0, 3.0]})
        found = with_genotyping(warehouse, Scores(bare, "s", (), None), ["stard"])
        of_set = pd.DataFrame({"subject_id": ["a", "b"], "set_id": ["two", "one"], "score": [1.0, 2.0]})
        told = with_genotyping(warehouse, Scores(of_set, "s", (), None), ["stard"])
        own = with_genotyping(warehouse, Scores(bare.assign(PC1=[7.0, 8.0, 9.0]), "s", (), None), ["stard"])
        other = with_genotyping(warehouse, Scores(bare, "s", (), None), ["mars"])
    assert found.covariates == [*PCS, "array", "batch"]
    assert found.frame["score"].tolist() == [1.0, 2.0, 3.0]
    assert found.frame["PC3"].iloc[0] == known.loc[("a", "one"), "pc3"]  # the chosen set
    assert np.isnan(found.frame["PC3"].iloc[2])
    assert told.frame["PC3"].iloc[0] == known.loc[("a", "two"), "pc3"]  # the set that was scored
    assert own.frame["PC1"].tolist() == [7.0, 8.0, 9.0]
    assert own.frame["PC2"].iloc[1] == known.loc[("b", "one"), "pc2"]
    assert other.covariates == []
    assert any("2 sets of genotypes were computed apart" in line for line in found.warnings)


def test_the_default_is_the_plan_as_far_as_it_is_known() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(20, 6)), columns=[*PCS, "score"])
    frame = frame.assign(array=["x", "y"] * 10, age=range(20), sex=["f"] * 10 + ["m"] * 10, batch=["1", "2"] * 10)
    assert adjustment(frame) == "~ PC1 + PC2 + PC3 + PC4 + PC5 + C(array) + age + sex"
    frame.loc[3, "PC2"] = np.nan
    assert "PC2" not in adjustment(frame.assign(array="x"))
    assert "array" not in adjustment(frame.assign(array="x"))
    frame.loc[3, "score"] = np.nan  # who is not scored needs no components
    assert "PC2" in adjustment(frame)


def test_a_score_that_the_components_explain_is_told() -> None:
    rng = np.random.default_rng(4)
    s, noise, w = rng.normal(size=500), rng.normal(size=500), rng.uniform(0.5, 2, 500)
    x = np.column_stack([np.ones(500), s, 0.5 * s + noise])
    by_hand = np.corrcoef(s, x[:, 2])[0, 1] ** 2
    assert _explained(x, np.ones(500)) == pytest.approx(by_hand)
    assert _explained(np.column_stack([np.ones(500), s, 3 * s + 1]), w) == pytest.approx(1.0)
    assert _explained(x[:, :2], w) == 0.0
