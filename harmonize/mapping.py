"""The mapping document of a study: two reviewed CSVs that drive harmonisation (decision 3).

`harmonize/mappings/<study>_blocks.csv` has one row per block: one raw form feeding one table of the common data
model. `harmonize/mappings/<study>.csv` has one row per block and target column, with a verb from a closed list.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harmonize.paths import MAPPINGS
from harmonize.sources import Form, Study
from schemas import ENTITIES, Entity

VERBS = (
    "copy",
    "const",
    "recode",
    "lookup",
    "first_of",
    "linear",
    "days_between",
    "flag",
    "parse",
    "items",
    "sql",
    "none",
)
STATUSES = ("complete", "partial", "impossible", "not_collected", "todo")
"""`todo`: not decided yet; the comment holds the question. A block whose key is not decided is not compiled."""
DUPLICATES = ("merge", "boundary", "identical")
MERGED_ENTITIES = ("subjects", "steps", "visits")
"""Tables whose grain is coarser than the rows of a form: rows with one key are merged."""

BLOCK_HEADER = ["block", "entity", "form", "filters", "unpivot", "duplicates", "comment"]
MAPPING_HEADER = ["block", "target", "verb", "args", "status", "comment", "reference"]


class MappingError(ValueError):
    """The mapping document cannot be compiled; says file, line, what is wrong and what to do."""

    def __init__(self, file: str, line: int, problem: str, remedy: str) -> None:
        self.file, self.line, self.problem, self.remedy = file, line, problem, remedy
        super().__init__(f"{file}, line {line}: {problem}. {remedy}")


@dataclass(frozen=True)
class Filter:
    """Rows for which `keep` does not hold are dropped from the block under the name `rule`."""

    rule: str
    keep: str


@dataclass(frozen=True)
class Slot:
    """One of several groups of columns that each become a row of their own."""

    name: str
    columns: tuple[str, ...]

    def fill(self, argument: str) -> str:
        """`argument` for this slot: its name, parts of a dotted name, columns; what it has no part for stays."""
        filled = argument.replace("{slot}", self.name)
        for i, part in enumerate(self.name.split("."), start=1):
            filled = filled.replace(f"{{slot.{i}}}", part)
        for i, column in enumerate(self.columns, start=1):
            filled = filled.replace(f"{{{i}}}", column)
        return filled


@dataclass(frozen=True)
class Pivot:
    """Rows that each hold one item, joined into one: `item` names it, `value` holds the answer, `codes` are its names.

    In the arguments of the mapping document `{1}` is the value of the first code. In SQL, and among the columns of the
    block's form, it is called `<value>__1`.
    """

    item: str
    value: str
    codes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that joining makes, one per code."""
        return tuple(f"{self.value}__{i}" for i in range(1, len(self.codes) + 1))

    def fill(self, argument: str) -> str:
        """`argument` with the columns' names; a number without a code stays."""
        for i, name in enumerate(self.names, start=1):
            argument = argument.replace(f"{{{i}}}", name)
        return argument


@dataclass(frozen=True)
class Target:
    """One target column of a block."""

    name: str
    verb: str
    args: str
    status: str
    comment: str
    reference: str
    line: int


@dataclass(frozen=True)
class Block:
    """One raw form feeding one table; `number` is its rank where blocks contribute to one row."""

    study: str
    name: str
    number: int
    entity: Entity
    form: Form
    filters: tuple[Filter, ...]
    slots: tuple[Slot, ...]
    duplicates: str
    comment: str
    targets: dict[str, Target]
    line: int
    siblings: tuple[Form, ...] = ()
    """All forms of the study: a date of one may be the start for another."""
    pivot: Pivot | None = None
    """Where rows are joined; `form` then has the joined columns beside its own."""

    @property
    def joined_by(self) -> tuple[str, ...]:
        """With `pivot`: the columns beside the person that rows must share to be joined, those that other rows of the
        mapping read."""
        read = [t.args.split(";")[0] if t.verb == "lookup" else t.args for t in self.targets.values()]
        read = [args for args, t in zip(read, self.targets.values(), strict=True) if t.verb not in ("const", "none")]
        words = {w for args in read for w in re.findall(r"[a-z_][a-z0-9_]*", args)}
        return tuple(c for c in self.form.column_names if c in words)

    @property
    def undecided(self) -> tuple[Target, ...]:
        """Rows with status `todo` without which no row of the table can stand: the block waits for them."""
        columns = self.entity.columns
        return tuple(
            t
            for t in self.targets.values()
            if t.status == "todo" and t.name in columns and not columns[t.name].nullable
        )

    @property
    def model(self) -> str:
        """Name of the dbt model the block compiles to."""
        return f"int_{self.study}__{self.name}"


def has_mapping(study: str, folder: Path = MAPPINGS) -> bool:
    """Whether the study has a mapping document."""
    return (folder / f"{study}_blocks.csv").exists()


def read_mapping(study: Study, folder: Path = MAPPINGS) -> tuple[Block, ...]:
    """Read and check both documents of a study. Raises MappingError."""
    blocks_file, rows_file = folder / f"{study.name}_blocks.csv", folder / f"{study.name}.csv"
    targets: dict[str, dict[str, Target]] = {}
    lines: dict[str, int] = {}
    for line, row in _rows(rows_file, MAPPING_HEADER):
        if row["verb"] not in VERBS:
            raise MappingError(rows_file.name, line, f"unknown verb {row['verb']!r}", f"Use one of {', '.join(VERBS)}")
        if row["status"] not in STATUSES:
            raise MappingError(
                rows_file.name, line, f"unknown status {row['status']!r}", f"Use one of {', '.join(STATUSES)}"
            )
        if row["verb"] == "none" and row["status"] not in ("impossible", "not_collected", "todo"):
            raise MappingError(
                rows_file.name, line, f"verb none with status {row['status']}", "Use impossible or not_collected"
            )
        mine = targets.setdefault(row["block"], {})
        lines.setdefault(row["block"], line)
        if row["target"] in mine:
            raise MappingError(rows_file.name, line, f"{row['target']} is mapped twice", "Remove one of the rows")
        mine[row["target"]] = Target(
            row["target"], row["verb"], row["args"], row["status"], row["comment"], row["reference"], line
        )

    blocks: list[Block] = []
    for number, (line, row) in enumerate(_rows(blocks_file, BLOCK_HEADER), start=1):
        where = (blocks_file.name, line)
        if row["block"] in (b.name for b in blocks):
            raise MappingError(*where, f"block {row['block']} is there twice", "Give one of the two another name")
        if row["entity"] not in ENTITIES:
            raise MappingError(*where, f"unknown table {row['entity']!r}", f"Use one of {', '.join(ENTITIES)}")
        try:
            form = study.form(row["form"])
        except KeyError as error:
            raise MappingError(
                *where, str(error.args[0]), "Correct the form or declare it in the sources YAML"
            ) from None
        if row["duplicates"] not in DUPLICATES:
            raise MappingError(*where, f"unknown policy {row['duplicates']!r}", f"Use one of {', '.join(DUPLICATES)}")
        if (row["entity"] in MERGED_ENTITIES) != (row["duplicates"] == "merge"):
            raise MappingError(
                *where,
                f"policy {row['duplicates']} for {row['entity']}",
                f"Rows of {', '.join(MERGED_ENTITIES)} are merged by key; rows of other tables never are",
            )
        pivot = _pivot(row["unpivot"], form, *where)
        filters = tuple(_filters(row["filters"], *where))
        block = Block(
            study=study.name,
            name=row["block"],
            number=number,
            entity=ENTITIES[row["entity"]],
            form=_with_joined(form, pivot) if pivot else form,
            filters=(*filters, _of_pivot(pivot)) if pivot else filters,
            slots=() if pivot else tuple(_slots(row["unpivot"], form, *where)),
            duplicates=row["duplicates"],
            comment=row["comment"],
            targets=targets.pop(row["block"], {}),
            line=line,
            siblings=study.forms,
            pivot=pivot,
        )
        _check_targets(block, rows_file.name, blocks_file.name)
        blocks.append(block)
    for orphan in targets:
        raise MappingError(
            rows_file.name, lines[orphan], f"block {orphan!r} is not in {blocks_file.name}", "Add it there or remove it"
        )
    return tuple(blocks)


def _rows(path: Path, header: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.exists():
        raise MappingError(path.name, 0, "file not found", "Every study with blocks needs both mapping documents")
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if reader.fieldnames != header:
            raise MappingError(path.name, 1, f"columns are {reader.fieldnames}", f"They must be {', '.join(header)}")
        for row in reader:
            if None in row or None in row.values():
                raise MappingError(
                    path.name, reader.line_num, "wrong number of fields", "Quote fields that hold commas"
                )
            yield reader.line_num, {k: v.strip() for k, v in row.items()}


def _filters(text: str, file: str, line: int) -> Iterator[Filter]:
    for part in filter(None, (p.strip() for p in text.split(";"))):
        rule, colon, keep = part.partition(":")
        if not colon or not re.fullmatch(r"[a-z_]+", rule.strip()):
            raise MappingError(file, line, f"filter {part!r} has no name", "Write rule_name: condition to keep the row")
        yield Filter(rule.strip(), keep.strip())


def _slots(text: str, form: Form, file: str, line: int) -> Iterator[Slot]:
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, colon, columns = part.partition(":")
        found = tuple(c.strip() for c in columns.split(",")) if colon else (name.strip(),)
        for column in found:
            if column not in form.column_names:
                raise MappingError(file, line, f"{form.name} has no column {column!r}", "Correct the unpivot list")
        yield Slot(name.strip(), found)


def _pivot(text: str, form: Form, file: str, line: int) -> Pivot | None:
    """`item -> value: code, code`, where the text says so."""
    columns, colon, listed = text.partition(":")
    if "->" not in columns:
        return None
    item, _, value = (part.strip() for part in columns.partition("->"))
    for column in (item, value):
        if column not in form.column_names:
            raise MappingError(file, line, f"{form.name} has no column {column!r}", "Correct the unpivot list")
    codes = tuple(c.strip() for c in listed.split(",") if c.strip())
    if not colon or not codes:
        raise MappingError(
            file, line, f"{text!r} names no items", "Write item column -> value column: code, code, code"
        )
    if twice := [c for i, c in enumerate(codes) if c in codes[:i]]:
        raise MappingError(
            file, line, f"{', '.join(twice)} is named twice", "Name every item once, in the form's order"
        )
    return Pivot(item, value, codes)


def _with_joined(form: Form, pivot: Pivot) -> Form:
    """The form with the columns that joining makes; they are read like the column of the values."""
    value = form.column(pivot.value)
    joined = (replace(value, name=n, description=c) for n, c in zip(pivot.names, pivot.codes, strict=True))
    return replace(form, columns=(*form.columns, *joined))


def _of_pivot(pivot: Pivot) -> Filter:
    """Rows of other items are no rows of the block."""
    listed = ", ".join("'" + code.replace("'", "''") + "'" for code in pivot.codes)
    return Filter("other_item", f"{pivot.item} in ({listed})")


def _check_targets(block: Block, file: str, blocks_file: str) -> None:
    wanted = [t for t in block.entity.mapped_columns if t != "subject_id"]
    for name in wanted:
        if name not in block.targets:
            where = (file, max(t.line for t in block.targets.values())) if block.targets else (blocks_file, block.line)
            raise MappingError(
                *where,
                f"block {block.name} has no row for {name}",
                f"Add one to {file}; verb none says why there is no value",
            )
    for name, target in block.targets.items():
        if name not in wanted:
            raise MappingError(
                file, target.line, f"{block.entity.name} has no column {name!r}", f"It has {', '.join(wanted)}"
            )
