"""Prints the gate of the common data model: one mask macro per table, and the rules as a seed."""

from __future__ import annotations

from schemas import ENTITIES, rules
from schemas.sql import gate_mask


def gate_macros() -> str:
    """One macro per table: the mask of failed rules of a candidate row."""
    masks = [f"{{% macro gate_mask_{e.name}() -%}}\n    {gate_mask(e)}\n{{%- endmacro %}}" for e in ENTITIES.values()]
    bits = ",\n".join(f"        '{e.name}.{r.name}': {2**r.bit}" for e in ENTITIES.values() for r in rules(e))
    masks.append(
        "{# The bit of one rule in the mask of its table. #}\n"
        "{% macro rule_bit(entity, rule) -%}\n    {%- set bits = {\n" + bits + "\n    } -%}\n"
        "    {{ bits[entity ~ '.' ~ rule] }}\n{%- endmacro %}"
    )
    columns = ",\n".join(f"        '{e.name}': {list(e.columns)}" for e in ENTITIES.values())
    masks.append(
        "{# The columns of a table of the common data model, without provenance. #}\n"
        "{% macro cdm_columns(entity) -%}\n    {{ return({\n" + columns + "\n    }[entity]) }}\n{%- endmacro %}"
    )
    return "\n" + "\n\n".join(masks) + "\n"


def gate_rules_csv() -> str:
    """The rules of every gate with their bits, as a seed."""
    lines = ["entity,bit,bit_value,rule,description"]
    for entity in ENTITIES.values():
        for rule in rules(entity):
            description = rule.description.replace('"', '""')
            lines.append(f'{entity.name},{rule.bit},{2**rule.bit},{rule.name},"{description}"')
    return "\n".join(lines) + "\n"
