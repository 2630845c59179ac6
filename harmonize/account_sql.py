"""The SQL that accounts for every raw row and every cell that could not be used (decision 4)."""

from __future__ import annotations

from collections.abc import Iterable

from harmonize.block_sql import all_of, issue_bits, slot_present
from harmonize.mapping import Block
from harmonize.pivot_sql import JOINED, joined_rows_sql, row_condition
from harmonize.sources import Study
from harmonize.verbs import compile_target

AS_TABLE = "{{ config(materialized='table') }}"
"""Of models that name every block: as a view the engine would read them through again for each use."""


def form_rows_sql(known: Iterable[Study], blocks: list[Block]) -> str:
    """What became of every raw row, per form and block: the first identity of decision 4.

    `raw` counts rows as landed times slots, `used` counts what the block's model gives; the drops between them are
    counted from the staged form, so that the three come from different places. A staged form is read once for all its
    blocks: its rows are counted by what each block does with them.
    """
    by_form: dict[tuple[str, str], list[Block]] = {}
    for block in blocks:
        by_form.setdefault((block.study, block.form.name), []).append(block)
    fates, parts = [], []
    for (study_name, form), its_blocks in by_form.items():
        counted = f"{study_name}__{form}"
        fates.append(f"{counted} as (\n{_fates_sql(its_blocks)}\n)")
        for block in its_blocks:
            n = max(len(block.slots), 1)
            head = _row_head(block.study, form, block.name, block.entity.name)
            raw = f"{{{{ source('{block.study}', '{form}') }}}}"
            parts.append(f"select {head}, 'raw' as fate, count(*) * {n} as n_rows from {raw}")
            parts.append(
                f"select {head}, {block.name}__fate as fate, sum(n_rows) * {n} as n_rows\n"
                f"from {counted}\nwhere {block.name}__fate is not null\ngroup by {block.name}__fate"
            )
            if block.slots:
                empty = f"cast(coalesce(sum({block.name}__empty), 0) as bigint)"
                parts.append(f"select {head}, 'empty_slot' as fate, {empty} as n_rows\nfrom {counted}")
            if block.pivot is not None:
                joined = f"(\n{joined_rows_sql(block, _used_rows(block))}\n) as joined"
                parts.append(f"select {head}, '{JOINED}' as fate, count(*) as n_rows from {joined}")
            parts.append(f"select {head}, 'used' as fate, count(*) as n_rows from {{{{ ref('{block.model}') }}}}")
    for study in known:
        for unused in study.forms:
            if (study.name, unused.name) in by_form:
                continue
            head = _row_head(study.name, unused.name, "none", "none")
            raw = f"{{{{ source('{study.name}', '{unused.name}') }}}}"
            parts.append(f"select {head}, 'raw' as fate, count(*) as n_rows from {raw}")
            parts.append(f"select {head}, 'not_mapped' as fate, count(*) as n_rows from {raw}")
    counted_once = "with\n\n" + ",\n\n".join(fates) + "\n\n" if fates else ""
    return f"\n{AS_TABLE}\n\n{counted_once}" + "\n\nunion all\n\n".join(parts) + "\n"


def _fates_sql(blocks: list[Block]) -> str:
    """Rows of one form by what its blocks do with them: one column a block, null where it uses the row, otherwise the
    rule that drops it. Beside a block with slots stands how many slots of the used rows are empty."""
    columns = []
    for block in blocks:
        arms = "".join(f" when not coalesce({f.keep}, false) then '{f.rule}'" for f in block.filters)
        columns.append(f"case when drop_rule is not null then drop_rule{arms} end as {block.name}__fate")
    for block in blocks:
        if block.slots:
            used = all_of(["drop_rule is null", *(f"({f.keep})" for f in block.filters)], 8)
            empty = " + ".join(f"case when {slot_present(s.columns)} then 0 else 1 end" for s in block.slots)
            columns.append(f"sum(case when {used} then {empty} end) as {block.name}__empty")
    columns.append("count(*) as n_rows")
    listed = ",\n".join(f"        {column}" for column in columns)
    numbers = ", ".join(str(i) for i in range(1, len(blocks) + 1))
    stg = f"{{{{ ref('stg_{blocks[0].study}__{blocks[0].form.name}') }}}}"
    return f"    select\n{listed}\n    from {stg}\n    group by {numbers}"


def _used_rows(block: Block) -> str:
    """The staged rows that a block uses, as a source of another query."""
    staging = f"{{{{ ref('stg_{block.study}__{block.form.name}') }}}}"
    conditions = all_of(["drop_rule is null", *(f"({f.keep})" for f in block.filters)], 4)
    return f"(\n    select * from {staging}\n    where {conditions}\n) as used"


def _issue_rule(block: Block, target: str) -> str:
    """How a cell of a target fails; quality.cell_issues tells letters from numbers out of place."""
    type_ = block.entity.type_of(target)
    if block.targets[target].verb in ("recode", "lookup") or type_ in ("text", "boolean"):
        return "invalid_code"
    return "not_whole" if type_ == "integer" else "unparseable"


def _row_head(study: str, form: str, block: str, entity: str) -> str:
    return f"'{study}' as study_id, '{form}' as src_form, '{block}' as block, '{entity}' as entity"


def _issue_holder(block: Block) -> str:
    """The model that says which rows of a block have an unusable cell.

    Rows with issues are held back. Subjects, steps and visits have no such table: `chk_steps` keeps each row; subjects
    are merged there, and so are visits, but a visit whose day or step cannot be read is refused and stands alone.
    """
    name = block.entity.name
    alone = {"day", "step_id", "contact", "status"}
    if name == "subjects" or (name == "visits" and any(target not in alone for _, target, _, _ in issue_bits(block))):
        return block.model
    return f"chk_{name}" if name in ("steps", "visits") else f"held_{name}"


def cell_issues_sql(blocks: list[Block]) -> str:
    """Cells whose text could not be used, with the text: one row per raw row × column."""
    parts = []
    for block in blocks:
        bits = issue_bits(block)
        if block.pivot is not None:
            parts += _item_issues(block)
            bits = [bit for bit in bits if not set(bit[2]) & set(block.pivot.names)]
        if not bits:
            continue
        cases_name, cases_raw, listed = [], [], []
        for bit, _, columns, _ in bits:
            listed.append(f"select {bit} as bit, {2**bit} as bit_value")
            if len(columns) == 1:
                cases_name.append(f"when {bit} then '{columns[0]}'")
                cases_raw.append(f"when {bit} then staged.{columns[0]}__raw")
            else:
                by_slot = " ".join(f"when {i} then '{c}'" for i, c in enumerate(columns, start=1))
                cases_name.append(f"when {bit} then case failing.slot_no {by_slot} end")
                by_slot = " ".join(f"when {i} then staged.{c}__raw" for i, c in enumerate(columns, start=1))
                cases_raw.append(f"when {bit} then case failing.slot_no {by_slot} end")
        rule = " ".join(f"when {bit} then '{_issue_rule(block, target)}'" for bit, target, _, _ in bits)
        numbers = " union all ".join(listed)
        stg = f"{{{{ ref('stg_{block.study}__{block.form.name}') }}}}"
        holder = _issue_holder(block)
        failing = f"select src_row, slot_no, issue_mask from {{{{ ref('{holder}') }}}} where issue_mask <> 0"
        if holder != block.model:
            failing += f" and study_id = '{block.study}' and block = '{block.name}'"
        parts.append(
            f"select\n    '{block.study}' as study_id,\n    '{block.entity.name}' as entity,\n"
            f"    '{block.name}' as block,\n    staged.src_form,\n    staged.src_row,\n"
            f"    case bits.bit {' '.join(cases_name)} end as column_name,\n"
            f"    case bits.bit {' '.join(cases_raw)} end as raw_value,\n"
            f"    case bits.bit {rule} end as rule\n"
            f"from ({failing}) as failing\n"
            f"inner join {stg} as staged on failing.src_row = staged.src_row\n"
            f"inner join ({numbers}) as bits on (failing.issue_mask & bits.bit_value) <> 0"
        )
    if not parts:
        texts = ("study_id", "entity", "block", "src_form", "column_name", "raw_value", "rule")
        nulls = [f"    cast(null as {{{{ type_text() }}}}) as {name}" for name in texts]
        return "\nselect\n" + ",\n".join([*nulls, "    cast(null as bigint) as src_row"]) + "\nwhere false\n"
    return f"\n{AS_TABLE}\n\n" + "\n\nunion all\n\n".join(parts) + "\n"


def _item_issues(block: Block) -> list[str]:
    """Cells of joined rows that could not be used, each in its own row: the candidate knows only its first row."""
    assert block.pivot is not None
    found = []
    for target in block.targets.values():
        expression = compile_target(block, target)
        conditions = [
            row_condition(block, expression, columns[0], condition)
            for columns, condition in expression.issues
            if columns[0] in block.pivot.names
        ]
        if conditions:
            any_of = "\n    or ".join(f"({c})" for c in conditions)
            found.append(
                f"select\n    '{block.study}' as study_id,\n    '{block.entity.name}' as entity,\n"
                f"    '{block.name}' as block,\n    src_form,\n    src_row,\n"
                f"    '{block.pivot.value}' as column_name,\n    {block.pivot.value}__raw as raw_value,\n"
                f"    '{_issue_rule(block, target.name)}' as rule\n"
                f"from {_used_rows(block)}\nwhere\n    {any_of}"
            )
    return found
