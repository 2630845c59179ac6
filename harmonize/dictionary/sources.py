"""Where values come from: every column of every study with its form, source columns, verb, comment and reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harmonize.mapping import Block, Target, has_mapping, read_mapping
from harmonize.paths import MAPPINGS
from harmonize.sources import Form, Study, studies
from harmonize.verbs import SLOT

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Origin:
    """One row of a mapping document: how a study fills a column."""

    study_id: str
    entity: str
    column: str
    block: str
    form: str
    source_columns: tuple[str, ...]
    verb: str
    arguments: str
    status: str
    comment: str
    reference: str


@dataclass(frozen=True)
class RawColumn:
    """One column of a delivered form. `codes` maps a raw value to its meaning, `missing` one to why there is none."""

    study_id: str
    form: str
    column: str
    description: str
    aliases: tuple[str, ...]
    codes: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...]
    used_by: tuple[str, ...]


def origins() -> list[Origin]:
    """All mapping rows of all studies, in the order of the documents."""
    found = []
    for study in studies():
        if has_mapping(study.name):
            for block in read_mapping(study):
                found += [_origin(study, block, target) for target in block.targets.values()]
    return found


def raw_columns(known: list[Origin]) -> list[RawColumn]:
    """All declared columns of all forms, with what they feed."""
    used: dict[tuple[str, str, str], list[str]] = {}
    for origin in known:
        for column in origin.source_columns:
            used.setdefault((origin.study_id, origin.form, column), []).append(f"{origin.entity}.{origin.column}")
    return [
        RawColumn(
            study.name,
            form.name,
            column.name,
            column.description,
            column.aliases,
            tuple((str(k), str(v)) for k, v in column.codes.items()),
            tuple((str(k), str(v)) for k, v in column.missing.items()),
            tuple(dict.fromkeys(used.get((study.name, form.name, column.name), []))),
        )
        for study, form in _forms()
        for column in form.columns
    ]


def _forms() -> Iterator[tuple[Study, Form]]:
    for study in studies():
        for form in study.forms:
            yield study, form


def _origin(study: Study, block: Block, target: Target) -> Origin:
    return Origin(
        study.name, block.entity.name, target.name, block.name, block.form.name, _source_columns(block, target),
        target.verb, target.args, target.status, target.comment, target.reference,
    )  # fmt: skip


def _source_columns(block: Block, target: Target) -> tuple[str, ...]:
    """The columns of the form that the arguments, or the snippet they name, speak of; of all its slots."""
    if target.verb in ("const", "none"):
        return ()
    filled = [slot.fill(target.args) for slot in block.slots] or [target.args]
    # slots called like instruments hold their items
    if target.verb == "items" and target.args.strip() == SLOT:
        filled += [" ".join(slot.columns) for slot in block.slots]
    if target.verb == "sql":
        snippet = MAPPINGS / "sql" / f"{target.args.split(';')[0].strip()}.sql"
        if snippet.exists():
            lines = snippet.read_text(encoding="utf-8").splitlines()
            filled.append("\n".join(line for line in lines if not line.strip().startswith("--")))
    if block.pivot is not None and "{" in target.args:
        filled = [block.pivot.item, block.pivot.value]
    words = dict.fromkeys(word for text in filled for word in _WORD.findall(text))
    names = set(block.form.column_names)
    return tuple(word for word in words if word in names)
