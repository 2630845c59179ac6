"""Genotypes of persons × variants as they lie in their own file, read block by block.

Three formats: PLINK bed/bim/fam, VCF, dosage text. What they have in common is a frame of variants, a frame of persons
and `read`; nothing holds the whole matrix. Dosage always counts the allele in `counted`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.genetics.errors import GeneticsError

MISSING = -127
"""A missing call in a block of int8; in a block of float32 it is NaN."""
BLOCK_BYTES = 1 << 26
"""What one block may take: 64 MiB."""

VARIANT_COLUMNS = ("variant_id", "chrom", "pos", "counted", "other", "imputation_r2")
PERSON_COLUMNS = ("family_id", "genetic_id", "sex")
NO_ALLELE = ""
"""An allele that the file does not name (PLINK writes 0)."""

Ints = NDArray[np.integer]
Dosages = NDArray[np.int8] | NDArray[np.float32]


class Matrix(ABC):
    """An opened file of genotypes.

    `variants`: one row per variant in the order of the file, columns VARIANT_COLUMNS; `chrom` without "chr", `pos` 0
    where it is not known, alleles in capitals. `persons`: one row per person in the order of the file, columns
    PERSON_COLUMNS; `sex` female, male or None as the file says. `hard_calls`: blocks are int8, else float32.
    """

    path: Path
    variants: pd.DataFrame
    persons: pd.DataFrame
    hard_calls: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Persons and variants."""
        return len(self.persons), len(self.variants)

    @abstractmethod
    def read(self, columns: Ints) -> Dosages:
        """Dosages (persons, len(columns)) of variants at `columns`, column-major, missing as MISSING or NaN."""

    def blocks(self, columns: Ints, width: int | None = None) -> Iterator[tuple[slice, Dosages]]:
        """Consecutive parts of `columns` with their dosages, so wide that a block stays within BLOCK_BYTES."""
        size = 1 if self.hard_calls else 4
        wide = width or int(np.clip(BLOCK_BYTES // (max(len(self.persons), 1) * size), 1, 4096))
        for first in range(0, len(columns), wide):
            part = slice(first, min(first + wide, len(columns)))
            yield part, self.read(columns[part])


def as_float(block: Dosages) -> NDArray[np.float32]:
    """A block as float32 with NaN where a call is missing."""
    if block.dtype == np.int8:
        out = block.astype(np.float32)
        out[block == MISSING] = np.nan
        return out
    return block.astype(np.float32, copy=False)


def open_matrix(path: Path) -> Matrix:
    """Open a file by what its name says: .bed, .vcf, .vcf.gz, .bcf, else dosage text. Raises GeneticsError."""
    from analysis.genetics.bed import BedMatrix
    from analysis.genetics.dosage import DosageMatrix
    from analysis.genetics.vcf import VcfMatrix

    path = Path(path)
    if not path.is_file():
        raise GeneticsError("there is no such file", file=str(path), remedy="Name the .bed, .vcf or dosage file")
    name = path.name.lower()
    if name.endswith((".bim", ".fam")):
        raise GeneticsError("this is a part of a PLINK set", file=path.name, remedy="Name its .bed file")
    if name.endswith(".bed"):
        return BedMatrix(path)
    if name.endswith((".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")):
        return VcfMatrix(path)
    return DosageMatrix(path)


def tidy_variants(frame: pd.DataFrame) -> pd.DataFrame:
    """The variants of a file as VARIANT_COLUMNS, with names and alleles written one way."""
    out = pd.DataFrame(
        {
            "variant_id": frame["variant_id"].astype(str),
            "chrom": tidy_chrom(frame["chrom"]),
            "pos": frame["pos"].astype(np.int64),
            "counted": _tidy_allele(frame["counted"]),
            "other": _tidy_allele(frame["other"]),
            "imputation_r2": frame["imputation_r2"].astype(float) if "imputation_r2" in frame else np.nan,
        }
    ).reset_index(drop=True)
    unnamed = out["variant_id"].isin([".", "", "nan"])
    named = out["chrom"] + ":" + out["pos"].astype(str) + ":" + out["other"] + ":" + out["counted"]
    out["variant_id"] = out["variant_id"].where(~unnamed, named)
    return out


def tidy_chrom(chrom: pd.Series) -> pd.Series:
    """Chromosomes as 1 … 22, X, Y, MT; PLINK's numbers 23 to 26 included."""
    bare = chrom.astype(str).str.strip().str.replace(r"^chr", "", case=False, regex=True).str.upper()
    return bare.replace({"23": "X", "24": "Y", "25": "X", "26": "MT", "M": "MT", "XY": "X"})


def _tidy_allele(allele: pd.Series) -> pd.Series:
    return allele.astype(str).str.strip().str.upper().replace({"0": NO_ALLELE, ".": NO_ALLELE, "NAN": NO_ALLELE})


def tidy_persons(family: NDArray, genetic: NDArray, sex: NDArray | None = None) -> pd.DataFrame:
    """The persons of a file as PERSON_COLUMNS; `sex` in PLINK's code (1 male, 2 female)."""
    codes = np.zeros(len(genetic), dtype=int) if sex is None else np.asarray(sex, dtype=int)
    return pd.DataFrame(
        {
            "family_id": np.asarray(family).astype(str).astype(object),
            "genetic_id": np.asarray(genetic).astype(str).astype(object),
            "sex": pd.Series(codes).map({1: "male", 2: "female"}).astype(object).where(lambda s: s.notna(), None),
        }
    )
