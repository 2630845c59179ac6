"""Dosage text: a row per variant with a column per person, or PLINK's .raw with a row per person."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import Dosages, Ints, Matrix, tidy_persons, tidy_variants

_NEEDED = ("variant_id", "effect_allele")
_OPTIONAL = ("chrom", "pos", "other_allele", "imputation_r2")
_RAW = ["FID", "IID", "PAT", "MAT", "SEX", "PHENOTYPE"]
_ALIASES = {
    "snp": "variant_id", "rsid": "variant_id", "id": "variant_id", "marker": "variant_id",
    "a1": "effect_allele", "alt": "effect_allele", "a2": "other_allele", "ref": "other_allele",
    "chr": "chrom", "#chrom": "chrom", "chromosome": "chrom", "position": "pos", "bp": "pos", "r2": "imputation_r2",
}  # fmt: skip
_NULLS = ["NA", "", "-9", ".", "nan", "NaN"]


class DosageMatrix(Matrix):
    """Delimited text (tab, comma, semicolon or blanks), packed or not, kept in memory as float32.

    Either a column `variant_id`, `effect_allele` and where known `chrom`, `pos`, `other_allele`, `imputation_r2`, then
    one column per person; or PLINK's .raw (FID IID PAT MAT SEX PHENOTYPE, then `<variant>_<allele>` per variant, with
    `(/<other>)` behind where it was asked for). Counted is the effect allele. Raises GeneticsError.
    """

    hard_calls = False

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        table = _table(self.path)
        if table.columns[:2] == _RAW[:2]:
            self._of_raw(table)
        else:
            self._of_variants(table)
        finite = self._dosage[~np.isnan(self._dosage)]
        if finite.size and (finite.min() < 0 or finite.max() > 2):
            row, column = np.argwhere((self._dosage < 0) | (self._dosage > 2))[0]
            raise GeneticsError(
                "a dosage lies outside 0 to 2",
                file=self.path.name,
                row=int(column if not self._raw else row) + 2,
                column=str(self.persons["genetic_id"].iloc[row] if not self._raw else table.columns[6 + column]),
                value=float(self._dosage[row, column]),
                remedy="Give copies of the effect allele; a missing dosage is NA",
            )

    def read(self, columns: Ints) -> Dosages:
        """Dosages as float32, column-major."""
        return np.asfortranarray(self._dosage[:, np.asarray(columns)])

    def _of_variants(self, table: pl.DataFrame) -> None:
        self._raw = False
        names = {c: _ALIASES.get(c.strip().lower(), c.strip().lower()) for c in table.columns}
        known = {new: old for old, new in names.items() if new in _NEEDED + _OPTIONAL}
        lacking = [name for name in _NEEDED if name not in known]
        if lacking:
            raise GeneticsError(
                f"no column {', '.join(lacking)}",
                file=self.path.name,
                row=1,
                remedy="Head the columns variant_id, chrom, pos, effect_allele, other_allele, then one per person",
            )
        people = [c for c in table.columns if names[c] not in known]
        if not people:
            raise GeneticsError("no persons", file=self.path.name, row=1, remedy="Give one column per person")
        if table.is_empty():
            raise GeneticsError("no variants", file=self.path.name, row=2, remedy="Give one line per variant")
        fixed = table.select([pl.col(old).alias(new) for new, old in known.items()]).to_pandas()
        r2 = fixed["imputation_r2"] if "imputation_r2" in fixed else pd.Series(np.nan, index=fixed.index)
        self.variants = tidy_variants(
            pd.DataFrame(
                {
                    "variant_id": fixed["variant_id"].fillna("."),
                    "chrom": fixed["chrom"].fillna("") if "chrom" in fixed else "",
                    "pos": _positions(fixed["pos"], self.path) if "pos" in fixed else 0,
                    "counted": fixed["effect_allele"].fillna(""),
                    "other": fixed["other_allele"].fillna("") if "other_allele" in fixed else "",
                    "imputation_r2": pd.to_numeric(r2, errors="coerce"),
                }
            )
        )
        self.persons = tidy_persons(np.array(people, dtype=object), np.array(people, dtype=object))
        self._dosage = np.ascontiguousarray(_numbers(table.select(people), self.path).T)

    def _of_raw(self, table: pl.DataFrame) -> None:
        self._raw = True
        heads = table.columns[len(_RAW) :]
        parts = pd.Series(heads).str.extract(r"^(?P<id>.*)_(?P<counted>[^_(]+)(?:\(/(?P<other>[^)]+)\))?$")
        bad = np.flatnonzero(parts["id"].isna())
        if bad.size:
            raise GeneticsError(
                "a column is not named <variant>_<allele>",
                file=self.path.name,
                row=1,
                column=heads[int(bad[0])],
                remedy="Write the file with PLINK's --recode A (or --export A)",
            )
        self.variants = tidy_variants(
            pd.DataFrame(
                {
                    "variant_id": parts["id"],
                    "chrom": "",
                    "pos": 0,
                    "counted": parts["counted"],
                    "other": parts["other"].fillna(""),
                }
            )
        )
        sex = pd.to_numeric(table["SEX"].to_pandas(), errors="coerce").fillna(0).to_numpy(int)
        self.persons = tidy_persons(table["FID"].to_numpy(), table["IID"].to_numpy(), sex)
        self._dosage = _numbers(table.select(heads), self.path)


def _positions(text: pd.Series, path: Path) -> pd.Series:
    number = pd.to_numeric(text, errors="coerce")
    bad = np.flatnonzero(number.isna() & text.notna())
    if bad.size:
        raise GeneticsError(
            "a position is no number",
            file=path.name,
            row=int(bad[0]) + 2,
            column="pos",
            value=text.iloc[bad[0]],
            remedy="Give a position in base pairs, NA where it is not known",
        )
    return number.fillna(0)


def _table(path: Path) -> pl.DataFrame:
    opened = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rt") as stream:
            head = stream.readline()
            mark = next((m for m in "\t,;" if m in head), " ")
            width = head.count(mark)
            for row, line in enumerate(stream, start=2):
                if line.count(mark) < width and line.strip():
                    raise GeneticsError(
                        f"a line has {line.count(mark) + 1} fields instead of {width + 1}", file=path.name, row=row,
                        remedy="Give as many fields in every line as there are names",
                    )  # fmt: skip
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise GeneticsError(
            f"cannot be read as text: {error}", file=path.name, remedy="Give delimited text, packed with gzip or not"
        ) from None
    names = head.rstrip("\r\n").split(mark)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise GeneticsError(
            "a column stands twice", file=path.name, row=1, column=twice[0], remedy="Give every sample its own id"
        )
    try:
        return pl.read_csv(path, separator=mark, infer_schema_length=0, truncate_ragged_lines=False, null_values=_NULLS)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise GeneticsError(
            f"cannot be read as a table: {str(error).splitlines()[0]}",
            file=path.name,
            remedy="Give a line of names, then as many fields in every line",
        ) from None


def _numbers(table: pl.DataFrame, path: Path) -> np.ndarray:
    numbers = table.select(pl.all().cast(pl.Float32, strict=False))
    made = numbers.null_count().row(0)
    had = table.null_count().row(0)
    for at, (now, before) in enumerate(zip(made, had, strict=True)):
        if now > before:
            column = table.columns[at]
            row = int((numbers[column].is_null() & table[column].is_not_null()).arg_max() or 0)
            raise GeneticsError(
                "a dosage is no number",
                file=path.name,
                row=row + 2,
                column=column,
                value=table[column][row],
                remedy="Give copies of the effect allele; a missing dosage is NA",
            )
    return numbers.fill_null(float("nan")).to_numpy().astype(np.float32)
