"""Blocks of files with one row per person and time: visits, then one block per instrument."""

from __future__ import annotations

from collections.abc import Callable

from harmonize.draft import Block, Draft
from harmonize.draft_drugs import drugs
from harmonize.draft_scales import or_filled, rater, scale_block, waiting
from harmonize.draft_targets import Row, add, const, number, occasion
from harmonize.profile_found import Score
from harmonize.profile_roles import Roles


def long_blocks(draft: Draft, form: str, roles: Roles, tail: str) -> None:
    """Visits, drugs and scores of one file."""
    clock = roles.clock
    if clock is None and draft.scores[form].one_occasion:
        day: Row = const("0", "partial", "no time is said, and no person has an item twice: one occasion")
    elif clock is None or (clock.verb == "recode" and not clock.codes):
        question = next((q for c, q, _ in roles.questions if not c), "on which day is a row?")
        if clock is not None:
            question = f"which day is which {clock.column.delivered}?"
        day = ("none", "", "todo", question)
    else:
        status = "partial" if clock.undecided else "complete"
        listed = ", ".join(clock.undecided[:8])
        day = (clock.verb, clock.args, status, f"no day for {listed}" if clock.undecided else clock.why)
        if clock.verb == "recode":
            draft.codes[form, clock.column.name] = clock.codes
    label: Row = (
        ("copy", roles.label.name, "complete", "") if roles.label else ("none", "", "not_collected", "no label")
    )
    scores = draft.scores[form].found
    baseline = [s for s in scores if all(c.name in roles.constant for c in s.columns)]
    if scores:
        given = {
            "step_id": const("1"),
            "day": day,
            "week_label": label,
            "contact": const("clinic", "partial", "not said in the files"),
            "status": const("attended"),
        }
        add(draft, Block(f"visits{tail}", "visits", form, given, "every row is a visit that took place"))
    drugs(draft, form, roles, tail, day)
    waiting(draft, form, tail, day)
    _by_name(draft, form, tail, [s for s in scores if s.named_in is not None], day)
    for score in scores:
        if score.named_in is not None:
            continue
        at = const("0", "partial", "the same in every row of a person") if score in baseline else day
        (moment,) = score.moments
        block = scale_block(score, form, tail, at, moment, [moment], filtered=True)
        if score.rows is None:
            block.targets["occasion"] = occasion(roles)
        add(draft, block)


def _by_name(draft: Draft, form: str, tail: str, scores: list[Score], day: Row) -> None:
    """One block for all instruments that a column names."""
    if not scores:
        return
    first = scores[0]
    assert first.named_in is not None
    column, value = first.named_in, first.columns[0]
    status = "partial" if any(s.partial for s in scores) else "complete"

    def coded(of: Callable[[Score], str]) -> str:
        return "; ".join([column.name, *(f"{s.code}={of(s)}" for s in scores)])

    given: dict[str, Row] = {
        "step_id": const("1"),
        "day": day,
        "instrument_id": ("recode", coded(lambda s: s.instrument), status, f"named in {column.delivered}"),
        "rater": ("recode", coded(rater), "partial", "as usual for the instrument"),
        "contact": const("clinic", "partial", "not said in the files"),
        "occasion": occasion(draft.roles[form]),
        "score": number([c for s in scores for c in s.columns], value.name),
        "items": ("none", "", "not_collected", "totals only"),
    }
    filters = f"not_rated: {or_filled((value.name,))}"
    add(draft, Block(f"scores{tail}", "scales", form, given, f"instruments by {column.delivered}", filters=filters))
