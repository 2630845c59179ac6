"""Blocks of files with one row per person, the times in the names of columns."""

from __future__ import annotations

from harmonize.draft import Block, Draft
from harmonize.draft_drugs import drugs
from harmonize.draft_rows import label_of
from harmonize.draft_scales import or_filled, scale_block, slot, waiting
from harmonize.draft_targets import Row, add, const
from harmonize.profile_found import Moment


def wide_blocks(draft: Draft, form: str, tail: str) -> None:
    """Visits, drugs and scores of one file."""
    found = draft.scores[form].found
    drugs(draft, form, draft.roles[form], tail, const("0", "partial", "no day is said"))
    waiting(draft, form, tail, const("0", "partial", "no day is said"))
    timed = [m for s in found for m in s.moments if m.time is not None]
    timeless = [m for s in found for m in s.moments if m.time is None]
    for undecided in (False, True):
        some = [m for m in timed if (m.day is None) == undecided]
        if some:
            add(draft, _wide_visits(form, tail, some, undecided))
    if timeless:
        given = _visit_targets(const("0"), const("baseline"))
        names = tuple(c.name for m in timeless for c in m.columns)
        filters = f"nothing_rated: {or_filled(names)}"
        add(draft, Block(f"visits_baseline{tail}", "visits", form, given, "one occasion", filters=filters))
    for score in found:
        if score.moments[0].time is None:
            (moment,) = score.moments
            add(draft, scale_block(score, form, tail, const("0"), moment, [moment], filtered=True))
            continue
        for undecided in (False, True):
            some = [m for m in score.moments if (m.day is None) == undecided]
            if some:
                add(draft, scale_block(score, form, tail, _slot_day(undecided), some[0], some, filtered=False))


def _slot_day(undecided: bool) -> Row:
    return ("const", "{slot.2}", "todo" if undecided else "complete", _WHICH_DAY if undecided else "days of the slots")


_WHICH_DAY = "write the day of each slot for the word todo in unpivot of the blocks document, then complete here"


def _visit_targets(day: Row, label: Row) -> dict[str, Row]:
    return {
        "step_id": const("1"),
        "day": day,
        "week_label": label,
        "contact": const("clinic", "partial", "not said in the files"),
        "status": const("attended"),
    }


def _wide_visits(form: str, tail: str, moments: list[Moment], undecided: bool) -> Block:
    """One slot per day; scores of one day are one visit."""
    by_day: dict[object, list[Moment]] = {}
    for moment in moments:
        by_day.setdefault(label_of(moment) if moment.day is None else moment.day, []).append(moment)
    slots = [
        f"{slot(same[0])}: {', '.join(dict.fromkeys(c.name for m in same for c in m.columns))}"
        for same in by_day.values()
    ]
    given = _visit_targets(_slot_day(undecided), const("{slot.1}"))
    name = f"visits{'_undecided' if undecided else ''}{tail}"
    return Block(name, "visits", form, given, "times at which anything was rated", unpivot="; ".join(slots))
