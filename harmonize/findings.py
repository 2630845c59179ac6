"""Findings that only one study has: models `dq_<study>_<what>.sql` in its staging folder, gathered for dq_result.

The YAML beside the model says with `meta: {looks_at: <table>}` whose accepted rows the finding looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from harmonize.paths import STAGING
from harmonize.sources import ContractError, Study
from schemas import ENTITIES


def findings_sql(known: Iterable[Study], staging: Path = STAGING) -> str:
    """One row per finding of a study: the table it looked at and how much it found. Raises ContractError."""
    parts = [
        f"select '{study}' as study_id, '{name}' as finding, '{table}' as entity, count(*) as n_found\n"
        f"from {{{{ ref('{name}') }}}}"
        for study, name, table in _findings(known, staging)
    ]
    text = "{{ type_text() }}"
    none = (
        f"select cast(null as {text}) as study_id, cast(null as {text}) as finding, cast(null as {text}) as entity,"
        " cast(null as bigint) as n_found\nwhere false"
    )
    return "\n" + ("\nunion all\n".join(parts) if parts else none) + "\n"


def _findings(known: Iterable[Study], staging: Path) -> Iterator[tuple[str, str, str]]:
    for study in known:
        for path in sorted((staging / study.name).glob(f"dq_{study.name}_*.sql")):
            yield study.name, path.stem, _looks_at(path.with_suffix(".yml"))


def _looks_at(path: Path) -> str:
    document = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    for model in (document or {}).get("models", []):
        table = model.get("config", {}).get("meta", {}).get("looks_at")
        if model["name"] == path.stem and table in ENTITIES:
            return str(table)
    raise ContractError(
        f"{path.name}: the finding {path.stem} does not say whose rows it looked at;"
        f" add config: meta: looks_at with one of {', '.join(ENTITIES)}"
    )
