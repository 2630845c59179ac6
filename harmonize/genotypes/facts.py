"""What is true of a whole set of genotypes, and whether the set itself says otherwise."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import Matrix
from analysis.genetics.vcf import VcfMatrix
from analysis.genetics.weights import build_named
from harmonize.paths import SEEDS

BUILDS = ("GRCh36", "GRCh37", "GRCh38")
STRANDS = ("forward", "top", "unknown")


@dataclass(frozen=True)
class Facts:
    """Genome build of the positions, strand of the alleles, array (the assay), batch where the key file gives none."""

    build: str
    strand: str = "forward"
    array: str = "array"
    batch: str = ""


def check_facts(matrix: Matrix, facts: Facts) -> tuple[Facts, tuple[str, ...]]:
    """The facts with the build written one way, and warnings. Raises GeneticsError where the set contradicts them.

    A VCF header may tell the build; and positions of rsIDs that are known in GRCh38 tell whether a set lies on it.
    """
    build = build_named(facts.build)
    if build is None:
        raise GeneticsError(
            "no genome build", value=facts.build, remedy=f"Name one of {', '.join(BUILDS)} (hg18, hg19, hg38)"
        )
    if facts.strand not in STRANDS:
        raise GeneticsError("no strand", value=facts.strand, remedy=f"Name one of {', '.join(STRANDS)}")
    said = matrix.build if isinstance(matrix, VcfMatrix) else None
    if said is not None and said != build:
        raise GeneticsError(
            f"the header says {said}, and {build} was stated",
            file=matrix.path.name,
            remedy="State the build of the file, or lift it over",
        )
    _check_positions(matrix, build)
    warnings = []
    if facts.strand != "forward":
        warnings.append(f"strand {facts.strand}: palindromic variants are resolved by frequency or dropped")
    nameless = int((matrix.variants["counted"].eq("") & matrix.variants["other"].eq("")).sum())
    if nameless:
        warnings.append(f"{nameless} variants name no allele and cannot be matched")
    half = int((matrix.variants["counted"].eq("") ^ matrix.variants["other"].eq("")).sum())
    if half:
        warnings.append(f"{half} variants name one allele only (nobody carries the other)")
    twice = matrix.variants["variant_id"].duplicated(keep=False)
    if twice.any():
        some = ", ".join(matrix.variants.loc[twice, "variant_id"].drop_duplicates().head(3))
        warnings.append(f"{int(twice.sum())} variants share an id with another ({some} …)")
    return Facts(build, facts.strand, facts.array, facts.batch), tuple(warnings)


def _check_positions(matrix: Matrix, build: str) -> None:
    known = _grch38()
    there = matrix.variants[matrix.variants["variant_id"].isin(known) & (matrix.variants["pos"] > 0)]
    if there.empty:
        return
    same = there["pos"].to_numpy() == np.array([known[name] for name in there["variant_id"]])
    if (build == "GRCh38" and not same.any()) or (build != "GRCh38" and same.all() and len(same) > 1):
        name = there["variant_id"].iloc[0]
        raise GeneticsError(
            f"{build} was stated, and {name} lies {'not ' if build == 'GRCh38' else ''}where it lies in GRCh38",
            file=matrix.path.name,
            row=int(there.index[0]) + 1,
            column="pos",
            value=int(there["pos"].iloc[0]),
            remedy="State the build that the positions are of",
        )


def _grch38() -> dict[str, int]:
    with (SEEDS / "reference" / "cpic_alleles.csv").open(encoding="utf-8", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["defining_rsid"].startswith("rs") and r["grch38_pos"]]
    return {row["defining_rsid"]: int(row["grch38_pos"]) for row in rows}
