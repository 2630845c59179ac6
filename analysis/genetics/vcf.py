"""VCF and BCF, read with cyvcf2: DS (dosage) where the file has it, else GT."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cyvcf2 import VCF

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import MISSING, Dosages, Ints, Matrix, tidy_persons, tidy_variants

_LENGTHS = {"GRCh37": {"1": 249250621, "22": 51304566}, "GRCh38": {"1": 248956422, "22": 50818468}}
ABSENT = -2
"""What stands for the second allele of a call of one chromosome."""
_BUILDS = {"GRCH37": "GRCh37", "HG19": "GRCh37", "B37": "GRCh37", "GRCH38": "GRCh38", "HG38": "GRCh38"}


class VcfMatrix(Matrix):
    """A VCF. Counted is the alternative allele; a record with several of them gives a variant for each.

    `build` is what the header says, None where it says nothing. Records are read in order, so that a read costs a pass
    over the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        with _opened(self.path) as vcf:
            header = str(vcf.raw_header)
            ids = np.array(vcf.samples, dtype=object)
            self.hard_calls = re.search(r"^##FORMAT=<ID=DS,", header, re.M) is None
            self.build = build_of(header)
            rows, self._record, self._allele = [], [], []
            for number, record in enumerate(_records(vcf, self.path)):
                r2 = record.INFO.get("R2", record.INFO.get("DR2"))
                many = len(record.ALT) > 1
                for at, alternative in enumerate(record.ALT or ["."], start=1):
                    name = record.ID or "."
                    rows.append((name, record.CHROM, record.POS, alternative, record.REF, _one(r2, at if many else 1)))
                    self._record.append(number)
                    self._allele.append(at)
        if not len(ids):
            raise GeneticsError("no persons", file=self.path.name, remedy="Give a VCF with genotypes, not sites only")
        if not rows:
            raise GeneticsError("no variants", file=self.path.name, remedy="Give a VCF with records")
        names = ["variant_id", "chrom", "pos", "counted", "other", "imputation_r2"]
        self.variants = tidy_variants(pd.DataFrame(rows, columns=names))
        self.persons = tidy_persons(ids, ids)

    def read(self, columns: Ints) -> Dosages:
        """Dosages of the alternative allele, column-major, in one pass over the file."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        for place, column in enumerate(np.asarray(columns)):
            wanted.setdefault(self._record[column], []).append((place, self._allele[column]))
        kind: Any = np.int8 if self.hard_calls else np.float32
        out = np.zeros((len(self.persons), len(columns)), dtype=kind, order="F")
        last = max(wanted, default=-1)
        with _opened(self.path) as vcf:
            for number, record in enumerate(_records(vcf, self.path)):
                if number > last:
                    break
                for place, allele in wanted.get(number, ()):
                    call = _hard if self.hard_calls else _soft
                    out[:, place] = call(record, allele, self.path)
        return out


def _records(vcf: Any, path: Path) -> Iterator[Any]:
    """Record by record; the parser's errors with the record they come after."""
    found = iter(vcf)
    last = "the header"
    while True:
        try:
            record = next(found)
        except StopIteration:
            return
        except Exception as error:
            raise GeneticsError(
                f"the record after {last} cannot be read: {error}",
                file=path.name,
                remedy="The file is cut off or the record damaged: give a whole file",
            ) from None
        last = f"{record.CHROM}:{record.POS} {record.ID or '.'}"
        yield record


def build_of(header: str) -> str | None:
    """The genome build a VCF header tells, by contig lengths, else by names in ##reference and contig lines."""
    found = {}
    for line in re.findall(r"^##contig=<(.*)>$", header, re.M):
        fields = dict(part.split("=", 1) for part in line.split(",") if "=" in part)
        found[fields.get("ID", "").removeprefix("chr")] = fields.get("length", "")
    for build, lengths in _LENGTHS.items():
        if any(found.get(chrom) == str(length) for chrom, length in lengths.items()):
            return build
    said = " ".join(re.findall(r"^##(?:reference|contig)=.*$", header, re.M)).upper()
    builds = {build for word, build in _BUILDS.items() if word in said}
    return builds.pop() if len(builds) == 1 else None


def _hard(record: Any, allele: int, path: Path) -> Any:
    """Copies of an allele; a call half of which is missing is missing, one of a single chromosome counts 0 or 2."""
    try:
        calls = record.genotype.array()[:, :-1]
    except Exception:
        raise _bad(record, path, "has neither GT nor DS", "Give records with genotypes or dosages") from None
    single = (calls == ABSENT).any(axis=1) | (calls.shape[1] == 1)
    out = ((calls == allele).sum(axis=1) * np.where(single, 2, 1)).astype(np.int8)
    out[(calls == -1).any(axis=1)] = MISSING
    return out


def _soft(record: Any, allele: int, path: Path) -> Any:
    dosage = record.format("DS")
    if dosage is None:
        hard = _hard(record, allele, path).astype(np.float32)
        hard[hard == MISSING] = np.nan
        return hard
    if dosage.shape[1] < len(record.ALT):
        what = f"has {dosage.shape[1]} DS for {len(record.ALT)} alternative alleles"
        raise _bad(record, path, what, "Give a dosage for each of them (Number=A), or split the record")
    out = dosage[:, allele - 1].astype(np.float32)
    if (out < 0).any() or (out > 2).any():
        value = out[(out < 0) | (out > 2)][0]
        raise _bad(record, path, f"has the dosage {value:g} outside 0 to 2", "Give copies of the allele; missing is .")
    return out


def _bad(record: Any, path: Path, what: str, remedy: str) -> GeneticsError:
    return GeneticsError(
        f"the record {what}", file=path.name, column="FORMAT",
        value=f"{record.CHROM}:{record.POS} {record.ID or '.'}", remedy=remedy,
    )  # fmt: skip


def _one(value: Any, at: int) -> float:
    if value is None:
        return float("nan")
    return float(value[at - 1]) if isinstance(value, tuple) else float(value)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file opened so that 0, 1, 2 count the alternative allele and 3 is missing."""
    with _quiet():
        try:
            vcf = VCF(str(path), gts012=True, threads=1)
        except Exception as error:  # the parser raises Exception itself
            raise GeneticsError(
                f"cannot be read as VCF: {error}", file=path.name, remedy="Give VCF text, packed with gzip or bgzip"
            ) from None
        try:
            yield vcf
        finally:
            vcf.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """htslib writes warnings about contig lines straight to the terminal."""
    from cyvcf2.cyvcf2 import __dict__ as names

    quiet = names.get("set_log_level")
    if quiet is None:
        saved = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(null)
    else:
        yield
