"""Files of weights: what is read, what is refused, and where the error points."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from analysis.genetics.errors import DerivationOverlap, GeneticsError
from analysis.genetics.score import overlap, refuse_overlap
from analysis.genetics.weights import read_weights
from tests.analysis.genetics.genokit import write_weights

CATALOG = "#format_version=2.0\n#pgs_id=PGS9\n#pgs_name=made\n#trait_reported=x\n#genome_build=hg19\n#variants_number=1"


def test_a_catalog_file_and_a_bare_table(tmp_path: Path) -> None:
    path = write_weights(tmp_path, ["rs1 1 100 A G 0.5"], head=CATALOG)
    packed = tmp_path / "packed.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for file in (path, packed):
        found = read_weights(file)
        assert (found.weights_id, found.build, found.derivation_studies) == ("PGS9", "GRCh37", None)
        assert not found.warnings
    bare = read_weights(write_weights(tmp_path, ["rs1 a 0.5"], columns="SNP A1 BETA"))
    assert list(bare.variants["effect_allele"]) == ["A"]
    assert bare.build is None
    assert any("no header" in text for text in bare.warnings)


@pytest.mark.parametrize(
    ("rows", "head", "columns", "problem", "row", "column"),
    [
        (["rs1 1 100 A G 0.5"], CATALOG.replace("#pgs_id=PGS9\n", ""), "", "does not say pgs_id", 1, None),
        (["rs1 1 100 A G 0.5"], CATALOG.replace("2.0", "1.0"), "", "another version", 1, None),
        (["rs1 1 100 A G 0.5", "rs2 1 101 A G x"], "", "", "weight is no number", 3, "weight"),
        (["rs1 1 100 A G 0.5"], "#genome_build=GRCh99", "", "no genome build", 1, "genome_build"),
        (["rs1 1 100 A G 0", "rs2 1 101 A G 0.0"], "", "", "all weights are 0", None, "weight"),
        (["rs1 1 100  G 0.5"], "", "", "effect allele is missing", 2, "effect_allele"),
        (["rs1 1 100 A A 0.5"], "", "", "are the same", 2, "other_allele"),
        ([".   A G 0.5"], "", "", "neither rsID nor position", 2, "rsid"),
        (["rs1 1 1 A G 1", "rs2 1 2 A G 1", "rs1 1 1 G A 1"], "", "", "rs1 stands twice, first in line 2", 4, "rsid"),
        (["rs1 A 1"], "", "rsID effect_allele score", "no column effect_weight", 1, None),
        (["rs1 1"], "", "rsID effect_weight", "no column effect_allele", 1, None),
        (["A 1"], "", "effect_allele effect_weight", "neither rsID nor chr_name", 1, None),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    tmp_path: Path, rows: list[str], head: str, columns: str, problem: str, row: int | None, column: str | None
) -> None:
    with pytest.raises(GeneticsError, match=problem) as caught:
        read_weights(write_weights(tmp_path, rows, head=head, columns=columns))
    assert (caught.value.file, caught.value.row, caught.value.column) == ("weights.txt", row, column)
    assert caught.value.remedy


def test_haplotypes_are_counted_and_not_scored(tmp_path: Path) -> None:
    columns = "rsID chr_name effect_allele effect_weight is_haplotype"
    rows = ["rs1 1 A 1 False", " 6 HLA-DQB1*02:01 2 True", " 6 HLA-B_116_S 3 False"]
    found = read_weights(write_weights(tmp_path, rows, columns=columns))
    assert (len(found.variants), len(found.refused), found.n_file) == (1, 2, 3)


def test_a_stated_build_that_contradicts_the_header_is_refused(tmp_path: Path) -> None:
    path = write_weights(tmp_path, ["rs1 1 100 A G 0.5"], head=CATALOG)
    with pytest.raises(GeneticsError, match="header says GRCh37, the caller GRCh38"):
        read_weights(path, build="GRCh38")


def test_a_score_is_not_tested_where_it_was_derived_unless_it_is_said(tmp_path: Path) -> None:
    import pandas as pd

    (tmp_path / "who.csv").write_text("study_id,subject_id\nmars,mars-2\n", encoding="utf-8")
    head = "#derivation_studies=STARD; gendep\n#derivation_persons=who.csv"
    weights = read_weights(write_weights(tmp_path, ["rs1 1 100 A G 0.5"], head=head))
    assert weights.derivation_studies == ("gendep", "stard")
    people = pd.DataFrame(
        {"study_id": ["stard", "mars", "mars", "predict"], "subject_id": ["stard-1", "mars-1", "mars-2", "predict-1"]}
    )
    assert list(overlap(weights, people)) == [True, False, True, False]
    with pytest.raises(DerivationOverlap, match="derived in mars, stard"):
        refuse_overlap(weights, ["stard", "mars"], allow=False)
    refuse_overlap(weights, ["stard", "mars"], allow=True)
    refuse_overlap(weights, ["predict"], allow=False)
    silent = read_weights(write_weights(tmp_path, ["rs1 1 100 A G 0.5"]))
    assert overlap(silent, people).isna().all()
    assert list(overlap(silent.derived_in("mars"), people)) == [False, True, True, False]
