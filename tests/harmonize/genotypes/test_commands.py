"""`trd genotypes` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from harmonize.cli import app
from tests.analysis.genetics.genokit import NAN, write_set, write_weights

HEAD = "#pgs_name=by hand\n#genome_build=GRCh37"


def _trd(tmp_path: Path, *arguments: str):
    return CliRunner().invoke(app, ["--warehouse", str(tmp_path / "house"), "genotypes", *arguments])


def test_a_file_is_scored_without_a_warehouse_in_the_columns_of_plink(tmp_path: Path) -> None:
    path = write_set(tmp_path, [("rs1", "1", 100, "A", "G"), ("rs2", "1", 200, "A", "T")], [[0, 1], [1, NAN], [2, 0]])
    weights = str(write_weights(tmp_path, ["rs1 1 100 A G 1", "rs2 1 200 A T 10"], head=HEAD))
    out = tmp_path / "scores.csv"
    asked = ("score", weights, "--file", str(path), "--file-build", "hg19", "--palindromic", "keep", "--out", str(out))
    done = _trd(tmp_path, *asked, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["lines"] == {"matched": 2}
    frame = pd.read_csv(out)
    assert list(frame["score_sum"]) == [10, 1 + 10 * 0.5, 2]
    assert list(frame["allele_ct"]) == [4, 2, 4]
    assert _trd(tmp_path, *asked, "--no-impute").exit_code == 0
    assert list(pd.read_csv(out)["score_sum"]) == [10, 1, 2]
    assert not (tmp_path / "house").exists()


def test_errors_are_objects_where_json_was_asked_for(tmp_path: Path) -> None:
    path = write_set(tmp_path, [("rs1", "1", 100, "A", "G")], [[0]])
    weights = str(write_weights(tmp_path, [". 1 100 A G 1"], head=HEAD))
    done = _trd(tmp_path, "score", weights, "--file", str(path), "--file-build", "GRCh38", "--json")
    assert done.exit_code == 1
    error = json.loads(done.stdout)["error"]
    assert (error["file"], error["row"], error["column"]) == ("weights.txt", 4, "chr_position")
    key = tmp_path / "key.csv"
    key.write_text("genetic_id,subject\np0,1\n", encoding="utf-8")
    done = _trd(tmp_path, "land", "btheb", str(path), "--key", str(key), "--build", "GRCh37", "--json")
    assert done.exit_code == 1
    assert "declares no form genotype_calls" in json.loads(done.stdout)["error"]["problem"]
