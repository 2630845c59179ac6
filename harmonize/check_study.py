"""What a study still needs: undecided rows, unknown words, columns that nothing reads, values nobody gave a meaning."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from harmonize.mapping import Block, MappingError, Target, has_mapping, read_mapping
from harmonize.paths import MAPPINGS, REPO, STAGING, Warehouse
from harmonize.reference import instrument_range, seed_rows
from harmonize.sources import ROW_KEY, Column, ContractError, Study, read_study
from harmonize.study_rows import TABLES, TODO, own_file
from harmonize.verbs import compile_target

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


def check_study(name: str, warehouse: Warehouse) -> list[Finding]:
    """All findings, those that block first. Raises KeyError for a study that has no sources file."""
    path = STAGING / name / f"_{name}__sources.yml"
    if not path.exists():
        known = ", ".join(sorted(p.parent.name for p in STAGING.glob("*/_*__sources.yml")))
        raise KeyError(f"no study {name!r}: {path.name} not found; known studies: {known}")
    try:
        study = read_study(path)
        blocks = read_mapping(study, MAPPINGS) if has_mapping(name, MAPPINGS) else ()
        for block in blocks:
            if not block.undecided:
                for target in block.targets.values():
                    compile_target(block, target)
    except ContractError as error:
        return [Finding(True, _shown(path), None, "", str(error), "Correct the sources file")]
    except MappingError as error:
        return [Finding(True, error.file, error.line or None, "", error.problem, error.remedy)]
    found = [*_declared(study, blocks), *_undecided(study, blocks), *_unknown(study, blocks)]
    found += [*_open_rows(study), *_unread(study, blocks), *_landed(study, blocks, warehouse), *_drafted(study)]
    return sorted(found, key=lambda f: not f.blocks)


def _shown(path: Path) -> str:
    return str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path)


def _rows_file(study: Study) -> str:
    return _shown(MAPPINGS / f"{study.name}.csv")


def _declared(study: Study, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    """The parts that every study has."""
    own = {t.file: own_file(study.name, t) for t in TABLES}
    if not blocks:
        place = _shown(MAPPINGS / f"{study.name}_blocks.csv")
        yield Finding(True, place, None, "", "there is no mapping document", "Write it, or run trd new-study")
    for entity, what in (("subjects", "persons"), ("visits", "visits")):
        if blocks and not any(b.entity.name == entity and not b.undecided for b in blocks):
            place = _shown(MAPPINGS / f"{study.name}_blocks.csv")
            rated = any(b.entity.name == "scales" for b in blocks)
            yield Finding(
                entity == "subjects" or rated, place, None, "", f"no block gives {what}", f"Add a block for {entity}"
            )
    for file, what in (("study", "title"), ("steps", "treatment steps")):
        if not own[file].exists():
            yield Finding(True, _shown(own[file]), None, "", f"the study's {what} are not there", "Write the file")
    if not own["schedule"].exists():
        problem = "there is no visit schedule: visits that were missed are not seen"
        yield Finding(
            False, _shown(own["schedule"]), None, "", problem, "Write the planned visits, if there was a plan"
        )
    for form in study.forms:
        keyed = set(study.subject_key) & set(form.column_names) or ROW_KEY in study.subject_key
        if not keyed and any(b.form.name == form.name for b in blocks):
            yield Finding(
                True,
                _shown(study.path),
                None,
                "",
                f"form {form.name} has none of the subject_key columns",
                "Name its id",
            )
    if ROW_KEY in study.subject_key and any(b.entity.name == "visits" and not b.slots for b in blocks):
        yield Finding(
            False,
            _shown(study.path),
            None,
            "",
            "no column names a person: every row is one, known by its row number",
            "Name the column in subject_key, if there is one",
        )


def _undecided(study: Study, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    for block in blocks:
        for target in block.targets.values():
            if target.status == "todo":
                waits = f"; block {block.name} waits for it" if target in block.undecided else ""
                yield Finding(
                    True,
                    _rows_file(study),
                    target.line,
                    f"{block.name}.{target.name}",
                    f"not decided: {target.comment or 'no question is written'}{waits}",
                    "Decide, and write another status; or run trd new-study again with the answer and --force",
                )


def _constants(block: Block, target: str) -> Iterator[tuple[Target, str]]:
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


def _unknown(study: Study, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    """Ids that no reference table has: the gate would refuse every row."""
    mine = {r["step_id"] for r in seed_rows("study_steps") if r["study_id"] == study.name}
    known = {
        "instrument_id": ({r["scale_id"] for r in seed_rows("ref_scales")}, "scales.csv", "scale"),
        "variable_id": ({r["variable_id"] for r in seed_rows("variables")}, "variables.csv", "variable"),
        "condition_id": ({r["condition_id"] for r in seed_rows("ref_conditions")}, "conditions.csv", "condition"),
        "step_id": (mine, "steps.csv", "step"),
    }
    for block in blocks:
        for target, (ids, file, what) in known.items():
            for row, value in dict.fromkeys(_constants(block, target)):
                if value not in ids:
                    yield Finding(
                        True,
                        _rows_file(study),
                        row.line,
                        f"{block.name}.{target}",
                        f"there is no {what} {value!r}",
                        f"Correct it, or declare it in harmonize/mappings/{study.name}/{file}",
                    )


def _read_by(block: Block) -> set[str]:
    words = " ".join([*(t.args for t in block.targets.values()), *(f.keep for f in block.filters)])
    named = set(re.findall(r"[a-z0-9_]+", words))
    return {n.removesuffix("__missing") for n in named} | {c for s in block.slots for c in s.columns}


def _unread(study: Study, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    for form in study.forms:
        mine = [b for b in blocks if b.form.name == form.name]
        read = {n for b in mine for n in _read_by(b)} | set(study.subject_key)
        left = [c for c in form.column_names if c not in read]
        if not mine:
            problem = f"form {form.name} is landed and not mapped"
            yield Finding(False, _shown(study.path), None, form.name, problem, "Add a block, if it holds data you need")
        elif left:
            listed = ", ".join(left[:12]) + (f" and {len(left) - 12} more" if len(left) > 12 else "")
            yield Finding(
                False,
                _rows_file(study),
                None,
                form.name,
                f"{len(left)} columns of {form.name} are not mapped: {listed}",
                "Map them, if you need them",
            )


def _open_rows(study: Study) -> Iterator[Finding]:
    """Rows of the study's own files in which something is still to do."""
    for table in TABLES:
        path = own_file(study.name, table)
        if not path.exists():
            continue
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            for row in reader:
                open_columns = [c for c in table.required if (row.get(c) or "").strip() == TODO]
                named = " ".join(row.get(c) or "" for c in table.key)
                for column in open_columns:
                    yield Finding(
                        True,
                        _shown(path),
                        reader.line_num,
                        column,
                        f"not decided: {column} of {named!r}",
                        f"Write an id of reference.treatments, or declare it in harmonize/mappings/{study.name}"
                        "/treatments.csv"
                        if table.seed == "drug_synonyms"
                        else "Write it",
                    )


def _drafted(study: Study) -> Iterator[Finding]:
    drafted: dict[str, int] = {}
    for table in TABLES:
        path = own_file(study.name, table)
        if path.exists():
            with path.open(newline="", encoding="utf-8-sig") as stream:
                drafted[path.name] = sum(row.get("verified") == "draft" for row in csv.DictReader(stream))
    listed = ", ".join(f"{name} ({n})" for name, n in drafted.items() if n)
    if listed:
        yield Finding(
            False,
            _shown(MAPPINGS / study.name),
            None,
            "verified",
            f"rows are as drafted: {listed}",
            "Check them, then write study (or read) for draft",
        )


# --- the landed data -------------------------------------------------------------------------------------------


def _landed(study: Study, blocks: tuple[Block, ...], warehouse: Warehouse) -> Iterator[Finding]:
    for form in study.forms:
        path = warehouse.raw / study.name / f"{form.name}.parquet"
        mine = [b for b in blocks if b.form.name == form.name]
        if not mine:
            continue
        if not path.exists() or pq.read_metadata(path).num_rows == 0:
            problem = f"form {form.name} is not landed, so its values were not looked at"
            yield Finding(False, _shown(study.path), None, form.name, problem, f"trd land {study.name} FOLDER")
            continue
        seen: set[tuple[str, str, str]] = set()
        for block in mine:
            for target in block.targets.values():
                for finding in _values(study, block, target, path):
                    key = (finding.column, finding.problem, finding.file)
                    if key not in seen:
                        seen.add(key)
                        yield finding


def _values(study: Study, block: Block, target: Target, path: Path) -> Iterator[Finding]:
    """Values of the columns a row reads that the row cannot use."""
    if target.verb not in ("copy", "linear", "recode"):
        return
    source, *pairs = [p.strip() for p in target.args.split(";")]
    columns = [source]
    if "{" in source:
        columns = [
            c
            for slot in block.slots
            for i, c in enumerate(slot.columns, start=1)
            if f"{{{i}}}" in source or source == "{slot}"
        ]
    needed = not _nullable(block, target)
    for name in dict.fromkeys(columns):
        if name not in block.form.column_names:
            continue
        column = block.form.column(name)
        counts = _counts(path, column)
        if target.verb == "recode":
            known = {p.partition("=")[0].strip() for p in pairs if not p.startswith("?")} or set(column.codes)
            lost = {v: n for v, n in counts.items() if v not in known}
            if lost:
                yield Finding(
                    needed,
                    _shown(study.path) if not pairs else _rows_file(study),
                    None if not pairs else target.line,
                    f"{block.form.name}.{name}",
                    f"codes without meaning: {_listed(lost)}",
                    f"Add them to codes of {name}" if not pairs else "Add code=value to the arguments",
                )
        elif block.entity.type_of(target.name) in NUMERIC:
            yield from _numbers(study, block, target, name, path, counts)


def _numbers(
    study: Study, block: Block, target: Target, name: str, path: Path, counts: Counter[str]
) -> Iterator[Finding]:
    column = block.form.column(name)
    values = {v: _number(v, column) for v in counts}
    odd = {v: counts[v] for v, x in values.items() if x is None}
    where = f"{block.form.name}.{name}"
    if odd:
        problem = f"texts that are no number, each a cell issue: {_listed(odd)}"
        yield Finding(
            False, _shown(study.path), None, where, problem, f"List what means missing under missing of {name}"
        )
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
                _rows_file(study),
                row.line,
                where,
                f"outside {instrument} ({valid[0]:g} to {valid[1]:g}), so refused: {_listed(outside)}",
                f"Correct the instrument, list missing codes, or declare a scale in mappings/{study.name}/scales.csv",
            )


def _by_instrument(
    block: Block, path: Path, column: Column, counts: Counter[str]
) -> Iterator[tuple[Target, str, Counter[str]]]:
    """The instruments of a block with the landed scores of each: all of them, or those where a column names it."""
    row = block.targets["instrument_id"]
    if row.verb != "recode" or "{" in row.args:
        yield from ((r, instrument, counts) for r, instrument in dict.fromkeys(_constants(block, "instrument_id")))
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
