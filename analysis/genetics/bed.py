"""PLINK bed/bim/fam, read with bed-reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from bed_reader import open_bed

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import Dosages, Ints, Matrix, tidy_persons, tidy_variants

PADDING_SEEN = 10_000
"""Variants whose padding is looked at."""
_MAGIC = b"\x6c\x1b\x01"


class BedMatrix(Matrix):
    """A PLINK set in variant-major order. Counted is A1, the fifth column of the bim file."""

    hard_calls = True

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        bim, fam = self.path.with_suffix(".bim"), self.path.with_suffix(".fam")
        for part in (bim, fam):
            if not part.is_file():
                raise GeneticsError(
                    f"{part.name} is missing", file=self.path.name, remedy="Put .bed, .bim and .fam side by side"
                )
        table = _columns(bim, 6, ["chrom", "variant_id", "cm", "pos", "counted", "other"])
        who = _columns(fam, 6, ["family_id", "genetic_id", "father", "mother", "sex", "phenotype"])
        self.variants = tidy_variants(table.assign(pos=_whole(table["pos"], bim, "pos")))
        sex = pd.to_numeric(who["sex"], errors="coerce").fillna(0).to_numpy(int)
        self.persons = tidy_persons(who["family_id"].to_numpy(), who["genetic_id"].to_numpy(), sex)
        n, m = self.shape
        with self.path.open("rb") as stream:
            magic = stream.read(3)
        if magic != _MAGIC:
            raise GeneticsError(
                "the file does not begin as a variant-major PLINK bed file",
                file=self.path.name,
                remedy="Write it anew with PLINK 1.9 or 2 (--make-bed)",
            )
        size, due = self.path.stat().st_size, 3 + m * ((n + 3) // 4)
        if size != due:
            raise GeneticsError(
                f"{size} bytes, where {n} persons × {m} variants need {due}",
                file=self.path.name,
                remedy="The three files do not belong together, or the bed file is cut off: copy them again",
            )
        self._check_padding(n, m)
        self._bed = open_bed(self.path, iid_count=n, sid_count=m, properties={}, num_threads=1)

    def _check_padding(self, n: int, m: int) -> None:
        """The bits behind the last person are empty: else the fam file lacks persons of the same byte."""
        if n % 4 == 0 or not m:
            return
        width, some = (n + 3) // 4, min(m, PADDING_SEEN)
        last = np.memmap(self.path, mode="r", offset=3, shape=(m, width))[:some, -1]
        if (last >> (2 * (n % 4))).any():
            raise GeneticsError(
                f"holds calls of more than the {n} persons of the fam file",
                file=self.path.name,
                remedy="The three files do not belong together: copy them again",
            )

    def read(self, columns: Ints) -> Dosages:
        """Hard calls as int8, column-major."""
        return self._bed.read(index=np.s_[:, np.asarray(columns)], dtype="int8", order="F")


def _columns(path: Path, width: int, names: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep=r"\s+", header=None, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise GeneticsError(
            f"cannot be read as a table of {width} columns: {str(error).strip()}",
            file=path.name,
            remedy="Write it anew with PLINK",
        ) from None
    if table.shape[1] != width:
        raise GeneticsError(
            f"has {table.shape[1]} columns instead of {width}", file=path.name, remedy="Write it anew with PLINK"
        )
    table.columns = pd.Index(names)
    short = np.flatnonzero(table.isna().any(axis=1) | table[names[-1]].eq(""))
    if short.size:
        raise GeneticsError(
            f"has fewer than {width} columns",
            file=path.name,
            row=int(short[0]) + 1,
            value=" ".join(table.iloc[short[0]].dropna()).strip(),
            remedy="Write it anew with PLINK",
        )
    return table


def _whole(text: pd.Series, path: Path, column: str) -> pd.Series:
    number = pd.to_numeric(text, errors="coerce")
    bad = np.flatnonzero(number.isna())
    if bad.size:
        raise GeneticsError(
            "is no whole number",
            file=path.name,
            row=int(bad[0]) + 1,
            column=column,
            value=text.iloc[bad[0]],
            remedy="Give a position in base pairs, 0 where it is not known",
        )
    return number.astype(np.int64)
