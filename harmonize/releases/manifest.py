"""The manifest of a release: every file with its hash, what it was made from, and the seal over all of it.

`content` is a hash over the tables alone: two releases with the same tables have the same, whatever the time, the
name, the threads. `seal` covers the manifest itself except the time, so that no line of it can be changed unseen.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harmonize.paths import Warehouse

FILE = "manifest.json"
FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_OUTSIDE = ("frozen_at", "seal")


class ReleaseError(ValueError):
    """A release cannot be made or read; `remedy` says what to do."""

    def __init__(self, problem: str, *, file: str | None = None, remedy: str = "") -> None:
        self.problem, self.file, self.remedy = problem, file, remedy
        self.row = self.column = self.value = None
        super().__init__(problem)


@dataclass(frozen=True)
class FrozenTable:
    """One table of a release: its Parquet file, rows, key, and columns with their types."""

    table: str
    path: str
    sha256: str
    bytes: int
    rows: int
    key: tuple[str, ...]
    columns: dict[str, str]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What stands in `manifest.json`. `files` are the further files of the release, path → SHA-256.

    `data` names what the tables were made from: per study a hash, "" for what no study owns; results are known to
    belong to the release by it. `landings` are the delivered files, `corrections` counts them by what became of them.
    """

    name: str
    content: str
    synthetic: bool
    tables: tuple[FrozenTable, ...]
    files: dict[str, str]
    data: dict[str, str]
    landings: tuple[dict[str, Any], ...]
    corrections: dict[str, int]
    code: dict[str, Any]
    libraries: dict[str, str]
    since: str | None = None
    format: int = FORMAT
    frozen_at: str = ""
    seal: str = ""

    def document(self) -> dict[str, Any]:
        """As it is written."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def content_hash(tables: tuple[FrozenTable, ...]) -> str:
    """SHA-256 over the names and hashes of all tables."""
    told = "".join(f"{t.table} {t.sha256}\n" for t in sorted(tables, key=lambda t: t.table))
    return hashlib.sha256(told.encode()).hexdigest()


def sealed(document: dict[str, Any]) -> str:
    """SHA-256 of a manifest without its time and its seal."""
    kept = {name: value for name, value in document.items() if name not in _OUTSIDE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release. Raises ReleaseError where it cannot be read or its seal is broken."""
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["seal"] != sealed(document):
            raise ReleaseError(
                "the manifest was changed after it was sealed", file=str(path), remedy="Restore it from a copy"
            )
        tables = tuple(
            FrozenTable(**{**t, "key": tuple(t["key"]), "left_out": tuple(t["left_out"])}) for t in document["tables"]
        )
        return Manifest(**{**document, "tables": tables, "landings": tuple(document["landings"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ReleaseError):
            raise
        raise ReleaseError(
            f"the manifest cannot be read ({error})", file=str(path), remedy="Restore it from a copy"
        ) from error


def release_folder(warehouse: Warehouse, name: str) -> Path:
    """The folder of a release by its name. Raises ReleaseError that lists those there are."""
    folder = warehouse.releases / name
    if not NAME.fullmatch(name) or not (folder / FILE).is_file():
        known = ", ".join(release_names(warehouse)) or "none"
        raise ReleaseError(f"there is no release {name!r}; there are: {known}", remedy="trd release NAME makes one")
    return folder


def release_names(warehouse: Warehouse) -> list[str]:
    """All releases, the oldest first."""
    found = [path.parent for path in warehouse.releases.glob(f"*/{FILE}") if not path.parent.name.startswith(".")]
    return [folder.name for folder in sorted(found, key=lambda f: ((f / FILE).stat().st_mtime_ns, f.name))]
