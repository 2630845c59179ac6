"""A draft as the files of a study: the sources YAML, the mapping document, the study's rows of shared tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from harmonize.draft import Draft, Note
from harmonize.mapping import BLOCK_HEADER, MAPPING_HEADER
from harmonize.paths import MAPPINGS, REPO, STAGING
from harmonize.profile import REASON_OF, Profile, Table


def draft_files(draft: Draft) -> dict[Path, str]:
    """Path → text of every file the draft consists of."""
    files = {
        STAGING / draft.study / f"_{draft.study}__sources.yml": _sources(draft),
        MAPPINGS / f"{draft.study}_blocks.csv": _blocks(draft),
        MAPPINGS / f"{draft.study}.csv": _rows(draft),
    }
    for name, rows in draft.rows.items():
        if not rows:
            continue
        files[MAPPINGS / draft.study / f"{name}.csv"] = _csv(list(rows[0]), rows)
    return files


def standing(study: str) -> list[Path]:
    """Files of a study of this name that are there already."""
    fixed = [STAGING / study / f"_{study}__sources.yml", MAPPINGS / f"{study}_blocks.csv", MAPPINGS / f"{study}.csv"]
    return [p for p in fixed if p.exists()] + sorted((MAPPINGS / study).glob("*.csv"))


def write_draft(files: Mapping[Path, str], replaced: Iterable[Path] = ()) -> None:
    """Write the files; those of an earlier draft that this one does not have are removed."""
    for path in replaced:
        if path not in files:
            path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def shown(path: Path) -> str:
    """A path as people know it."""
    return str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path)


def counts(draft: Draft) -> dict[str, int]:
    """The figures of the summary."""
    read = {(b.form, name) for b in draft.blocks for name in _named(draft, b.form, str(b))}
    return {
        "forms": len(draft.tables),
        "columns": sum(len(t.columns) for t in draft.tables),
        "columns mapped": len(read),
        "blocks": len(draft.blocks),
        "mapping rows": sum(len(b.targets) for b in draft.blocks),
        "readings": sum(not n.todo for n in draft.notes),
        "todo": sum(n.todo for n in draft.notes),
    }


def _named(draft: Draft, form: str, text: str) -> set[str]:
    import re

    words = set(re.findall(r"[a-z0-9_]+", text))
    (table,) = [t for t in draft.tables if t.form == form]
    return {c.name for c in table.columns if c.name in words} | {
        c.name for c in table.columns if c.name in draft.subject_key
    }


# --- sources ---------------------------------------------------------------------------------------------------


def _sources(draft: Draft) -> str:
    words = _missing_words(draft)
    missing = ", ".join(f"{_key(code)}: {reason}" for code, reason in {"": "blank", **words}.items())
    lines = [
        "version: 2",
        "",
        f"# The raw files of {draft.title}, drafted by trd new-study: review it, then it is the contract of the files.",
        *_comments(n for n in draft.notes if not n.form),
        "",
        "sources:",
        f"  - name: {draft.study}",
        f"    description: {_text(draft.title)}",
        "    config:",
        "      meta:",
        "        external_location: \"read_parquet('{{ env_var('TRD_WAREHOUSE', '../warehouse') }}"
        f"/raw/{draft.study}/{{name}}.parquet')\"",
        "        study:",
        f"          title: {_text(draft.title)}",
        f"          subject_key: [{', '.join(draft.subject_key)}]",
        *([f"          subject_key_form: [{', '.join(draft.key_form)}]"] if draft.key_form else []),
        "        format: {}",
        "        ignore_files: ['README*']",
        f"        missing: {{{missing}}}",
        "    tables:",
    ]
    for table in draft.tables:
        lines += _table(draft, table, words)
    return "\n".join(lines) + "\n"


def _comments(notes: Iterable[Note]) -> list[str]:
    return [f"# {'todo: ' if n.todo else ''}{n.text}" for n in notes]


def _table(draft: Draft, table: Table, words: Mapping[str, str]) -> list[str]:
    described = f"{table.n_rows} rows in {table.file.name} when it was drafted."
    layout = ", ".join(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in table.format.items())
    lines = [
        f"      - name: {table.form}",
        f"        description: {_text(described)}",
        "        config:",
        "          meta:",
        f"            files: [{_text(table.file.name.removesuffix('.gz'))}]",
        f"            format: {{{layout}}}",
        *_drop_rules(table),
        "        columns:",
    ]
    for column in table.columns:
        lines += [f"          - name: {column.name}", f"            description: {_text(_description(column))}"]
        meta = _meta(draft, table, column, words)
        if meta:
            lines.append(f"            config: {{meta: {{{', '.join(meta)}}}}}")
    return lines


def _drop_rules(table: Table) -> list[str]:
    """Rows that are no data, as the contract names them."""
    lines = []
    for column, texts in table.summaries.items():
        listed = ", ".join("'" + t.replace("'", "''") + "'" for t in texts)
        when = _text(f"trim({column}) in ({listed})")
        reason = _text("sums and means below the data")
        lines += ["            drop_rules:", f"              - {{rule: summary_row, when: {when}, reason: {reason}}}"]
    return lines


def _description(column: Profile) -> str:
    if column.description:
        return column.description
    known = column.known
    if column.kind == "number" and known:
        return f"{column.delivered.strip() or column.name}: {column.low:g} to {column.high:g}"
    if column.kind == "empty":
        return f"{column.delivered.strip() or column.name}: always blank"
    n = len(column.values)
    return f"{column.delivered.strip() or column.name}: {n} different {'value' if n == 1 else 'values'}"


def _meta(draft: Draft, table: Table, column: Profile, words: Mapping[str, str]) -> list[str]:
    meta = []
    roles = draft.roles[table.form]
    if column is roles.identity or (roles.clock is not None and column is roles.clock.column):
        meta.append("required: true")
    given = column.delivered.strip().lower()
    if given and given != column.name:
        meta.append(f"aliases: [{_text(given)}]")
    if column.decimal == ",":
        meta.append("decimal: ','")
    if (written := roles.date_formats.get(column.name)) is not None:
        meta.append(f"dates: [{', '.join(written)}]")
    own = {code: reason for code, (reason, _) in column.missing.items() if code not in words}
    if own:
        meta.append(f"missing: {{{', '.join(f'{_key(c)}: {r}' for c, r in own.items())}}}")
    codes = draft.codes.get((table.form, column.name), {})
    codes = {c: v for c, v in codes.items() if c not in own and c not in words} or {
        c: v for c, v in column.labels.items() if c not in own and c not in words
    }
    if codes:
        meta.append(f"codes: {{{', '.join(f'{_key(c)}: {_text(v)}' for c, v in codes.items())}}}")
    return meta


def _missing_words(draft: Draft) -> dict[str, str]:
    """Words that mean missing, as they are spelled in the files; a word that is a code somewhere is left out."""
    meant = {v for codes in draft.codes.values() for v in codes}
    meant |= {v for t in draft.tables for c in t.columns for v in c.labels}
    found = {v for t in draft.tables for c in t.columns for v in c.values if v.lower() in REASON_OF}
    return {v: REASON_OF[v.lower()] for v in sorted(found - meant)}


def _text(value: str) -> str:
    """A YAML scalar: JSON's quoting is YAML's."""
    return json.dumps(value, ensure_ascii=False)


def _key(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# --- mapping document ------------------------------------------------------------------------------------------


def _blocks(draft: Draft) -> str:
    rows = [
        dict(zip(BLOCK_HEADER, (b.name, b.entity, b.form, b.filters, b.unpivot, b.duplicates, b.comment), strict=True))
        for b in draft.blocks
    ]
    return _csv(BLOCK_HEADER, rows)


def _rows(draft: Draft) -> str:
    rows = [
        dict(zip(MAPPING_HEADER, (block.name, target, *row, ""), strict=True))
        for block in draft.blocks
        for target, row in block.targets.items()
    ]
    return _csv(MAPPING_HEADER, rows)


def _csv(header: list[str], rows: Iterable[Mapping[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
