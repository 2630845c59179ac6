"""Entering a correction, or refusing it, and taking one back."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harmonize.corrections.ledger import Correction, CorrectionError, append, read_corrections
from harmonize.corrections.replay import cell, replay_form
from harmonize.ledger import landing_of, now
from harmonize.paths import Warehouse
from harmonize.sources import Study

Texts = dict[tuple[int, str], str | None]


@dataclass(frozen=True)
class Request:
    """A correction somebody asks for; None or "" as `before` or `after` is an empty cell."""

    form: str
    row: int
    column: str
    before: str | None
    after: str | None
    reason: str
    approver: str


def enter(study: Study, requests: Sequence[Request], warehouse: Warehouse) -> list[Correction]:
    """Enter corrections, all or none; a later one may begin with what an earlier one left.

    Raises CorrectionError where a cell does not hold the text that the request gives as `before`.
    """
    with _only_entry(warehouse):
        entries = read_corrections(warehouse)
        first = max((e.correction_id for e in entries), default=0) + 1
        corrected: dict[str, Texts] = {}
        fresh: list[Correction] = []
        for request in requests:
            if request.form not in corrected:
                corrected[request.form] = _corrected_texts(study, request.form, entries, warehouse)
            entry = _checked(study, request, first + len(fresh), corrected[request.form], warehouse)
            corrected[request.form][entry.row, entry.column] = entry.after
            fresh.append(entry)
        if fresh:
            append(warehouse, fresh)
    return fresh


def withdraw(number: int, warehouse: Warehouse, *, reason: str, approver: str) -> Correction:
    """Take a correction back. Raises CorrectionError where it is not there or a later one begins with it."""
    with _only_entry(warehouse):
        entries = read_corrections(warehouse)
        live = {e.correction_id: e for e in _live(entries)}
        if number not in live:
            known = any(e.correction_id == number for e in entries)
            raise CorrectionError(
                f"correction {number} is taken back already" if known else f"there is no correction {number}",
                remedy="trd corrections lists them",
            )
        mine = live[number]
        for later in live.values():
            same = (later.study, later.form, later.column) == (mine.study, mine.form, mine.column)
            if same and later.correction_id > number and (later.sha256, later.row) == (mine.sha256, mine.row):
                raise CorrectionError(
                    f"correction {later.correction_id} of the same cell came after it",
                    row=mine.row,
                    column=mine.column,
                    remedy=f"Take back {later.correction_id} first",
                )
        gone = replace(
            mine,
            event="withdrawn",
            reason=_filled(reason, "reason", mine.row, mine.column),
            approver=_filled(approver, "approver", mine.row, mine.column),
            entered_at=now(),
            landed={},
        )
        append(warehouse, [gone])
    return gone


def _corrected_texts(study: Study, form: str, entries: Sequence[Correction], warehouse: Warehouse) -> Texts:
    """What the corrected cells of a form hold now, by row and column; nothing for a form that there is not."""
    known = {f.name: f for f in study.forms}
    if form not in known:
        return {}
    mine = [e for e in _live(entries) if (e.study, e.form) == (study.name, form)]
    return {
        (each.row, each.correction.column): each.correction.after
        for each in replay_form(study, known[form], mine, warehouse)
        if each.fate == "applied" and each.row is not None
    }


def _live(entries: Sequence[Correction]) -> list[Correction]:
    gone = {e.correction_id for e in entries if e.event == "withdrawn"}
    return [e for e in entries if e.event == "corrected" and e.correction_id not in gone]


def _checked(study: Study, asked: Request, number: int, corrected: Texts, warehouse: Warehouse) -> Correction:
    """The entry a request becomes; `corrected` is what corrected cells hold now. Raises CorrectionError."""
    try:
        form = study.form(asked.form)
    except KeyError as error:
        raise CorrectionError(str(error.args[0]), remedy="Name one of the study's forms") from None
    landing = landing_of(warehouse.raw / study.name / f"{form.name}.parquet")
    if landing is None:
        raise CorrectionError(f"{study.name}.{form.name} is not landed", remedy=f"trd land {study.name} PATH")
    where = {"file": landing.file, "row": asked.row, "column": asked.column}
    if asked.column not in form.column_names:
        raise CorrectionError(
            f"{study.name}.{form.name} declares no such column",
            **where,  # type: ignore[arg-type]
            remedy=f"It has {', '.join(form.column_names)}",
        )
    landed = cell(warehouse, study.name, form.name, asked.row)
    if landed is None:
        raise CorrectionError(
            f"the file has no such row; it has {landing.rows}",
            **where,  # type: ignore[arg-type]
            remedy="Count as a spreadsheet shows the file, header rows too; trd trace lists a person's rows",
        )
    before, after = asked.before or None, asked.after or None
    held = corrected.get((asked.row, asked.column), landed.get(asked.column))
    if held != before:
        raise CorrectionError(
            f"the cell does not hold {_shown(before)}; nothing is entered",
            **where,  # type: ignore[arg-type]
            value=_shown(held),
            remedy="Look at the row again (trd trace), and give as --before what the cell holds now",
        )
    if before == after:
        raise CorrectionError("before and after are the same", **where, remedy="Nothing is to be corrected")  # type: ignore[arg-type]
    return Correction(
        correction_id=number,
        study=study.name,
        form=form.name,
        row=asked.row,
        column=asked.column,
        before=before,
        after=after,
        reason=_filled(asked.reason, "reason", asked.row, asked.column),
        approver=_filled(asked.approver, "approver", asked.row, asked.column),
        entered_at=now(),
        file=landing.file,
        sha256=landing.sha256,
        landed={name: landed.get(name) for name in form.column_names},
    )


def _filled(text: str, name: str, row: int, column: str) -> str:
    if not text.strip():
        raise CorrectionError(f"the {name} is empty", row=row, column=column, remedy=f"Every entry has its {name}")
    return text.strip()


def _shown(text: str | None) -> str:
    return "(empty)" if text is None else repr(text)


@contextmanager
def _only_entry(warehouse: Warehouse) -> Iterator[None]:
    """One entry at a time."""
    folder = warehouse.corrections.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
