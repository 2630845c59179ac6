"""Blocks of scores: one per instrument, and those that wait for an answer."""

from __future__ import annotations

from collections.abc import Sequence

from harmonize.block_sql import slot_present
from harmonize.draft import Block, Draft
from harmonize.draft_rows import label_of
from harmonize.draft_targets import Row, add, const, number
from harmonize.profile_found import Moment, Score
from harmonize.reference import item_rows, seed_rows


def waiting(draft: Draft, form: str, tail: str, day: Row) -> None:
    """Blocks for columns that may hold scores: they are not compiled, and check-study shows what is asked."""
    for name, (instrument, why) in draft.scores[form].waiting.items():
        question = f"{why}: map it with another verb, or remove the block"
        given: dict[str, Row] = {
            "step_id": const("1"),
            "day": day,
            "instrument_id": ("const", instrument, "todo", question) if instrument else ("none", "", "todo", question),
            "rater": const("unknown"),
            "contact": const("clinic", "partial", "not said in the files"),
            "occasion": const("1"),
            "score": ("copy", name, "partial", why),
            "items": ("none", "", "not_collected", "not decided"),
        }
        add(draft, Block(f"waiting_{name}{tail}", "scales", form, given, why))


def or_filled(names: Sequence[str]) -> str:
    """The condition under which one of the columns holds anything."""
    return slot_present(tuple(names))


def slot(moment: Moment) -> str:
    """Label and day of a time, as an unpivot list has them."""
    return f"{label_of(moment)}.{'todo' if moment.day is None else moment.day}"


def scale_block(
    score: Score, form: str, tail: str, day: Row, first: Moment, moments: list[Moment], *, filtered: bool
) -> Block:
    """The block of one instrument: `filtered`, a row is one time; otherwise a slot is."""
    items = first.items if score.with_items else ()
    if items and any(m.total is None for m in moments):
        moments = [Moment(m.label, m.day, None, m.items, m.time) for m in moments]
        first = moments[0]
    slots = not filtered
    status = "partial" if score.partial else "complete"
    total: Row = ("none", "", "not_collected", "no total; the score is computed from the items")
    if first.total is not None:
        totals = [m.total for m in moments if m.total is not None]
        total = number(totals, "{1}" if slots else first.total.name)
    listed: Row = ("none", "", "not_collected", "totals only")
    if items:
        start = 2 if first.total is not None else 1
        names = [f"{{{i}}}" for i in range(start, start + len(items))] if slots else [c.name for c in items]
        unasked = _n_items(score) - len(items)
        listed = ("items", "; ".join([score.instrument, *names, *["-"] * unasked]), "complete", "")
        if score.rows is not None and score.rows.question:
            listed = (*listed[:2], "todo", score.rows.question)
    columns = [
        tuple(c.name for c in ((m.total,) if m.total else ()) + (m.items if score.with_items else ())) for m in moments
    ]
    given = {
        "step_id": const("1"),
        "day": day,
        "instrument_id": const(score.instrument, status, score.why),
        "rater": const(rater(score), "partial", "as usual for the instrument"),
        "contact": const("clinic", "partial", "not said in the files"),
        "occasion": const("1"),
        "score": total,
        "items": listed,
    }
    if score.rows is not None:
        return _joined(score, form, tail, given)
    undecided = slots and first.day is None
    return Block(
        f"{score.instrument.lower()}{'_undecided' if undecided else ''}{tail}",
        "scales",
        form,
        given,
        score.why,
        filters=f"not_rated: {or_filled(columns[0])}" if filtered else "",
        unpivot="; ".join(f"{slot(m)}: {', '.join(c)}" for m, c in zip(moments, columns, strict=True)) if slots else "",
    )


def _joined(score: Score, form: str, tail: str, given: dict[str, Row]) -> Block:
    """The block of items that each have a row: they are joined."""
    rows = score.rows
    assert rows is not None
    filters = f"not_rated: {or_filled((rows.value.name,))}"
    if rows.named_in is not None:
        of_scale = rows.code.replace("'", "''")
        filters += f"; other_scale: {rows.named_in.name} in ('{of_scale}')"
    unpivot = f"{rows.item.name} -> {rows.value.name}: {', '.join(rows.codes)}"
    why = f"one row per item of {rows.item.delivered}"
    return Block(f"{score.instrument.lower()}{tail}", "scales", form, given, why, filters=filters, unpivot=unpivot)


def _n_items(score: Score) -> int:
    """Items the mapping must name; those of a scale of the study's own are as many as there are columns."""
    if score.own is not None:
        return len(score.moments[0].items)
    return len(item_rows(score.instrument))


def rater(score: Score) -> str:
    """Who usually rates the instrument."""
    found = [r["rater"] for r in seed_rows("ref_scales") if r["scale_id"] == score.instrument]
    return found[0] if found and found[0] in ("clinician", "self") else "unknown"
