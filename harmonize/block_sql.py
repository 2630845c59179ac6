"""The SQL of staging models, blocks and unions, printed from sources files and mapping documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harmonize.mapping import Block
from harmonize.pivot_sql import joining_ctes
from harmonize.sources import KEY_FORMS, ROW_KEY, Form, Study
from harmonize.verbs import Expression, compile_target
from schemas import Entity
from schemas.sql import SQL_TYPES, literal, mask

COMPANIONS = {
    "arm_missing": ("arm_assigned",),
    "score_missing": ("score",),
    "dose_missing": ("dose",),
    "dosage_missing": ("dosage",),
    "value_missing": ("value_num", "value_code"),
}
"""Missing-reason columns and the columns they stand beside."""


def staging_sql(study: Study, form: Form) -> str:
    """A form's staging model: same rows, cleaned columns, missing reasons, drop rules marked."""
    keys = [f'"{alike(k, study)}"' for k in study.subject_key if k in form.column_names]
    if not study.key_form:
        keys = [k.replace('"', "'") for k in keys]
    if not keys and ROW_KEY in study.subject_key:
        keys = [f"'cast({ROW_KEY} as ' ~ type_text() ~ ')'"]
    columns = []
    for column in form.columns:
        name = column.name
        codes = [c for c in column.missing if c != ""]
        trimmed = f"trim({name})"
        if codes:
            listed = ", ".join(literal(c) for c in ["", *codes])
            columns.append(f"case when {trimmed} not in ({listed}) then {trimmed} end as {name},")
        else:
            columns.append(f"nullif({trimmed}, '') as {name},")
        arms = [f"when {name} is null or {trimmed} = '' then 'blank'"]
        by_reason: dict[str, list[str]] = {}
        for code in codes:
            by_reason.setdefault(column.missing[code], []).append(code)
        arms += [
            f"when {trimmed} in ({', '.join(literal(c) for c in cs)}) then {literal(reason)}"
            for reason, cs in by_reason.items()
        ]
        columns.append(f"case {' '.join(arms)} end as {name}__missing,")
        columns.append(f"{name} as {name}__raw,")
    key = ", ".join(keys)
    drops = " ".join(f"when {r.when} then '{r.rule}'" for r in form.drop_rules)
    drop = f"case {drops} end" if drops else "cast(null as {{ type_text() }})"
    return f"""
with

delivered as (
    {{{{ delivered('{study.name}', '{form.name}') }}}}
),

cleaned as (
    select
        '{study.name}' as study_id,
        '{form.name}' as src_form,
        src_row,
        {{{{ pseudonym('{study.name}', [{key}]) }}}} as subject_id,
{_indent(columns, 8)[:-1]}
    from delivered
)

select
    *,
    {drop} as drop_rule
from cleaned
"""


def alike(key: str, study: Study) -> str:
    """A column of ids in the form that the study declares."""
    for name in study.key_form:
        key = KEY_FORMS[name].replace("{key}", key if key != key.split("(")[0] else f"trim({key})")
    return key


def _indent(lines: Iterable[str], spaces: int) -> str:
    return "\n".join(" " * spaces + line for line in lines)


def block_sql(block: Block) -> str:
    """A block's model: the candidate rows one raw form gives one table."""
    expressions = {name: compile_target(block, t) for name, t in block.targets.items()}
    conditions = ["drop_rule is null", *(f"({f.keep})" for f in block.filters)]
    staging = f"{{{{ ref('stg_{block.study}__{block.form.name}') }}}}"
    before = {n: e for x in expressions.values() for n, e in x.before.items()}
    starts = {n: e for x in expressions.values() for n, e in x.starts.items()}
    rows, ctes = staging, []
    if before:
        over_all = _indent([f"{e} as {n}," for n, e in sorted(before.items())], 8).rstrip(",")
        ctes += [
            f"every_row as (\n    select\n        *,\n{over_all}\n    from {staging}\n    where drop_rule is null\n)"
        ]
        rows = "every_row"
    if starts:
        ctes += _starts_ctes(block, starts, rows)
        rows = "started"
    ctes += [f"staged as (\n    select * from {rows}\n    where {all_of(conditions, 8)}\n)"]
    base = "staged"
    if block.slots:
        numbers = "\n    union all ".join(f"select {i} as slot_no" for i in range(1, len(block.slots) + 1))
        present = [f"when {i} then {slot_present(slot.columns)}" for i, slot in enumerate(block.slots, start=1)]
        ctes += [
            f"slots as (\n    {numbers}\n)",
            "expanded as (\n"
            "    select *\n"
            "    from staged\n"
            "    cross join slots\n"
            "    where case slot_no\n" + _indent(present, 8) + "\n    end\n"
            ")",
        ]
        base = "expanded"
    if block.pivot is not None:
        ctes += joining_ctes(block, "staged", (*before, *starts))
        base = "joined"
    helpers = {n: e for x in expressions.values() for n, e in x.parsed.items()}
    passed = ["study_id", "subject_id", "src_form", "src_row", *(["slot_no"] if block.slots else [])]
    ctes.append(
        "parsed as (\n    select\n"
        + _indent([f"{c}," for c in passed], 8)
        + ("\n" if helpers else "")
        + _indent([f"{e} as {n}," for n, e in sorted(helpers.items())], 8).rstrip(",")
        + f"\n    from {base}\n)"
    )
    if not helpers:
        ctes[-1] = ctes[-1].replace(f"{passed[-1]},\n    from", f"{passed[-1]}\n    from")
    joins = {a: j for x in expressions.values() for a, j in x.joins.items()}
    joined = "".join(
        f"\nleft join {{{{ ref('{seed}') }}}} as {alias} on parsed.{on} = {alias}.{key}"
        for alias, (seed, key, on) in sorted(joins.items())
    )
    columns = _candidate_columns(block, expressions)
    select = ",\n".join(f"    {e} as {n}" if e != n else f"    {n}" for n, e in columns)
    with_clause = ",\n\n".join(ctes)
    head = f"-- {block.entity.name} from {block.form.name}" + (f": {block.comment}" if block.comment else "")
    return f"""{head}

with

{with_clause}

select
{select}
from parsed{joined}
"""


def _starts_ctes(block: Block, starts: Mapping[str, tuple[str, str]], rows: str) -> list[str]:
    """The first dates that other forms have of each person, beside the rows of the block's form."""
    ctes, columns, joins = [], [], []
    for name, (form, date) in sorted(starts.items()):
        other = f"{{{{ ref('stg_{block.study}__{form}') }}}}"
        ctes.append(
            f"{name}_of_person as (\n    select\n        subject_id as person,\n        min({date}) as {name}\n"
            f"    from {other}\n    where drop_rule is null\n    group by subject_id\n)"
        )
        columns.append(f"{name}_of_person.{name},")
        joins.append(f"    left join {name}_of_person on own_rows.subject_id = {name}_of_person.person")
    listed = _indent(columns, 8).rstrip(",")
    ctes.append(
        f"started as (\n    select\n        own_rows.*,\n{listed}\n    from {rows} as own_rows\n"
        + "\n".join(joins)
        + "\n)"
    )
    return ctes


def all_of(conditions: list[str], indent: int) -> str:
    """Conditions joined by and, one a line."""
    return (f"\n{' ' * indent}and ").join(conditions)


def slot_present(columns: tuple[str, ...]) -> str:
    """The condition under which a slot of a row holds anything."""
    return " or ".join(f"coalesce({c}__missing, '') <> 'blank'" for c in columns)


def issue_bits(block: Block) -> list[tuple[int, str, tuple[str, ...], str]]:
    """The cell issues a block can find: (bit, target, source columns by slot, condition)."""
    found: list[tuple[int, str, tuple[str, ...], str]] = []
    for name, target in block.targets.items():
        for columns, condition in compile_target(block, target).issues:
            found.append((len(found), name, columns, condition))
    return found


def _candidate_columns(block: Block, expressions: dict[str, Expression]) -> list[tuple[str, str]]:
    columns = [("study_id", "study_id"), ("subject_id", "subject_id")]
    for name in candidate_names(block.entity)[2:]:
        if name in COMPANIONS:
            columns.append((name, _missing(block, expressions, COMPANIONS[name])))
        elif name in expressions:
            columns.append((name, expressions[name].value))
    number = f"{block.number}"
    columns += [
        ("src_form", "src_form"),
        ("src_row", "src_row"),
        ("block", literal(block.name)),
        ("block_no", number),
        ("slot_no", "slot_no" if block.slots else "0"),
        ("boundary_allowed", str(block.duplicates == "boundary").lower()),
        ("issue_mask", mask([condition for _, _, _, condition in issue_bits(block)])),
    ]
    return columns


def candidate_names(entity: Entity) -> list[str]:
    """Columns of an entity's candidates, in order: mapped columns and their missing reasons."""
    names = ["study_id"]
    for name in [*entity.columns, *(entity.candidate or {})]:
        if name not in entity.derived or name in (entity.candidate or {}):
            names.append(name)
    return names


BOOKKEEPING = ("src_form", "src_row", "block", "block_no", "slot_no", "boundary_allowed", "issue_mask")
"""Columns every candidate row carries besides its content."""


def _missing(block: Block, expressions: dict[str, Expression], beside: tuple[str, ...]) -> str:
    mapped = [n for n in beside if block.targets[n].verb != "none"] or list(beside[:1])
    verb = block.targets[mapped[0]].verb
    otherwise = "invalid_code" if verb in ("recode", "lookup") else "unparseable"
    value = (
        f"coalesce({', '.join(expressions[n].value for n in mapped)})"
        if len(mapped) > 1
        else expressions[mapped[0]].value
    )
    why = expressions[mapped[0]].missing.replace("{text}", "{{ type_text() }}")
    if why.startswith("cast(null"):
        return f"case when {value} is null then '{otherwise}' end"
    return f"case when {value} is null then coalesce({why}, '{otherwise}') end"


def union_sql(entity: Entity, blocks: list[Block]) -> str:
    """All candidate rows of a table, over studies and blocks."""
    names = [*candidate_names(entity), *BOOKKEEPING]
    if not blocks:
        types = {n: entity.type_of(n) for n in candidate_names(entity)}
        sql_types = {"items": "{{ type_items() }}", "text": "{{ type_text() }}"}
        nulls = [f"cast(null as {sql_types.get(t, SQL_TYPES[t])}) as {n}" for n, t in types.items()]
        nulls += [
            f"cast(null as {t}) as {n}"
            for n, t in zip(
                BOOKKEEPING,
                ("{{ type_text() }}", "bigint", "{{ type_text() }}", "integer", "integer", "boolean", "bigint"),
                strict=True,
            )
        ]
        return "\nselect\n" + ",\n".join(f"    {n}" for n in nulls) + "\nwhere false\n"
    listed = ",\n".join(f"    {n}" for n in names)
    return "\n" + "\nunion all\n\n".join(f"select\n{listed}\nfrom {{{{ ref('{b.model}') }}}}\n" for b in blocks)
