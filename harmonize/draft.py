"""The draft of a study: blocks, mapping rows and study rows made from what its files were found to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harmonize.mapping import MERGED_ENTITIES
from harmonize.profile import Profile, Table, read_tables, refuse_empty, same_content
from harmonize.profile_codes import find_codes
from harmonize.profile_found import Scores
from harmonize.profile_identity import set_summaries_apart
from harmonize.profile_names import plain
from harmonize.profile_roles import Answers, Roles, find_roles
from harmonize.profile_scores import find_scores
from harmonize.profile_times import read_time
from schemas import ENTITIES

NOT_FOUND = "no such column was found in the files"
FIRST_DAY, LAST_DAY = -60, 3650
"""What cdm takes as a day."""


@dataclass(frozen=True)
class Note:
    """Something a person should know: how a thing was read, or (`todo`) what could not be decided."""

    form: str
    text: str
    todo: bool = False
    remedy: str = ""


@dataclass
class Block:
    """One row of the blocks document with its mapping rows: target → verb, arguments, status, comment."""

    name: str
    entity: str
    form: str
    targets: dict[str, tuple[str, str, str, str]]
    comment: str
    filters: str = ""
    unpivot: str = ""

    @property
    def n_unpivot(self) -> int:
        """How many slots or items `unpivot` names."""
        return len([p for p in self.unpivot.split("," if "->" in self.unpivot else ";") if p.strip()])

    @property
    def duplicates(self) -> str:
        """The usual policy of the table."""
        return "merge" if self.entity in MERGED_ENTITIES else "identical"


@dataclass
class Draft:
    """Everything `trd new-study` writes, before it is text. `rows` are the study's rows of shared tables by file."""

    study: str
    title: str
    tables: list[Table]
    roles: dict[str, Roles]
    scores: dict[str, Scores]
    subject_key: list[str]
    blocks: list[Block] = field(default_factory=list)
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    codes: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    ignored: frozenset[str] = frozenset()
    key_form: list[str] = field(default_factory=list)
    start: str = ""
    """The person's start as the verb days_between takes it in any form: first(form.column); '' where none was found."""

    def note(self, form: str, text: str) -> None:
        """Say how something was read."""
        self.notes.append(Note(form, text))

    def ask(self, form: str, text: str, remedy: str) -> None:
        """Say what could not be decided."""
        self.notes.append(Note(form, text, True, remedy))


def make_draft(study: str, files: Sequence[Path], answers: Answers, title: str | None = None) -> Draft:
    """Read the files and draft the study. Raises LandingError for a file that cannot be read."""
    from harmonize.draft_blocks import add_blocks
    from harmonize.draft_dictionary import apply_dictionaries
    from harmonize.draft_keys import find_keys
    from harmonize.draft_notes import tell
    from harmonize.draft_rows import add_rows
    from harmonize.draft_start import find_start

    tables: list[Table] = []
    for file in files:
        for table in read_tables(file, [t.form for t in tables]):
            refuse_empty(table)
            set_summaries_apart(table, answers.identity)
            tables.append(table)
    tables, dictionaries = apply_dictionaries(tables)
    draft = Draft(study, title or study, tables, {}, {}, [], ignored=frozenset(plain(n) for n in answers.ignore))
    for name in dictionaries:
        draft.note("", f"{name}: a dictionary; its descriptions and codes are taken over, it is not landed")
    mapped = _editions(draft)
    for table in tables:
        draft.notes += [Note(table.form, note) for note in table.notes]
        for column in table.columns:
            find_codes(column)
        draft.roles[table.form] = find_roles(table, answers)
        draft.scores[table.form] = (
            find_scores(table, draft.roles[table.form], answers, study) if table.form in mapped else Scores()
        )
    find_keys(draft, mapped)
    find_start(draft, mapped)
    add_blocks(draft, mapped)
    add_rows(draft)
    tell(draft, mapped)
    return draft


def _editions(draft: Draft) -> list[str]:
    """Forms to map: of files with the same cells only the first."""
    mapped: list[Table] = []
    for table in draft.tables:
        twin = next((t for t in mapped if same_content(t, table)), None)
        if twin is None:
            mapped.append(table)
            continue
        differ = [
            f"{a.delivered} / {b.delivered}"
            for a, b in zip(twin.columns, table.columns, strict=True)
            if plain(a.delivered) != plain(b.delivered)
        ]
        named = f", under other names ({', '.join(differ[:6])})" if differ else ""
        draft.note(
            table.form,
            f"the same cells as {twin.file.name}{named}: landed and not mapped; to map this one, name it first",
        )
    return [t.form for t in mapped]


def free_columns(draft: Draft, form: str) -> list[Profile]:
    """Columns of a form that nothing reads yet."""
    (table,) = [t for t in draft.tables if t.form == form]
    taken = {*draft.roles[form].taken(), *draft.scores[form].taken()}
    taken |= {c.name for c in table.columns if plain(c.delivered) in draft.ignored}
    return [c for c in table.columns if c.name not in taken and c.kind != "empty"]


def targets_of(entity: str, given: dict[str, tuple[str, str, str, str]]) -> dict[str, tuple[str, str, str, str]]:
    """A row for every target column of a table, in its order; what is not given was not found."""
    wanted = [t for t in ENTITIES[entity].mapped_columns if t != "subject_id"]
    return {t: given.get(t, ("none", "", "not_collected", NOT_FOUND)) for t in wanted}


def is_baseline(label: str) -> bool:
    """The label is one of the start."""
    return read_time(label).day == 0
