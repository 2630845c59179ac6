"""The sets of genotypes that were landed beside a warehouse, and whose they are.

A set is a folder `genotypes/<study>/<set>/` with `facts.json`, the matrix in its own format and `persons.parquet`.
Which subject a row of a matrix belongs to is told by `marts.genotyped_persons` alone: the build makes pseudonyms.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.genetics import FACTS, FOLDER
from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import Matrix, open_matrix
from analysis.warehouse import connect

GENOTYPED = "marts.genotyped_persons"


@dataclass(frozen=True)
class LandedSet:
    """One landed set. `facts` are those of its facts.json: build, strand, array, hashes, synthetic."""

    study: str
    set_id: str
    folder: Path
    facts: dict[str, object]

    @property
    def build(self) -> str | None:
        """Genome build of its positions."""
        said = self.facts.get("build")
        return str(said) if said else None

    @property
    def strand(self) -> str | None:
        """forward, or as was said."""
        said = self.facts.get("strand")
        return str(said) if said else None

    def open(self) -> Matrix:
        """The matrix in its own format."""
        return open_matrix(self.folder / str(self.facts["file"]))


def landed_sets(root: Path) -> list[LandedSet]:
    """The sets under the warehouse folder `root`, by study and name; none where nothing was landed."""
    return sorted(_found(Path(root)), key=lambda s: (s.study, s.set_id))


def _found(root: Path) -> Iterator[LandedSet]:
    for path in (root / FOLDER).glob(f"*/*/{FACTS}"):
        if path.parent.name.startswith("."):
            continue
        yield LandedSet(path.parent.parent.name, path.parent.name, path.parent, json.loads(path.read_text("utf-8")))


def genotyped_persons(database: Path, studies: Sequence[str] | None = None) -> pd.DataFrame:
    """`marts.genotyped_persons`: one row per subject and set, with quality control, array, batch and components.

    Columns `study_id`, `subject_id`, `set_id`, `matrix_row` (from 0), `is_chosen` (one set per subject), `passed_qc`,
    `exclusion`, `array_name`, `batch`, `pc1` … `pc10` and others, see the table. Raises GeneticsError where the
    warehouse was built without the table.
    """
    with connect(database) as warehouse:
        if GENOTYPED not in warehouse.columns:
            raise GeneticsError(f"the warehouse has no table {GENOTYPED}", remedy="Build it again: trd build")
        found = warehouse.table(GENOTYPED)
    return found if studies is None else found[found["study_id"].isin(list(studies))].reset_index(drop=True)
