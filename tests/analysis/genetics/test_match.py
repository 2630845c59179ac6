"""Which variant and which allele a line of weights means: every way of writing the same two alleles, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.genetics.errors import GeneticsError
from analysis.genetics.match import match
from analysis.genetics.matrix import open_matrix
from analysis.genetics.score import score_matrix
from analysis.genetics.weights import read_weights
from tests.analysis.genetics.genokit import NAN, write_set, write_weights

HEAD = "#pgs_name=by hand\n#genome_build=GRCh37"


def _matrix(tmp_path: Path, alleles: str = "A G", calls: list[list[int]] | None = None):
    counted, other = alleles.split()
    return open_matrix(write_set(tmp_path, [("rs1", "1", 100, counted, other)], calls or [[0], [1], [2], [2]]))


@pytest.mark.parametrize(
    ("there", "line", "status", "dosages"),
    [
        ("A G", "rs1 1 100 A G 1", "matched", [0, 1, 2, 2]),
        ("A G", "rs1 1 100 G A 1", "swapped", [2, 1, 0, 0]),
        ("A G", "rs1 1 100 T C 1", "flipped", [0, 1, 2, 2]),
        ("A G", "rs1 1 100 C T 1", "flipped_swapped", [2, 1, 0, 0]),
        ("A G", "rs1 1 100 G  1", "swapped", [2, 1, 0, 0]),
        ("A G", "rs1 1 100 C  1", "flipped_swapped", [2, 1, 0, 0]),
        ("0 G", "rs1 1 100 A G 1", "matched", [0, 1, 2, 2]),
        ("0 G", "rs1 1 100 G A 1", "swapped", [2, 1, 0, 0]),
        ("AT A", "rs1 1 100 AT A 1", "matched", [0, 1, 2, 2]),
    ],
)
def test_alleles_in_any_order_and_on_any_strand(
    tmp_path: Path, there: str, line: str, status: str, dosages: list[int]
) -> None:
    matrix = _matrix(tmp_path, there)
    done = score_matrix(matrix, read_weights(write_weights(tmp_path, [line], head=HEAD)), build="GRCh37")
    assert list(done.matched.lines["status"]) == [status]
    assert list(done.frame["score_sum"]) == dosages


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("rs1 1 100 A C 1", "allele_mismatch"),
        ("rs9 1 999 A G 1", "not_found"),
        ("rs9 1 100 A G 1", "matched"),
        (". 1 100 A G 1", "matched"),
    ],
)
def test_what_has_no_place_is_named_and_positions_of_one_build_serve(tmp_path: Path, line: str, status: str) -> None:
    weights = read_weights(write_weights(tmp_path, [line], head=HEAD))
    assert list(match(weights, _matrix(tmp_path), build="GRCh37").lines["status"]) == [status]


@pytest.mark.parametrize(
    ("frequency", "calls", "rule", "status"),
    [
        # Counted allele A at 0.8 in the matrix.
        ("0.75", [[2], [2], [1], [2], [1]], "frequency", "matched"),
        ("0.25", [[2], [2], [1], [2], [1]], "frequency", "flipped_swapped"),
        ("0.45", [[2], [2], [1], [2], [1]], "frequency", "palindromic_dropped"),
        ("", [[2], [2], [1], [2], [1]], "frequency", "palindromic_dropped"),
        # At 0.5 the matrix cannot tell.
        ("0.75", [[1], [1], [1], [1], [1]], "frequency", "palindromic_dropped"),
        ("0.75", [[2], [2], [1], [2], [1]], "drop", "palindromic_dropped"),
        ("0.25", [[2], [2], [1], [2], [1]], "keep", "matched"),
    ],
)
def test_a_palindromic_variant_is_settled_by_frequency_or_dropped(
    tmp_path: Path, frequency: str, calls: list[list[int]], rule: str, status: str
) -> None:
    columns = "rsID effect_allele other_allele effect_weight allelefrequency_effect"
    weights = read_weights(write_weights(tmp_path, [f"rs1 A T 1 {frequency}"], head=HEAD, columns=columns))
    found = match(weights, _matrix(tmp_path, "A T", calls), build="GRCh37", palindromic=rule)
    assert list(found.lines["status"]) == [status]
    assert found.lines["palindromic"].all()


def test_a_swapped_palindromic_variant_with_the_frequency_of_the_other_strand(tmp_path: Path) -> None:
    """Effect T at 0.75, where the matrix counts A at 0.8: the file means the other strand, so A is counted."""
    columns = "rsID effect_allele other_allele effect_weight allelefrequency_effect"
    weights = read_weights(write_weights(tmp_path, ["rs1 T A 1 0.75"], head=HEAD, columns=columns))
    calls = [[2], [2], [1], [2], [1]]
    done = score_matrix(_matrix(tmp_path, "A T", calls), weights, build="GRCh37")
    assert list(done.matched.lines["status"]) == ["flipped"]
    assert list(done.frame["score_sum"]) == [2, 2, 1, 2, 1]


def test_builds_that_differ_stop_a_join_by_position_and_warn_of_one_by_rsid(tmp_path: Path) -> None:
    matrix = _matrix(tmp_path)
    by_place = read_weights(write_weights(tmp_path, [". 1 100 A G 1"], head=HEAD))
    with pytest.raises(GeneticsError, match=r"GRCh37, the genotypes on GRCh38.*position alone") as caught:
        match(by_place, matrix, build="GRCh38")
    assert caught.value.row == 4
    by_name = read_weights(write_weights(tmp_path, ["rs1 1 5 A G 1"], head=HEAD))
    assert any("rsID alone" in text for text in match(by_name, matrix, build="GRCh38").warnings)
    with pytest.raises(GeneticsError, match="build of the genotypes is not stated"):
        match(by_place, matrix, build=None)


def test_positions_that_contradict_the_stated_build_stop(tmp_path: Path) -> None:
    variants = [(f"rs{n}", "1", 1000 + n, "A", "G") for n in range(4)]
    matrix = open_matrix(write_set(tmp_path, variants, [[1] * 4]))
    rows = [f"rs{n} 1 {5000 + n} A G 1" for n in range(4)]
    with pytest.raises(GeneticsError, match="4 of 4 rsIDs lie elsewhere"):
        match(read_weights(write_weights(tmp_path, rows, head=HEAD)), matrix, build="GRCh37")


def test_a_variant_that_is_twice_among_the_genotypes_is_no_score(tmp_path: Path) -> None:
    variants = [("rs1", "1", 100, "A", "G"), ("rs1", "1", 100, "A", "G")]
    matrix = open_matrix(write_set(tmp_path, variants, [[0, 1]]))
    with pytest.raises(GeneticsError, match="rs1 stands 2 times"):
        match(read_weights(write_weights(tmp_path, ["rs1 1 100 A G 1"], head=HEAD)), matrix, build="GRCh37")


def test_missing_dosages_are_means_and_are_counted(tmp_path: Path) -> None:
    variants = [("rs1", "1", 1, "A", "G"), ("rs2", "1", 2, "C", "T")]
    matrix = open_matrix(write_set(tmp_path, variants, [[0, 2], [1, NAN], [2, 1], [NAN, 1]]))
    rows = ["rs1 1 1 A G 0.5", "rs2 1 2 T C 2", "rs3 1 3 A G 9"]
    weights = read_weights(write_weights(tmp_path, rows, head=HEAD))
    frame = score_matrix(matrix, weights, build="GRCh37").frame
    # rs1: mean 1; rs2 counted C: 2, ?, 1, 1 -> mean 4/3, of T 2/3.
    assert np.allclose(frame["score_sum"], [0 + 0, 0.5 + 2 * 2 / 3, 1 + 2, 0.5 + 2])
    assert np.allclose(frame["score_avg"], frame["score_sum"] / 4)
    assert list(frame["n_imputed"]) == [0, 1, 0, 1]
    assert list(frame["allele_ct"]) == [4, 2, 4, 2]
    assert np.allclose(frame["named_allele_dosage_sum"], [0, 1 + 2 / 3, 3, 1 + 1])
    assert np.allclose(frame["coverage"], [2 / 3, 1 / 3, 2 / 3, 1 / 3])
    plain = score_matrix(matrix, weights, build="GRCh37", impute=False).frame
    assert np.allclose(plain["score_sum"], [0, 0.5, 3, 2])
    assert list(plain["denom"]) == [4, 2, 4, 2]


def test_modes(tmp_path: Path) -> None:
    variants = [("rs1", "1", 1, "A", "G"), ("rs2", "1", 2, "C", "T"), ("rs3", "1", 3, "A", "G")]
    matrix = open_matrix(write_set(tmp_path, variants, [[0, 2, 1], [1, 1, 2], [2, 0, NAN]]))
    columns = "rsID effect_allele other_allele effect_weight is_dominant is_recessive"
    rows = ["rs1 A G 1 False False", "rs2 T C 10 True False", "rs3 A G 100 False True"]
    weights = read_weights(write_weights(tmp_path, rows, head=HEAD, columns=columns))
    additive = score_matrix(matrix, weights, build="GRCh37").frame["score_sum"]
    # T of rs2: 0, 1, 2 -> dominant 0, 1, 1; rs3 recessive: 0, 1, mean of both.
    assert np.allclose(additive, [0 + 0 + 0, 1 + 10 + 100, 2 + 10 + 50])
    carrier = score_matrix(matrix, weights, build="GRCh37", mode="carrier").frame["score_sum"]
    assert np.allclose(carrier, [0 + 0 + 100, 1 + 10 + 100, 1 + 10 + 100])
    single = score_matrix(matrix, weights.single("rs2"), build="GRCh37").frame["score_sum"]
    assert list(single) == [0, 1, 2]
    with pytest.raises(GeneticsError, match="rs9 stands in 0 lines"):
        weights.single("rs9")


def test_the_fast_sum_of_hard_calls_is_the_plain_one(tmp_path: Path) -> None:
    """Enough calls for the single-precision path, against numpy in double precision."""
    random = np.random.default_rng(5)
    n, m = 20_000, 40
    calls = random.integers(0, 3, (n, m)).astype(np.int8)
    calls[random.integers(0, n, 3000), random.integers(0, m, 3000)] = NAN
    variants = [(f"rs{at}", "1", at + 1, "A", "G") for at in range(m)]
    matrix = open_matrix(write_set(tmp_path, variants, calls))
    weight = random.normal(size=m)
    rows = [f"rs{at} 1 {at + 1} {'A G' if at % 3 else 'G A'} {float(weight[at])!r}" for at in range(m)]
    frame = score_matrix(matrix, read_weights(write_weights(tmp_path, rows, head=HEAD)), build="GRCh37").frame
    x = np.where(calls < 0, np.nan, calls.astype(float))
    x[:, ::3] = 2 - x[:, ::3]
    gone = np.isnan(x).sum(axis=1)
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    assert np.abs(frame["score_sum"] - x @ weight).max() < 1e-5
    assert np.allclose(frame["named_allele_dosage_sum"], x.sum(axis=1), atol=1e-4)
    assert list(frame["n_imputed"]) == list(gone)
