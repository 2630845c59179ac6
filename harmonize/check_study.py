"""What a study still needs: undecided rows, unknown words, columns that nothing reads, values nobody gave a meaning."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from harmonize.check_values import Finding, constants, landed, rows_file, shown
from harmonize.mapping import Block, MappingError, has_mapping, read_mapping
from harmonize.paths import MAPPINGS, STAGING, Warehouse
from harmonize.reference import seed_rows
from harmonize.sources import ROW_KEY, ContractError, Study, read_study
from harmonize.study_rows import TABLES, TODO, own_file
from harmonize.verbs import compile_target


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
        return [Finding(True, shown(path), None, "", str(error), "Correct the sources file")]
    except MappingError as error:
        return [Finding(True, error.file, error.line or None, "", error.problem, error.remedy)]
    found = [*_declared(study, blocks), *_undecided(study, blocks), *_unknown(study, blocks)]
    found += [*_open_rows(study), *_unread(study, blocks), *landed(study, blocks, warehouse), *_drafted(study)]
    return sorted(found, key=lambda f: not f.blocks)


def _declared(study: Study, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    """The parts that every study has."""
    own = {t.file: own_file(study.name, t) for t in TABLES}
    if not blocks:
        place = shown(MAPPINGS / f"{study.name}_blocks.csv")
        yield Finding(True, place, None, "", "there is no mapping document", "Write it, or run trd new-study")
    for entity, what in (("subjects", "persons"), ("visits", "visits")):
        if blocks and not any(b.entity.name == entity and not b.undecided for b in blocks):
            place = shown(MAPPINGS / f"{study.name}_blocks.csv")
            rated = any(b.entity.name == "scales" for b in blocks)
            yield Finding(
                entity == "subjects" or rated, place, None, "", f"no block gives {what}", f"Add a block for {entity}"
            )
    for file, what in (("study", "title"), ("steps", "treatment steps")):
        if not own[file].exists():
            yield Finding(True, shown(own[file]), None, "", f"the study's {what} are not there", "Write the file")
    if not own["schedule"].exists():
        problem = "there is no visit schedule: visits that were missed are not seen"
        yield Finding(False, shown(own["schedule"]), None, "", problem, "Write the planned visits, if there was a plan")
    for form in study.forms:
        keyed = set(study.subject_key) & set(form.column_names) or ROW_KEY in study.subject_key
        if not keyed and any(b.form.name == form.name for b in blocks):
            yield Finding(
                True,
                shown(study.path),
                None,
                "",
                f"form {form.name} has none of the subject_key columns",
                "Name its id",
            )
    if ROW_KEY in study.subject_key and any(b.entity.name == "visits" and not b.slots for b in blocks):
        yield Finding(
            False,
            shown(study.path),
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
                    rows_file(study),
                    target.line,
                    f"{block.name}.{target.name}",
                    f"not decided: {target.comment or 'no question is written'}{waits}",
                    "Decide, and write another status; or run trd new-study again with the answer and --force",
                )


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
            for row, value in dict.fromkeys(constants(block, target)):
                if value not in ids:
                    yield Finding(
                        True,
                        rows_file(study),
                        row.line,
                        f"{block.name}.{target}",
                        f"there is no {what} {value!r}",
                        f"Correct it, or declare it in harmonize/mappings/{study.name}/{file}",
                    )


def _read_by(block: Block) -> set[str]:
    words = " ".join([*(t.args for t in block.targets.values()), *(f.keep for f in block.filters)])
    named = set(re.findall(r"[a-z0-9_]+", words))
    joined = {block.pivot.item, block.pivot.value} if block.pivot is not None else set()
    return {n.removesuffix("__missing") for n in named} | {c for s in block.slots for c in s.columns} | joined


def _starts_in(form: str, blocks: tuple[Block, ...]) -> set[str]:
    """Columns of a form from which blocks of other forms count their days."""
    args = " ".join(t.args for b in blocks for t in b.targets.values() if t.verb == "days_between")
    return set(re.findall(rf"first\(\s*{form}\.([a-z0-9_]+)", args))


def _unread(study: Study, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    for form in study.forms:
        mine = [b for b in blocks if b.form.name == form.name]
        read = {n for b in mine for n in _read_by(b)} | set(study.subject_key) | _starts_in(form.name, blocks)
        left = [c for c in form.column_names if c not in read]
        if not mine and not _starts_in(form.name, blocks):
            problem = f"form {form.name} is landed and not mapped"
            yield Finding(False, shown(study.path), None, form.name, problem, "Add a block, if it holds data you need")
        elif left:
            listed = ", ".join(left[:12]) + (f" and {len(left) - 12} more" if len(left) > 12 else "")
            yield Finding(
                False,
                rows_file(study),
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
                        shown(path),
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
            shown(MAPPINGS / study.name),
            None,
            "verified",
            f"rows are as drafted: {listed}",
            "Check them, then write study (or read) for draft",
        )
