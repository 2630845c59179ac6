"""Which variants of a matrix go into the warehouse, and their calls as rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.genetics.errors import GeneticsError
from analysis.genetics.match import match
from analysis.genetics.matrix import Matrix, as_float
from analysis.genetics.weights import read_weights
from harmonize.paths import SEEDS

SURE = 0.1
"""A dosage within this distance of a whole number is written as a genotype too."""


def reference_variants() -> tuple[str, ...]:
    """rsIDs that the reference tables speak of: the CPIC alleles' and the candidate variants'."""
    found: list[str] = []
    for name, columns in (("cpic_alleles", ("defining_rsid", "other_core_rsids")), ("genetic_variants", ("rsid",))):
        with (SEEDS / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                for column in columns:
                    found += [part.strip() for part in row[column].split(";")]
    return tuple(dict.fromkeys(name for name in found if name.startswith("rs") and " " not in name))


def asked_columns(
    matrix: Matrix, *, build: str | None, names: Iterable[str], weights: Iterable[Path] = ()
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Positions in the matrix of the variants asked for by name or by a file of weights, and the names not found.

    Raises GeneticsError where an asked name stands several times in the matrix with the same alleles.
    """
    wanted = tuple(dict.fromkeys(names))
    ids = matrix.variants["variant_id"]
    columns = set(np.flatnonzero(ids.isin(wanted)))
    there = matrix.variants[ids.isin(wanted)]
    twice = there[there.duplicated(["variant_id", "counted", "other"])]
    if len(twice):
        raise GeneticsError(
            "an asked variant stands twice among the genotypes",
            file=matrix.path.name,
            row=int(twice.index[0]) + 1,
            column="variant_id",
            value=twice["variant_id"].iloc[0],
            remedy="Keep the variant that was called better, or leave it out of the variants asked for",
        )
    for path in weights:
        used = match(read_weights(path), matrix, build=build, palindromic="keep").used
        columns |= set(used["column"])
    missing = tuple(name for name in wanted if name not in set(ids))
    return np.array(sorted(columns), dtype=np.int64), missing


def read_names(path: Path) -> tuple[str, ...]:
    """Names of variants, one a line, blank lines and # lines left out."""
    if not path.is_file():
        raise GeneticsError("there is no such file", file=str(path), remedy="Name a file with one rsID a line")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple(line.split()[0] for line in lines if line and not line.startswith("#"))


def calls_of(matrix: Matrix, columns: np.ndarray, *, assay: str, build: str | None) -> pd.DataFrame:
    """Calls of all persons for the variants at `columns`, one row per person and variant, in text.

    Columns `matrix_row`, `variant_id`, `assay`, `effect_allele` (the one counted), `other_allele`, `dosage`, `genotype`
    (alleles in alphabetical order; "" for a dosage that is no call), `build`, `imputation_r2`, `call`.
    """
    n = matrix.shape[0]
    parts = []
    for part, block in matrix.blocks(columns):
        dosage = as_float(block)
        for at, column in enumerate(columns[part]):
            parts.append(_rows(matrix.variants.iloc[column], dosage[:, at], n, assay, build))
    names = ["matrix_row", "variant_id", "assay", "effect_allele", "other_allele", "dosage", "genotype", "build"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*names, "imputation_r2", "call"])


def _rows(variant: pd.Series, dosage: np.ndarray, n: int, assay: str, build: str | None) -> pd.DataFrame:
    counted, other = str(variant["counted"]), str(variant["other"])
    near = np.nan_to_num(np.rint(dosage), nan=-1).astype(int)
    words = np.array([f"{other}/{other}", "/".join(sorted((counted, other))), f"{counted}/{counted}", ""], dtype=object)
    sure = ~np.isnan(dosage) & (np.abs(dosage - near) <= SURE) & (counted != "") & (other != "")
    r2 = variant["imputation_r2"]
    return pd.DataFrame(
        {
            "matrix_row": np.arange(n),
            "variant_id": str(variant["variant_id"]),
            "assay": assay,
            "effect_allele": counted,
            "other_allele": other,
            "dosage": pd.Series(dosage).map("{:.6g}".format).where(~np.isnan(dosage), "FAILED"),
            "genotype": words[np.where(sure, near, 3)],
            "build": build or "",
            "imputation_r2": "" if pd.isna(r2) else f"{r2:.6g}",
            "call": np.where(np.isnan(dosage), "failed", "called"),
        }
    )
