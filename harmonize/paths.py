"""Where things lie. One home for every path, so that tests and users can move the warehouse."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
DBT_PROJECT = REPO / "dbt_project"
STAGING = DBT_PROJECT / "models" / "staging"
INTERMEDIATE = DBT_PROJECT / "models" / "intermediate"
SEEDS = DBT_PROJECT / "seeds"
MAPPINGS = REPO / "harmonize" / "mappings"


@dataclass(frozen=True)
class Warehouse:
    """The folder a build reads and writes: `$TRD_WAREHOUSE`, else `warehouse/` of the checkout."""

    root: Path

    @classmethod
    def default(cls) -> Warehouse:
        """The warehouse the environment names; relative paths count from the working directory."""
        named = os.environ.get("TRD_WAREHOUSE")
        return cls(Path(named).resolve() if named else REPO / "warehouse")

    @property
    def raw(self) -> Path:
        """Landed forms, `<study>/<form>.parquet`."""
        return self.root / "raw"

    @property
    def ledger(self) -> Path:
        """Every landing ever made, one JSON object per line."""
        return self.raw / "landings.jsonl"

    @property
    def database(self) -> Path:
        """The published DuckDB file; replaced as a whole by a green build."""
        return self.root / "trd.duckdb"

    @property
    def next(self) -> Path:
        """Where a build works until it is published."""
        return self.root / ".next"

    @property
    def restricted(self) -> Path:
        """The pseudonym key; never exported."""
        return self.root / "restricted"

    @property
    def estimated_links(self) -> Path:
        """Links between scales that were estimated here and are used by builds."""
        return self.root / "links" / "estimated_links.parquet"

    @property
    def corrections(self) -> Path:
        """Every correction ever entered or withdrawn, one JSON object per line."""
        return self.root / "corrections" / "corrections.jsonl"

    @property
    def replayed(self) -> Path:
        """What the corrections come to on the forms that are landed now, as the build reads it."""
        return self.raw / "corrections.parquet"

    @property
    def releases(self) -> Path:
        """Frozen releases, a folder each."""
        return self.root / "releases"

    @property
    def report(self) -> Path:
        """Pages made from the published file."""
        return self.root / "report"


def public_data() -> Path | None:
    """The folder of real public data sets: `$TRD_PUBLIC_DATA`, else `../shared/data`; None where absent."""
    named = os.environ.get("TRD_PUBLIC_DATA")
    folder = Path(named) if named else REPO.parent / "shared" / "data"
    return folder if folder.is_dir() else None
