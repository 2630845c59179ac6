"""The SQL of blocks that join rows: a file with one row per item becomes one candidate per person and occasion.

Rows are of one occasion where they share the person and every column that other rows of the mapping read. An item that
such rows answer twice in different ways begins a second candidate with the same key, so that the gate refuses both;
twice in the same way is once.
"""

from __future__ import annotations

import re

from harmonize.mapping import Block
from harmonize.verbs import Expression
from schemas.sql import literal

JOINED = "joined"
"""What became of the rows of an occasion beside its first."""


def joining_ctes(block: Block, source: str, before: tuple[str, ...] = ()) -> list[str]:
    """The CTEs `told_apart` and `joined` over `source`; `before` are helper columns that go along.

    `joined` has the columns of a staged form: the shared ones, and three per item as staging gives them.
    """
    pivot = block.pivot
    assert pivot is not None
    shared = [n for c in block.joined_by for n in (c, f"{c}__missing", f"min({c}__raw) as {c}__raw")]
    columns = ["study_id", "subject_id", "src_form", "min(src_row) as src_row", *shared, *sorted(before)]
    for code, name in zip(pivot.codes, pivot.names, strict=True):
        for suffix in ("", "__missing", "__raw"):
            value = f"max(case when {pivot.item} = {literal(code)} then {pivot.value}{suffix} end)"
            columns.append(f"{value} as {name}{suffix}")
    keys = ["study_id", "src_form", *_keys(block), *sorted(before), "copy_no"]
    listed = ",\n".join(f"        {c}" for c in columns)
    return [
        f"told_apart as (\n{told_apart_sql(block, source)}\n)",
        f"joined as (\n    select\n{listed}\n    from told_apart\n    group by {', '.join(keys)}\n)",
    ]


def told_apart_sql(block: Block, source: str) -> str:
    """Rows of `source` with `copy_no`, which counts the different answers to one item of one occasion."""
    pivot = block.pivot
    assert pivot is not None
    keys = ", ".join([*_keys(block), pivot.item])
    return (
        f"    select\n        *,\n        dense_rank() over (\n            partition by {keys}\n"
        f"            order by coalesce({pivot.value}, {pivot.value}__missing)\n        ) as copy_no\n    from {source}"
    )


def first_rows_sql(block: Block, source: str) -> str:
    """`src_row` of every used row with `first_row`, the row whose number the candidate has."""
    same = ", ".join([*_keys(block), "copy_no"])
    return (
        f"select src_row, min(src_row) over (partition by {same}) as first_row\n"
        f"from (\n{told_apart_sql(block, source)}\n) as told_apart"
    )


def joined_rows_sql(block: Block, source: str) -> str:
    """The rows that were joined to another: all of an occasion but its first."""
    return f"select src_row from (\n{first_rows_sql(block, source)}\n) as firsts where src_row <> first_row"


def _keys(block: Block) -> list[str]:
    """What rows of one occasion share. Rows that name nobody are not joined."""
    nobody = "case when subject_id is null then src_row end"
    return ["subject_id", nobody, *(k for c in block.joined_by for k in (c, f"{c}__missing"))]


def row_condition(block: Block, expression: Expression, name: str, condition: str) -> str:
    """A condition on the joined column `name` as one on the row that holds its item, before joining."""
    pivot = block.pivot
    assert pivot is not None
    parts = (f"({expression.parsed[w]})" if w in expression.parsed else w for w in re.split(r"(\w+)", condition))
    condition = "".join(parts)
    code = pivot.codes[pivot.names.index(name)]
    of_row = re.sub(rf"\b{name}(?=\b|__missing\b|__raw\b)", pivot.value, condition)
    return f"{pivot.item} = {literal(code)} and {of_row}"
