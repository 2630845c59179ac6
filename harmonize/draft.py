"""The draft of a study: blocks, mapping rows and study rows made from what its files were found to hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from harmonize.mapping import MERGED_ENTITIES
from harmonize.profile import REASON_OF, Profile, Table, read_table, refuse_empty, same_content
from harmonize.profile_codes import find_codes
from harmonize.profile_names import plain, read_time
from harmonize.profile_roles import Answers, Clock, Roles, find_roles
from harmonize.profile_scores import Moment, Score, Scores, find_scores
from harmonize.reference import seed_rows
from harmonize.sources import ROW_KEY
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
    described: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def note(self, form: str, text: str) -> None:
        """Say how something was read."""
        self.notes.append(Note(form, text))

    def ask(self, form: str, text: str, remedy: str) -> None:
        """Say what could not be decided."""
        self.notes.append(Note(form, text, True, remedy))


def make_draft(study: str, files: Sequence[Path], answers: Answers, title: str | None = None) -> Draft:
    """Read the files and draft the study. Raises LandingError for a file that cannot be read."""
    from harmonize.draft_dictionary import apply_dictionaries

    tables: list[Table] = []
    for file in files:
        table = read_table(file, [t.form for t in tables])
        refuse_empty(table)
        tables.append(table)
    tables, dictionaries = apply_dictionaries(tables)
    draft = Draft(study, title or study, tables, {}, {}, [])
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
    _subject_key(draft, mapped)
    from harmonize.draft_blocks import add_blocks

    add_blocks(draft, mapped)
    _study_rows(draft)
    _tell(draft, mapped)
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


def _subject_key(draft: Draft, mapped: list[str]) -> None:
    keys = [r.identity.name for f, r in draft.roles.items() if r.identity is not None and f in mapped]
    draft.subject_key = list(dict.fromkeys(keys))
    for form in mapped:
        roles = draft.roles[form]
        if roles.identity is not None:
            draft.note(form, f"person: {roles.identity.delivered} ({roles.identity_why}); otherwise --id COLUMN")
        elif len(mapped) == 1:
            draft.subject_key = [ROW_KEY]
            draft.note(
                form, "no column names a person: every row is one, known by its row number; otherwise --id COLUMN"
            )
        else:
            draft.ask(
                form,
                "no column names a person, so the file cannot be joined with the others",
                "Run again with --id COLUMN",
            )
    _check_overlap(draft, mapped)


def _check_overlap(draft: Draft, mapped: list[str]) -> None:
    keyed = [(f, set(i.values)) for f in mapped if (i := draft.roles[f].identity) is not None]
    for (one, mine), (other, theirs) in pairwise(keyed):
        if not mine & theirs:
            draft.ask(
                other,
                f"no person of {other} is in {one}: the two write ids in different ways, or hold different people",
                "Make the ids alike in the files, or name another column with --id",
            )


def _study_rows(draft: Draft) -> None:
    files = ", ".join(t.file.name for t in draft.tables)
    source = f"drafted by trd new-study from {files}"
    proof = {"source": source, "verified": "draft"}
    draft.rows["study"] = [{"title": draft.title, "setting": "", "design": "", **proof}]
    days = _days(draft)
    last = max([365, *(d + 90 for d in days)])
    draft.rows["steps"] = [
        {
            "step_id": "1",
            "step_no": "1",
            "label": "Whole study",
            "day_min": str(min([FIRST_DAY, *days])),
            "day_max": str(last),
            "baseline_from": "-14",
            "baseline_to": "7",
            "is_treatment": "true",
            "default_arm": "",
            "default_strategy": "initial",
            "default_randomised": "",
            **proof,
        }
    ]
    if days and (min(days) < FIRST_DAY or max(days) > LAST_DAY):
        draft.ask(
            "",
            f"days run from {min(days)} to {max(days)}; rows outside {FIRST_DAY} to {LAST_DAY} will be refused",
            "Correct the days",
        )
    schedule = _schedule(draft)
    if schedule:
        draft.rows["schedule"] = [
            {
                "step_id": "1",
                "week_label": label,
                "planned_step_day": str(day),
                "day_from": "",
                "day_to": "",
                "contact": "clinic",
                "is_optional": "false",
                **proof,
            }
            for label, day in schedule.items()
        ]
    for table in draft.tables:
        arm = draft.roles[table.form].arm
        if arm is not None and "arms" not in draft.rows:
            draft.rows["arms"] = [
                {
                    "step_id": "1",
                    "arm_assigned": value,
                    "arm_label": arm.labels.get(value, value),
                    "strategy": "initial",
                    "randomised": "",
                    "treatments": _treatments(arm.labels.get(value, value)),
                    **proof,
                }
                for value in sorted(arm.values)
                if value not in arm.missing and value.lower() not in REASON_OF
            ]
    scales = [s for found in draft.scores.values() for s in found.found if s.own is not None]
    if scales:
        draft.rows["scales"] = [dict(s.own) for s in scales if s.own is not None]
    items = [row for s in scales for row in _item_rows(s, proof)]
    if items:
        draft.rows["scale_items"] = items


def _item_rows(score: Score, proof: dict[str, str]) -> Iterable[dict[str, str]]:
    if score.own_items is None:
        return
    low, high = score.own_items
    for n, column in enumerate(score.moments[0].items, start=1):
        yield {
            "scale_id": score.instrument,
            "item_no": str(n),
            "item_id": f"{score.instrument.lower()}_{n:02d}",
            "item_name": column.description or column.delivered,
            "score_min": f"{low:g}",
            "score_max": f"{high:g}",
            "scored_in_total": "1",
            **proof,
        }


def _treatments(label: str) -> str:
    """Treatments that an arm's name spells out, as reference.treatments calls them."""
    known = {r["synonym"]: r["treatment_id"] for r in seed_rows("drug_synonyms")}
    words = re.split(r"\s*(?:\+|/|&| and | und )\s*", label.strip().lower())
    found = [known[w] for w in words if w in known]
    return ";".join(found) if len(found) == len(words) else ""


def moments_of(scores: Scores) -> list[Moment]:
    """Every time of a wide file, in order of days; the undecided last."""
    return [m for s in scores.found for m in s.moments]


def _days(draft: Draft) -> list[int]:
    days: list[int] = []
    for table in draft.tables:
        roles, scores = draft.roles[table.form], draft.scores[table.form]
        days += [m.day for m in moments_of(scores) if m.day is not None]
        if roles.clock is not None:
            days += [round(d) for d in clock_days(roles)]
    return days


def clock_days(roles: Roles) -> list[float]:
    """The days of a long file's rows, as the draft reads them."""
    clock = roles.clock
    if clock is None:
        return []
    if clock.verb == "recode":
        return [float(d) for d in clock.codes.values()]
    if clock.verb == "days_between":
        return []
    return [x * factor_of(clock) for x in clock.column.known.values()]


def factor_of(clock: Clock) -> float:
    """Days of one unit of the clock's column."""
    if clock.verb != "linear":
        return 1.0
    numerator, _, denominator = clock.args.split(";")[1].strip().partition("/")
    return float(numerator) / float(denominator or 1)


def _schedule(draft: Draft) -> dict[str, int]:
    """Labels with their planned days; empty where the days are irregular."""
    planned: dict[str, int] = {}
    for table in draft.tables:
        roles, scores = draft.roles[table.form], draft.scores[table.form]
        if not roles.repeated:
            for m in moments_of(scores):
                if m.time is not None and m.day is not None and m.day not in planned.values():
                    planned.setdefault(label_of(m), m.day)
        elif roles.clock is not None and roles.clock.verb == "recode":
            for label, day in roles.clock.codes.items():
                if int(day) not in planned.values():
                    planned.setdefault(label, int(day))
        elif (
            roles.clock is not None
            and roles.clock.verb != "days_between"
            and roles.label is not None
            and len(roles.label.values) <= 40
        ):
            rows = roles.label.text.to_frame("label").assign(day=roles.clock.column.numbers())
            medians = rows[rows["label"] != ""].groupby("label")["day"].median().dropna()
            for week, number in medians.items():
                day_planned = round(number * factor_of(roles.clock))
                if day_planned not in planned.values():
                    planned.setdefault(str(week), day_planned)
    return dict(sorted(planned.items(), key=lambda pair: pair[1]))


def label_of(moment: Moment) -> str:
    """A time's label as the mapping document can hold it."""
    return re.sub(r"[.:,;{}\s]+", "_", moment.label).strip("_") or "baseline"


def _tell(draft: Draft, mapped: list[str]) -> None:
    for form in mapped:
        roles, scores = draft.roles[form], draft.scores[form]
        if roles.clock is not None:
            clock = roles.clock
            draft.note(form, f"day: {clock.column.delivered} ({clock.why}); otherwise --day or --visit COLUMN")
            if clock.undecided:
                listed = ", ".join(clock.undecided[:8])
                draft.ask(
                    form,
                    f"on which day is {clock.column.delivered} {listed}?",
                    "Run again with --time LABEL=DAY for each, or add them to codes in the sources YAML",
                )
            _tell_repeats(draft, form, roles)
        draft.notes += [Note(form, text) for text in (*roles.notes, *scores.notes)]
        for column, question, remedy in (*roles.questions, *scores.questions):
            draft.ask(form, f"{column}: {question}" if column else question, remedy)
    words = Counter(v for t in draft.tables for c in t.columns for v in c.values.elements() if v.lower() in REASON_OF)
    if words:
        listed = ", ".join(f"{v!r} ({n})" for v, n in words.most_common())
        draft.note("", f"words read as missing in every column: {listed}")
    for table in draft.tables:
        for found in table.columns:
            for text, (reason, evidence) in found.missing.items():
                draft.note(table.form, f"{found.delivered}: {evidence}: code {text} means missing ({reason})")
            if found.kind == "number" and found.odd:
                listed = ", ".join(repr(v) for v, _ in found.odd.most_common(4))
                draft.note(
                    table.form,
                    f"{found.delivered}: {found.odd.total()} texts in a column of numbers ({listed}): cell issues,"
                    " unless listed under missing in the sources YAML",
                )


def _tell_repeats(draft: Draft, form: str, roles: Roles) -> None:
    if roles.identity is None or roles.clock is None:
        return
    days = roles.clock.column.text
    if roles.clock.verb == "linear":
        days = (roles.clock.column.numbers() * factor_of(roles.clock)).round().astype(str)
    keys = roles.identity.text + "\x1f" + days
    n = int(keys.duplicated(keep=False).sum())
    if n:
        draft.note(
            form,
            f"{n} rows share person and {roles.clock.column.delivered} with another row: equal scores are merged, of"
            " different ones all are refused (key:conflict)",
        )


def free_columns(draft: Draft, form: str, used: Iterable[str]) -> list[Profile]:
    """Columns of a form that nothing reads yet."""
    (table,) = [t for t in draft.tables if t.form == form]
    taken = {*used, *draft.roles[form].taken(), *draft.scores[form].taken()}
    return [c for c in table.columns if c.name not in taken and c.kind != "empty"]


def targets_of(entity: str, given: dict[str, tuple[str, str, str, str]]) -> dict[str, tuple[str, str, str, str]]:
    """A row for every target column of a table, in its order; what is not given was not found."""
    wanted = [t for t in ENTITIES[entity].mapped_columns if t != "subject_id"]
    return {t: given.get(t, ("none", "", "not_collected", NOT_FOUND)) for t in wanted}


def is_baseline(label: str) -> bool:
    """The label is one of the start."""
    return read_time(label).day == 0
