"""Real public genotypes and scoring files; skipped where the folder is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import as_float, open_matrix
from analysis.genetics.score import score_matrix
from analysis.genetics.weights import read_weights


@pytest.fixture(scope="module")
def catalog(public_data: Path) -> Path:
    return public_data / "pgs_catalog"


def test_every_scoring_file_is_read_or_refused_for_what_is_wrong_with_it(catalog: Path) -> None:
    lines = {"PGS000001.txt.gz": 77, "PGS000001_hmPOS_GRCh37.txt.gz": 77, "scorefile.txt": 835, "PGS001229_22.txt": 835}
    for name, n in lines.items():
        assert read_weights(catalog / name).n_file == n
    assert read_weights(catalog / "PGS000001_hmPOS_GRCh38.txt.gz").harmonised_build == "GRCh38"
    complex_ = read_weights(catalog / "complex_variants_PGS004239.txt")
    assert (len(complex_.variants), len(complex_.refused)) == (5, 9)
    for name, problem in (
        ("invalid_scorefile.txt", "neither rsID nor position"),
        ("bad_harmonised.txt", "neither rsID nor position"),
        ("multiscore.txt", "no column effect_weight"),
    ):
        with pytest.raises(GeneticsError, match=problem):
            read_weights(catalog / name)


def test_scores_of_bed_and_vcf_are_a_plain_product(catalog: Path) -> None:
    """Against a product of matrices over variants joined by rsID in pandas, PLINK 2's way of counting."""
    weights = read_weights(catalog / "PGS001229_22.txt")
    bed = open_matrix(catalog / "cineca_synthetic_subset.bed")
    done = score_matrix(bed, weights, build="GRCh37", palindromic="keep")
    joined = bed.variants.assign(column=range(bed.shape[1])).merge(
        weights.variants, left_on="variant_id", right_on="rsid"
    )
    x = as_float(bed.read(joined["column"].to_numpy())).astype(float)
    x = np.where(joined["effect_allele"] == joined["counted"], x, 2 - x)
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    assert len(joined) == 829
    assert np.allclose(done.frame["score_sum"], x @ joined["weight"].to_numpy(float), atol=1e-12)
    assert np.allclose(done.frame["named_allele_dosage_sum"], x.sum(axis=1))
    assert set(done.frame["denom"]) == {2 * 829}
    by_place = read_weights(catalog / "scorefile.txt")
    assert (by_place.variants["rsid"] == "").all()
    vcf = open_matrix(catalog / "cineca_synthetic_subset.vcf.gz")
    again = score_matrix(vcf, by_place, build="GRCh37", palindromic="keep").frame
    assert np.allclose(again["score_sum"], done.frame["score_sum"], atol=1e-12)
    with pytest.raises(GeneticsError, match="GRCh37, the genotypes on GRCh38"):
        score_matrix(vcf, by_place, build="GRCh38")
    counts = score_matrix(bed, weights, build="GRCh37").matched.counts()
    assert (counts["palindromic_dropped"], counts["not_found"]) == (47, 6)


def test_hapmap_passes_quality_control_and_splits_by_ancestry(public_data: Path) -> None:
    from harmonize.genotypes.quality import check_quality

    matrix = open_matrix(public_data / "plink_hapmap" / "plinkhapmap.bed")
    assert matrix.shape == (60, 5000)
    found = check_quality(matrix)
    assert found.persons["exclusion"].isna().all()
    # Founders of a public release: no duplicates, called well.
    assert found.persons["call_rate"].min() > 0.98
    assert found.persons["kinship_max"].max() < 0.354
    # Yoruba ids (NA18…, NA19…) lie on one side of the first component from Europeans (NA06… to NA12…).
    ids = matrix.persons["genetic_id"].str[2:].astype(int)
    first = found.persons["pc1"]
    african, european = first[ids.between(18500, 18525) | (ids > 19000)], first[ids < 13000]
    if len(european):
        assert max(african.min(), european.min()) > min(african.max(), european.max())
    counts = found.stages.set_index(["kind", "stage"])["n"]
    lost = counts["variant"].filter(like="excluded").sum()
    assert counts["variant", "delivered"] == lost + counts["variant", "passed"]


def test_thousand_genomes_extract_tells_men_from_women_on_few_variants(catalog: Path) -> None:
    """36 variants of X: every man is homozygous throughout; the release has 1,603 men and 1,599 women."""
    from harmonize.genotypes.sexcheck import sex_of, x_inbreeding

    matrix = open_matrix(catalog / "tiny1000G.vcf.gz")
    calls = matrix.read(np.flatnonzero(matrix.variants["chrom"] == "X"))
    f = x_inbreeding(calls, np.asarray(as_float(calls).mean(axis=0) / 2, dtype=float))
    assert pd.Series(sex_of(f)).value_counts()["male"] == 1603
