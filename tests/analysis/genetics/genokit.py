"""Small sets of genotypes and weights made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bed_reader import to_bed

NAN = -127


def write_set(folder: Path, variants: list[tuple[str, str, int, str, str]], calls: list[list[int]]) -> Path:
    """A PLINK set: variants as (id, chromosome, position, counted, other), calls (persons, variants)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "made.bed"
    people = [f"p{number}" for number in range(len(calls))]
    properties = {
        "fid": people,
        "iid": people,
        "sid": [v[0] for v in variants],
        "chromosome": [v[1] for v in variants],
        "bp_position": [v[2] for v in variants],
        "allele_1": [v[3] for v in variants],
        "allele_2": [v[4] for v in variants],
    }
    to_bed(path, np.array(calls, dtype=np.int8), properties=properties, num_threads=1)
    return path


def write_weights(folder: Path, rows: list[str], *, head: str = "", columns: str = "") -> Path:
    """A file of weights: header lines, names, rows with blanks for tabs."""
    path = folder / "weights.txt"
    names = columns or "rsID chr_name chr_position effect_allele other_allele effect_weight"
    text = "\n".join([*([head] if head else []), *(line.replace(" ", "\t") for line in [names, *rows])])
    path.write_text(text + "\n", encoding="utf-8")
    return path
