"""Prints a table of the common data model as a dbt contract: columns, types, constraints, descriptions, tests."""

from __future__ import annotations

import json

from schemas.entity import PROVENANCE, Entity
from schemas.sql import SQL_TYPES, check_constraints


def model_yaml(entity: Entity) -> str:
    """The YAML of a published table, beside its SQL."""
    grain = ", ".join(entity.grain)
    lines = [
        "version: 2",
        "",
        "models:",
        f"  - name: {entity.name}",
        f"    description: {json.dumps(f'{entity.description} Grain: {grain}.', ensure_ascii=False)}",
        "    config:",
        "      contract: {enforced: true}",
        f"      meta: {{grain: [{grain}]}}",
        "    data_tests:",
        f"      - unique_grain: {{arguments: {{columns: [{grain}]}}}}",
    ]
    if entity.name in ("visits", "scales"):
        lines.append("      - has_parent: {arguments: {parent: ref('steps'), columns: [subject_id, step_id]}}")
    elif entity.name != "subjects":
        lines.append("      - has_parent: {arguments: {parent: ref('subjects'), columns: [subject_id]}}")
    lines.append("    columns:")
    for name, column in {**entity.columns, **PROVENANCE}.items():
        lines += [
            f"      - name: {name}",
            f"        data_type: {SQL_TYPES[entity.type_of(name)]}",
            f"        description: {json.dumps(column.description, ensure_ascii=False)}",
        ]
        constraints = []
        if not column.nullable:
            constraints.append("{type: not_null}")
        if name in entity.columns:
            constraints += [f"{{type: check, expression: {json.dumps(c)}}}" for c in check_constraints(entity, name)]
        if constraints:
            lines.append(f"        constraints: [{', '.join(constraints)}]")
    return "\n".join(lines) + "\n"
