"""Proving that a release is what was frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harmonize.releases.manifest import FILE, ReleaseError, content_hash, file_hash, read_manifest


@dataclass(frozen=True)
class Finding:
    """One file that is not as it was frozen: `changed`, `missing` or `added`, or a manifest that cannot be trusted."""

    file: str
    what: str


@dataclass(frozen=True)
class Verified:
    """What a check of a release came to; without findings it is unchanged."""

    release: str
    content: str | None
    n_files: int
    findings: tuple[Finding, ...]


def verify(folder: Path) -> Verified:
    """Hash every file of a release again and compare with its sealed manifest."""
    try:
        manifest = read_manifest(folder)
    except ReleaseError as error:
        return Verified(folder.name, None, 0, (Finding(FILE, error.problem),))
    expected = {table.path: table.sha256 for table in manifest.tables} | manifest.files
    there = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    findings = [Finding(name, "missing") for name in sorted(expected) if name not in there]
    findings += [Finding(name, "added") for name in there if name not in expected and name != FILE]
    findings += [
        Finding(name, "changed")
        for name, sha256 in expected.items()
        if name in there and file_hash(there[name]) != sha256
    ]
    if content_hash(manifest.tables) != manifest.content:
        findings.append(Finding(FILE, "the content hash is not that of its tables"))
    return Verified(manifest.name, manifest.content, len(expected), tuple(findings))
