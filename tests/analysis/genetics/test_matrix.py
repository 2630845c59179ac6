"""The three formats give the same matrix, and what is damaged is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import as_float, open_matrix
from analysis.genetics.vcf import build_of
from tests.analysis.genetics.genokit import NAN, write_set

VARIANTS = [("rs1", "1", 100, "A", "G"), ("rs2", "23", 200, "C", "T")]
CALLS = [[0, 2], [1, NAN], [2, 1]]
EXPECTED = np.array([[0, 2], [1, np.nan], [2, 1]])
VCF = """##fileformat=VCFv4.2
##contig=<ID=1,length=249250621>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp0\tp1\tp2
1\t100\trs1\tG\tA\t.\t.\t.\tGT\t0/0\t0|1\t1/1
X\t200\trs2\tT\tC\t.\t.\t.\tGT\t1/1\t./.\t0/1
"""


def _dosage(tmp_path: Path) -> Path:
    path = tmp_path / "d.txt"
    head = "variant_id\tchrom\tpos\teffect_allele\tother_allele\tp0\tp1\tp2\n"
    path.write_text(head + "rs1\t1\t100\tA\tG\t0\t1\t2\nrs2\tchrX\t200\tc\tt\t2\tNA\t1.0\n", encoding="utf-8")
    return path


def _raw(tmp_path: Path) -> Path:
    path = tmp_path / "d.raw"
    head = "FID IID PAT MAT SEX PHENOTYPE rs1_A(/G) rs2_C(/T)\n"
    rows = head + "p0 p0 0 0 1 -9 0 2\np1 p1 0 0 2 -9 1 NA\np2 p2 0 0 0 -9 2 1\n"
    path.write_text(rows, encoding="utf-8")
    return path


def _vcf(tmp_path: Path) -> Path:
    path = tmp_path / "d.vcf.gz"
    path.write_bytes(gzip.compress(VCF.encode()))
    return path


@pytest.mark.parametrize("write", [lambda p: write_set(p, VARIANTS, CALLS), _vcf, _dosage, _raw])
def test_every_format_gives_the_same_matrix(tmp_path: Path, write) -> None:
    matrix = open_matrix(write(tmp_path))
    assert matrix.shape == (3, 2)
    assert list(matrix.variants["variant_id"]) == ["rs1", "rs2"]
    assert list(matrix.variants["counted"]) == ["A", "C"]
    assert list(matrix.variants["other"]) == ["G", "T"]
    assert list(matrix.persons["genetic_id"]) == ["p0", "p1", "p2"]
    if matrix.path.suffix != ".raw":
        assert list(matrix.variants["chrom"]) == ["1", "X"]
        assert list(matrix.variants["pos"]) == [100, 200]
    np.testing.assert_array_equal(as_float(matrix.read(np.array([0, 1]))), EXPECTED)
    np.testing.assert_array_equal(as_float(matrix.read(np.array([1]))), EXPECTED[:, 1:])


def test_a_record_with_two_alternatives_and_a_dosage_field(tmp_path: Path) -> None:
    path = tmp_path / "m.vcf"
    text = VCF.split("1\t100")[0] + "1\t100\t.\tG\tA,T\t.\t.\t.\tGT\t0/2\t1/2\t./.\n"
    path.write_text(text, encoding="utf-8")
    matrix = open_matrix(path)
    assert list(matrix.variants["variant_id"]) == ["1:100:G:A", "1:100:G:T"]
    expected = np.array([[0, 1], [1, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal(as_float(matrix.read(np.array([0, 1]))), expected)
    soft = text.replace("##FORMAT", '##FORMAT=<ID=DS,Number=A,Type=Float,Description="d">\n##FORMAT', 1)
    soft = soft.replace("\tA,T\t", "\tA\t").replace("GT\t0/2\t1/2\t./.", "GT:DS\t0/0:0.25\t0/1:1.5\t./.:.")
    (tmp_path / "s.vcf").write_text(soft, encoding="utf-8")
    np.testing.assert_array_equal(open_matrix(tmp_path / "s.vcf").read(np.array([0]))[:, 0], [0.25, 1.5, np.nan])


def test_a_header_tells_the_build() -> None:
    assert build_of(VCF) == "GRCh37"
    assert build_of("##reference=file:///hg38.fa\n") == "GRCh38"
    assert build_of("##contig=<ID=1,length=7>\n") is None


def test_damaged_sets_are_refused(tmp_path: Path) -> None:
    path = write_set(tmp_path, VARIANTS, CALLS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GeneticsError, match="need 5"):
        open_matrix(path)
    path.with_suffix(".fam").unlink()
    with pytest.raises(GeneticsError, match=r"made\.fam is missing"):
        open_matrix(path)
    dosage = _dosage(tmp_path)
    dosage.write_text(dosage.read_text().replace("2\tNA", "2.5\tNA"), encoding="utf-8")
    with pytest.raises(GeneticsError, match="outside 0 to 2") as caught:
        open_matrix(dosage)
    assert (caught.value.row, caught.value.column, caught.value.value) == (3, "p0", 2.5)
    dosage.write_text(dosage.read_text().replace("2.5\tNA", "two\tNA"), encoding="utf-8")
    with pytest.raises(GeneticsError, match="no number") as caught:
        open_matrix(dosage)
    assert (caught.value.row, caught.value.column, caught.value.value) == (3, "p0", "two")


HEAD = "##fileformat=VCFv4.2\n##contig=<ID=1>\n"
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
DS = '##FORMAT=<ID=DS,Number=A,Type=Float,Description="d">\n'
NAMES = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\n"


def _vcf(folder: Path, formats: str, *records: str) -> Path:
    path = folder / "made.vcf"
    path.write_text(HEAD + formats + NAMES + "".join("\t".join(r.split()) + "\n" for r in records))
    return path


def test_half_calls_and_calls_of_one_chromosome(tmp_path: Path) -> None:
    for calls, expected in (("0/1 ./1 1/1", [1, -127, 2]), ("0 1 .", [0, 2, -127]), ("1 0/1 1/1", [2, 1, 2])):
        found = open_matrix(_vcf(tmp_path, GT, f"1 5 rs1 A G . . . GT {calls}")).read(np.array([0]))
        assert found[:, 0].tolist() == expected
    both = open_matrix(_vcf(tmp_path, GT, "1 5 rs1 A G,T . . . GT 0/2 1/2 ./2")).read(np.array([0, 1]))
    assert both.tolist() == [[0, 1], [1, 1], [-127, -127]]


@pytest.mark.parametrize(
    ("formats", "records", "problem", "value"),
    [
        (GT, ["1 6 rs2 A G . . . GQ 1 2 3"], "neither GT nor DS", "1:6 rs2"),
        (GT + DS, ["1 6 rs2 A G . . . GQ 1 2 3"], "neither GT nor DS", "1:6 rs2"),
        (DS.replace("=A", "=1"), ["1 5 rs1 A G,T . . . DS 0 1 2"], "1 DS for 2 alternative alleles", "1:5 rs1"),
        (DS, ["1 5 rs1 A G . . . DS 0 3 2"], "dosage 3 outside 0 to 2", "1:5 rs1"),
        (GT, ["1 5 rs1 A G . . . GT 0/0 0/1 1/1", "1 6 rs2 A G . . . GT 0/0"], "after 1:5 rs1 cannot be read", None),
    ],
)
def test_records_that_cannot_be_read_are_named(
    tmp_path: Path, formats: str, records: list[str], problem: str, value: str | None
) -> None:
    path = _vcf(tmp_path, formats, *records)
    with pytest.raises(GeneticsError, match=problem) as caught:
        open_matrix(path).read(np.array([0]))
    assert (caught.value.file, caught.value.value) == ("made.vcf", value)
    assert caught.value.remedy


def test_tables_of_other_lengths_are_refused_with_their_row(tmp_path: Path) -> None:
    variants = [("rs1", "1", 5, "A", "G"), ("rs2", "1", 6, "A", "G")]
    path = write_set(tmp_path, variants, [[0, 1], [2, 2], [1, 2]])
    lines = path.with_suffix(".bim").read_text().splitlines()
    path.with_suffix(".bim").write_text(f"{lines[0]}\n1 rs2 0 6\n")
    with pytest.raises(GeneticsError, match="fewer than 6 columns") as caught:
        open_matrix(path)
    assert (caught.value.file, caught.value.row) == ("made.bim", 2)
    path.with_suffix(".bim").write_text("\n".join(lines) + "\n")
    people = path.with_suffix(".fam").read_text().splitlines()
    path.with_suffix(".fam").write_text("\n".join(people[:2]) + "\n")  # of the same length in bytes
    with pytest.raises(GeneticsError, match="more than the 2 persons"):
        open_matrix(path)
    for text, problem, row in (
        ("snp\ta1\tp\tq\nrs1\tA\t1\n", "3 fields instead of 4", 2),
        ("snp\ta1\tp\tp\nrs1\tA\t1\t1\n", "stands twice", 1),
        ("snp\ta1\tpos\tp\nrs1\tA\tx\t1\n", "position is no number", 2),
        ("snp\ta1\tp\n", "no variants", 2),
    ):
        table = tmp_path / "dosage.txt"
        table.write_text(text)
        with pytest.raises(GeneticsError, match=problem) as caught:
            open_matrix(table)
        assert caught.value.row == row
