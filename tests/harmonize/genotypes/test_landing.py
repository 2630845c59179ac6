"""Key files, facts, and the landing of synthetic genotypes with planted faults: each is found and counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.genetics.errors import GeneticsError
from analysis.genetics.landed import landed_sets
from analysis.genetics.matrix import open_matrix
from analysis.genetics.score import score_landed
from analysis.genetics.weights import read_weights
from harmonize.genotypes.asked import asked_columns, reference_variants
from harmonize.genotypes.contract import forms_yaml
from harmonize.genotypes.facts import Facts, check_facts
from harmonize.genotypes.keyfile import join_key, read_key
from harmonize.genotypes.landing import land_genotypes
from harmonize.genotypes.stages import FILE, ensure_stages
from harmonize.landing import LandingError, current_landings, land
from harmonize.paths import Warehouse
from harmonize.sources import studies, study
from harmonize.synthetic.genotypes import WrittenGenotypes, write_genotypes
from harmonize.synthetic.studies import synthetic
from tests.analysis.genetics.genokit import write_set

N, SEED = 160, 1


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenGenotypes:
    return write_genotypes("predict", tmp_path_factory.mktemp("geno"), N, SEED, formats=("bed", "vcf"), structure=2500)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    root = tmp_path_factory.mktemp("house")
    house = Warehouse(root / "warehouse")
    synthetic("predict").write(root / "delivered", N, SEED)
    land(study("predict"), root / "delivered", house, synthetic=True)
    return house


@pytest.fixture(scope="module")
def landed(written: WrittenGenotypes, house: Warehouse):
    return land_genotypes(
        study("predict"),
        written.paths["bed"],
        written.paths["key"],
        Facts("hg38", array="SYN"),
        house,
        set_id="gwas",
        variants=reference_variants(),
        weights=[written.paths["weights"]],
        synthetic=True,
    )


def test_every_planted_fault_is_found_by_its_rule(landed, written: WrittenGenotypes, house: Warehouse) -> None:
    stages = {(s.kind, s.stage): s.n for s in landed.stages.itertuples(index=False)}
    persons = pd.read_parquet(house.root / "genotypes" / "predict" / "gwas" / "persons.parquet")
    for rule in ("call_rate", "sex_mismatch"):
        assert set(persons.loc[persons["exclusion"] == rule, "genetic_id"]) == set(written.planted[rule])
        assert stages["person", f"excluded_{rule}"] == 2
    twice = persons.loc[persons["exclusion"] == "duplicate_sample", "genetic_id"]
    assert len(twice) == 1
    assert set(twice) < set(written.planted["duplicate_sample"])
    assert list(persons.loc[persons["subject_key"] == "", "genetic_id"]) == written.planted["no_key"]
    assert stages["person", "delivered"] == len(persons) == written.n_persons
    assert stages["person", "passed"] == written.n_persons - 5
    assert (landed.n_with_key, landed.n_unknown) == (written.n_persons - 1, 0)


def test_the_matrix_stays_as_delivered_and_facts_beside_it(landed, written: WrittenGenotypes, house: Warehouse) -> None:
    (held,) = landed_sets(house.root)
    facts = json.loads((held.folder / "facts.json").read_text())
    assert (held.build, held.strand, facts["array"], facts["synthetic"]) == ("GRCh38", "forward", "SYN", True)
    assert (held.folder / "genotypes.bed").read_bytes() == written.paths["bed"].read_bytes()
    assert set(facts["sha256"]) == {"genotypes.bed", "genotypes.bim", "genotypes.fam"}


def test_calls_of_asked_variants_are_landed_as_a_form_of_the_study(landed, house: Warehouse) -> None:
    raw = pq.read_table(house.raw / "predict" / "genotype_calls.parquet").to_pandas()
    persons = pd.read_parquet(house.root / "genotypes" / "predict" / "gwas" / "persons.parquet")
    passed = persons[(persons["exclusion"] == "") & (persons["subject_key"] != "")]
    assert set(raw["genetic_id"]) == set(passed["genetic_id"])
    assert not raw.duplicated(["pid", "variant_id", "assay"]).any()
    assert set(raw["assay"]) == {"SYN-500K", "SYN-5.0"}, "the key file tells the array of a person"
    failed = raw["call"] == "failed"
    assert 0 < failed.mean() < 0.01
    assert (raw.loc[failed, "dosage"] == "FAILED").all()
    called = raw[~failed]
    counted = [g.split("/").count(a) for g, a in zip(called["genotype"], called["effect_allele"], strict=True)]
    assert counted == list(called["dosage"].astype(int))
    stages = pq.read_table(house.root / "genotypes" / FILE).to_pandas()
    assert set(stages["study_id"]) == {"predict"}
    forms = {form for of, form in current_landings(house) if of == "predict"}
    assert {"genotype_calls", "genotype_persons"} < forms


def test_the_score_is_that_of_the_model_and_components_find_ancestry(
    landed, written: WrittenGenotypes, house: Warehouse
) -> None:
    (held,) = landed_sets(house.root)
    score = score_landed(held, read_weights(written.paths["weights"])).frame["score_sum"][: len(written.truth)]
    assert np.corrcoef(score, written.truth["score"].astype(float))[0, 1] > 0.95
    persons = pd.read_parquet(held.folder / "persons.parquet")[: len(written.truth)]
    first = pd.to_numeric(persons["pc1"])
    groups = written.truth["ancestry"].isin(["EUR"])
    between = abs(first[groups].mean() - first[~groups].mean())
    assert between > 2 * first[groups].std()


def test_a_vcf_of_the_same_persons_gives_the_same_scores(written: WrittenGenotypes) -> None:
    from analysis.genetics.score import score_matrix

    weights = read_weights(written.paths["weights"])
    bed, vcf = (
        score_matrix(open_matrix(written.paths[kind]), weights, build="GRCh38").frame for kind in ("bed", "vcf")
    )
    assert np.array_equal(bed["score_sum"], vcf["score_sum"])


def test_real_genotypes_are_not_mixed_with_synthetic_forms(landed, written: WrittenGenotypes, house: Warehouse) -> None:
    before = {p: p.stat().st_mtime_ns for p in house.root.rglob("*") if p.is_file()}
    with pytest.raises((GeneticsError, LandingError), match="must not be mixed"):
        land_genotypes(study("predict"), written.paths["bed"], written.paths["key"], Facts("GRCh38"), house)
    assert {p: p.stat().st_mtime_ns for p in house.root.rglob("*") if p.is_file()} == before


def test_a_key_file_that_does_not_join(landed, written: WrittenGenotypes, house: Warehouse, tmp_path: Path) -> None:
    key = pd.read_csv(written.paths["key"], dtype=str)
    other = tmp_path / "key.csv"
    key.assign(genetic_id="X" + key["genetic_id"]).to_csv(other, index=False)
    matrix = open_matrix(written.paths["bed"])
    with pytest.raises(GeneticsError, match="no genetic id of the key file is among the genotypes") as caught:
        join_key(matrix, read_key(other, study("predict")), other)
    assert caught.value.remedy
    key.assign(pid="Y" + key["pid"]).to_csv(other, index=False)
    with pytest.raises(GeneticsError, match="the key file does not join: none of its"):
        land_genotypes(
            study("predict"), written.paths["bed"], other, Facts("GRCh38"), house, set_id="b", synthetic=True
        )
    assert [s.set_id for s in landed_sets(house.root)] == ["gwas"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("genetic_id,pid\na,1\na,2\n", "given to two persons"),
        ("id2,pid\na,1\n", "no column for the genetic id"),
        ("genetic_id,who\na,1\n", "no column for the person"),
    ],
)
def test_key_files_that_cannot_be_read(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "k.csv").write_text(text, encoding="utf-8")
    with pytest.raises(GeneticsError, match=problem):
        read_key(tmp_path / "k.csv", study("predict"))


def test_a_stated_build_is_held_against_known_positions(tmp_path: Path) -> None:
    # rs4244285 and rs12248560 lie at these places in GRCh38 (reference.cpic_alleles).
    variants = [("rs4244285", "10", 94781859, "A", "G"), ("rs12248560", "10", 94761900, "T", "C")]
    matrix = open_matrix(write_set(tmp_path, variants, [[0, 1]]))
    assert check_facts(matrix, Facts("hg38"))[0].build == "GRCh38"
    with pytest.raises(GeneticsError, match="GRCh37 was stated, and rs4244285 lies where it lies in GRCh38"):
        check_facts(matrix, Facts("GRCh37"))
    moved = [(name, chrom, pos - 1_400_000, a, b) for name, chrom, pos, a, b in variants]
    older = open_matrix(write_set(tmp_path / "older", moved, [[0, 1]]))
    assert check_facts(older, Facts("hg19"))[0].build == "GRCh37"
    with pytest.raises(GeneticsError, match="lies not where it lies in GRCh38"):
        check_facts(older, Facts("GRCh38"))
    with pytest.raises(GeneticsError, match="no genome build"):
        check_facts(older, Facts("hg17"))


def test_asked_variants_that_are_twice_there_and_nameless_ones(tmp_path: Path) -> None:
    variants = [("rs1", "1", 1, "A", "G"), ("rs1", "1", 1, "A", "G"), ("rs2", "1", 2, "0", "0")]
    matrix = open_matrix(write_set(tmp_path, variants, [[0, 1, 2]]))
    with pytest.raises(GeneticsError, match="an asked variant stands twice"):
        asked_columns(matrix, build="GRCh37", names=["rs1"])
    _, warnings = check_facts(matrix, Facts("GRCh37"))
    assert any("1 variants name no allele" in text for text in warnings)
    assert any("2 variants share an id" in text for text in warnings)


def test_the_two_forms_are_alike_in_every_study_that_declares_them() -> None:
    declaring = [s for s in studies() if any(f.name == "genotype_calls" for f in s.forms)]
    assert {s.name for s in declaring} >= {"stard", "ispotd", "predict", "mars"}
    for one in declaring:
        assert forms_yaml(one.subject_key) in one.path.read_text(encoding="utf-8"), one.name


def test_a_build_without_genotypes_finds_an_empty_table(tmp_path: Path) -> None:
    ensure_stages(Warehouse(tmp_path))
    assert pq.read_table(tmp_path / "genotypes" / FILE).num_rows == 0
