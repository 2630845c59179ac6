"""What the landed data of a study hold that its mapping cannot use: codes, texts, dates, scores out of range, items."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from harmonize.dates import DATE_FORMATS
from harmonize.mapping import Block, Target
from harmonize.paths import MAPPINGS, REPO, Warehouse
from harmonize.reference import instrument_range
from harmonize.sources import Column, Study

NUMERIC = ("integer", "double")


@dataclass(frozen=True)
class Finding:
    """One thing that is missing. `blocks`: the study is not complete without it; else it is worth a look."""

    blocks: bool
    file: str
    row: int | None
    column: str
    problem: str
    remedy: str


def shown(path: Path) -> str:
    """A path as people know it."""
    return str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path)


def rows_file(study: Study) -> str:
    """The mapping document, as people know it."""
    return shown(MAPPINGS / f"{study.name}.csv")


def constants(block: Block, target: str) -> Iterator[tuple[Target, str]]:
    """Values that a block writes into a target by const or recode."""
    row = block.targets.get(target)
    if row is None:
        return
    if row.verb == "const" and "{" in row.args:
        for slot in block.slots:
            text = row.args.replace("{slot}", slot.name)
            for i, part in enumerate(slot.name.split("."), start=1):
                text = text.replace(f"{{slot.{i}}}", part)
            yield row, text
    elif row.verb == "const":
        yield row, row.args
    elif row.verb == "recode":
        pairs = [p.partition("=")[2].strip() for p in row.args.split(";")[1:]]
        codes = block.form.column(row.args.split(";")[0].strip()).codes.values() if "{" not in row.args else ()
        yield from ((row, value) for value in (pairs or codes) if not value.startswith("!"))


def landed(study: Study, blocks: tuple[Block, ...], warehouse: Warehouse) -> Iterator[Finding]:
    """Findings of every form that blocks read."""
    for form in study.forms:
        path = warehouse.raw / study.name / f"{form.name}.parquet"
        mine = [b for b in blocks if b.form.name == form.name]
        if not mine:
            continue
        if not path.exists() or pq.read_metadata(path).num_rows == 0:
            problem = f"form {form.name} is not landed, so its values were not looked at"
            yield Finding(False, shown(study.path), None, form.name, problem, f"trd land {study.name} FOLDER")
            continue
        yield from _unjoined(study, mine, path)
        seen: set[tuple[str, str, str]] = set()
        for block in mine:
            for target in block.targets.values():
                for finding in _values(study, block, target, path):
                    key = (finding.column, finding.problem, finding.file)
                    if key not in seen:
                        seen.add(key)
                        yield finding


def _unjoined(study: Study, blocks: list[Block], path: Path) -> Iterator[Finding]:
    """Items of a file with one row per item that no block names: their rows are used by none."""
    pivots = [b.pivot for b in blocks if b.pivot is not None]
    for item in dict.fromkeys(p.item for p in pivots):
        form = blocks[0].form
        used = {code for p in pivots if p.item == item for code in p.codes}
        left = {v: n for v, n in _counts(path, form.column(item)).items() if v not in used}
        if left:
            yield Finding(
                False,
                shown(MAPPINGS / f"{study.name}_blocks.csv"),
                None,
                f"{form.name}.{item}",
                f"rows of items that no block names: {_listed(left)}",
                "Name them in unpivot, if they belong to a form",
            )


def _values(study: Study, block: Block, target: Target, path: Path) -> Iterator[Finding]:
    """Values of the columns a row reads that the row cannot use."""
    if target.verb == "days_between":
        yield from _dates(study, block, target, path)
    if target.verb == "items":
        for part in dict.fromkeys(p.strip() for p in target.args.split(";")[1:]):
            for name, where in _places(block, part):
                yield from _no_numbers(study, block, name, _counts(path, block.form.column(name), where))
    if target.verb not in ("copy", "linear", "recode"):
        return
    source, *pairs = [p.strip() for p in target.args.split(";")]
    needed = not _nullable(block, target)
    for name, where in _places(block, source):
        column = block.form.column(name)
        counts = _counts(path, column, where)
        if target.verb == "recode":
            known = {p.partition("=")[0].strip() for p in pairs if not p.startswith("?")} or set(column.codes)
            lost = {v: n for v, n in counts.items() if v not in known}
            if lost:
                yield Finding(
                    needed,
                    shown(study.path) if not pairs else rows_file(study),
                    None if not pairs else target.line,
                    f"{block.form.name}.{name}",
                    f"codes without meaning: {_listed(lost)}",
                    f"Add them to codes of {name}" if not pairs else "Add code=value to the arguments",
                )
        elif block.entity.type_of(target.name) in NUMERIC:
            yield from _numbers(study, block, target, name, path, counts)


def _places(block: Block, source: str) -> list[tuple[str, tuple[str, str] | None]]:
    """The columns that an argument stands for; of joined rows with the item whose rows are meant."""
    columns: list[tuple[str, tuple[str, str] | None]] = [(source, None)]
    if "{" in source:
        columns = [
            (c, None)
            for slot in block.slots
            for i, c in enumerate(slot.columns, start=1)
            if f"{{{i}}}" in source or source == "{slot}"
        ]
    if "{" in source and (pivot := block.pivot) is not None:
        of_item = [(f"{{{i}}}", code) for i, code in enumerate(pivot.codes, start=1)]
        columns = [(pivot.value, (pivot.item, code)) for place, code in of_item if place in source]
    return [(name, where) for name, where in dict.fromkeys(columns) if name in block.form.column_names]


def _dates(study: Study, block: Block, target: Target, path: Path) -> Iterator[Finding]:
    """Texts that are no date in the forms that the contract names."""
    start, end, *pattern = [p.strip() for p in target.args.split(";")]
    elsewhere = re.fullmatch(r"first\(\s*(\w+)\.(\w+)\s*\)", start)
    places = [(block.form, c) for c in (re.sub(r"first\(\s*(.+?)\s*\)", r"\1", start), end)]
    if elsewhere:
        form = next(f for f in study.forms if f.name == elsewhere[1])
        places[0] = (form, elsewhere[2])
    for form, name in places:
        file = path.with_name(f"{form.name}.parquet")
        if pattern or name not in form.column_names or not file.exists():
            continue
        column = form.column(name)
        allowed = [DATE_FORMATS[n].pattern for n in column.dates]
        odd = {v: n for v, n in _counts(file, column).items() if not any(re.fullmatch(p, v.upper()) for p in allowed)}
        if odd:
            yield Finding(
                False,
                shown(study.path),
                None,
                f"{form.name}.{name}",
                f"no dates of the form {', '.join(column.dates)}: {_listed(odd)}",
                f"Add their form to dates of {name}, list what means missing, or correct the file",
            )


def _numbers(
    study: Study, block: Block, target: Target, name: str, path: Path, counts: Counter[str]
) -> Iterator[Finding]:
    yield from _no_numbers(study, block, name, counts)
    column = block.form.column(name)
    where = f"{block.form.name}.{name}"
    if target.name != "score":
        return
    for row, instrument, counted in _by_instrument(block, path, column, counts):
        counts = counted
        valid = instrument_range(instrument)
        values = {v: _number(v, column) for v in counts}
        outside = {v: counts[v] for v, x in values.items() if valid and x is not None and not valid[0] <= x <= valid[1]}
        if valid and outside:
            yield Finding(
                False,
                rows_file(study),
                row.line,
                where,
                f"outside {instrument} ({valid[0]:g} to {valid[1]:g}), so refused: {_listed(outside)}",
                f"Correct the instrument, list missing codes, or declare a scale in mappings/{study.name}/scales.csv",
            )


def _no_numbers(study: Study, block: Block, name: str, counts: Counter[str]) -> Iterator[Finding]:
    """Texts of a column of numbers that are none."""
    column = block.form.column(name)
    odd = {v: n for v, n in counts.items() if _number(v, column) is None}
    if odd:
        problem = f"texts that are no number, each a cell issue: {_listed(odd)}"
        remedy = f"List what means missing under missing of {name}"
        yield Finding(False, shown(study.path), None, f"{block.form.name}.{name}", problem, remedy)


def _by_instrument(
    block: Block, path: Path, column: Column, counts: Counter[str]
) -> Iterator[tuple[Target, str, Counter[str]]]:
    """The instruments of a block with the landed scores of each: all of them, or those where a column names it."""
    row = block.targets["instrument_id"]
    if row.verb != "recode" or "{" in row.args:
        yield from ((r, instrument, counts) for r, instrument in dict.fromkeys(constants(block, "instrument_id")))
        return
    source, *pairs = [p.strip() for p in row.args.split(";")]
    for code, _, instrument in (p.partition("=") for p in pairs if not p.startswith("?")):
        yield row, instrument.strip(), _counts(path, column, (source, code.strip()))


def _number(text: str, column: Column) -> float | None:
    if getattr(column, "decimal", ".") == ",":
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


def _counts(path: Path, column: Column, where: tuple[str, str] | None = None) -> Counter[str]:
    """How often each landed value of a column occurs, without those that mean missing, where a column has a value."""
    table = pq.read_table(path, columns=[column.name, *([where[0]] if where else [])])
    if where is not None:
        table = table.filter(pc.equal(pc.utf8_trim(table.column(where[0]), " "), where[1]))
    texts = table.column(column.name).drop_null().value_counts()
    counts: Counter[str] = Counter()
    for pair in texts.to_pylist():
        value = pair["values"].strip(" ")
        if value and value not in column.missing:
            counts[value] += pair["counts"]
    return counts


def _listed(values: dict[str, int]) -> str:
    most = sorted(values.items(), key=lambda pair: -pair[1])[:6]
    return ", ".join(f"{v!r} ({n})" for v, n in most) + (f" and {len(values) - 6} more" if len(values) > 6 else "")


def _nullable(block: Block, target: Target) -> bool:
    columns = block.entity.columns
    return target.name not in columns or bool(columns[target.name].nullable)
