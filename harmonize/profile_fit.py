"""Whether the values fit the instrument that a name says; else the scale that the study declares itself."""

from __future__ import annotations

import math
import re

from harmonize.profile import Profile
from harmonize.profile_codes import find_codes
from harmonize.profile_found import Score, Scores, ranges_of_items, shown
from harmonize.profile_names import READINGS, WORSE_IS_LOWER, plain
from harmonize.reference import instrument_range


def fit(score: Score, study: str, scores: Scores) -> None:
    """Hold values against the instrument's range; declare a scale of the study where there is none that fits."""
    totals = [m.total for m in score.moments if m.total is not None]
    items = [c for m in score.moments for c in m.items]
    valid = instrument_range(score.instrument) if score.instrument else None
    for column in totals:
        scores.notes += [f"{column.delivered}: {doubt}" for doubt in find_codes(column, valid)]
    for column in (*totals, *items):
        for code in [c for c in column.missing if c in column.by_value and column in totals]:
            if valid is not None and valid[0] <= column.by_value[code] <= valid[1]:
                column.missing.pop(code)
                scores.notes.append(
                    f"{column.delivered}: the file declares {code} as missing, but it can be a score: taken as a value"
                )
    if score.instrument and not valid:
        scores.questions.append(
            (
                totals[0].name if totals else "",
                f"the instrument {score.instrument} is not known",
                "Correct --instrument",
            )
        )
    if valid:
        values = [(x, c.values[v]) for c in totals for v, x in c.known.items()]
        outside = sum(n for x, n in values if not valid[0] <= x <= valid[1])
        seen = sum(n for _, n in values)
        if outside and (outside > max(3, 0.05 * seen) or min(x for x, _ in values) < 0 <= valid[0]):
            scores.notes.append(
                f"{shown(score)}: {outside} of {seen} values lie outside {score.instrument} ({valid[0]:g} to"
                f" {valid[1]:g}): declared as a scale of the study"
            )
            score.instrument = ""
        elif outside:
            scores.notes.append(
                f"{shown(score)}: {outside} of {seen} values lie outside {score.instrument} ({valid[0]:g} to"
                f" {valid[1]:g}): the gate will refuse them"
            )
        if score.instrument in READINGS:
            score.partial = True
            scores.notes.append(
                f"{shown(score)}: taken as {score.instrument} ({READINGS[score.instrument]});"
                f" otherwise --instrument {score.stem}=ID"
            )
    for moment in score.moments if score.instrument else ():
        for column, of_item in zip(
            moment.items, ranges_of_items(score.instrument, len(moment.items)) or (), strict=False
        ):
            find_codes(column, of_item)
    if score.instrument and items:
        _fit_items(score, items, scores)
    if not score.instrument:
        _declare(score, study, totals, items, scores)


def _fit_items(score: Score, items: list[Profile], scores: Scores) -> None:
    n = len(score.moments[0].items)
    ranges = ranges_of_items(score.instrument, n)
    has_total = all(m.total is not None for m in score.moments)
    why = ""
    if ranges is None:
        why = f"reference.scale_items does not list {n} items of {score.instrument}"
    else:
        low = min(c.low for c in items)
        high = max(c.high for c in items)
        if high > max(r[1] for r in ranges) or low < min(r[0] for r in ranges):
            allowed = f"{min(r[0] for r in ranges):g} to {max(r[1] for r in ranges):g}"
            why = f"the items run from {low:g} to {high:g}, those of {score.instrument} from {allowed}"
    if not why:
        return
    if has_total:
        score.with_items = False
        score.partial = True
        scores.notes.append(f"{score.stem}: {why}: only the total is mapped")
    else:
        scores.notes.append(f"{score.stem}: {why}, and there is no total: declared as a scale of the study")
        score.instrument = ""


def _declare(score: Score, study: str, totals: list[Profile], items: list[Profile], scores: Scores) -> None:
    """A row for the study's own scales, with the range of the data."""
    base = plain(score.stem) or "score"
    score.instrument = f"{base}_{study}".upper()
    score.partial = True
    known = [x for c in totals for x in c.known.values()]
    spread = (math.floor(min(known)), math.ceil(max(known))) if known else None
    n = max(len(score.moments[0].items), 1)
    row = {"scale_id": score.instrument, "scale_name": f"{score.stem} of {study}", "n_items": str(n)}
    if items:
        low, high = min(c.low for c in items), max(c.high for c in items)
        score.own_items = (low, high)
        row |= {"item_score_min": f"{low:g}", "item_score_max": f"{high:g}"}
        by_items = (math.floor(n * low), math.ceil(n * high))
        spread = by_items if spread is None else (min(spread[0], by_items[0]), max(spread[1], by_items[1]))
    assert spread is not None
    for column in totals:
        find_codes(column, spread)  # what is a code in one column can be a score in another: then it is a score in both
    for column in items:
        find_codes(column, score.own_items)
    better = re.search(WORSE_IS_LOWER, plain(score.stem)) is not None
    row |= {
        "total_min": f"{spread[0]:g}",
        "total_max": f"{spread[1]:g}",
        "higher_is_worse": "0" if better else "1",
        "note": "range of the data, not of the form; say whether a higher value is worse",
        "source": ", ".join(c.delivered for c in (totals or items)[:3]) + (" …" if len(totals or items) > 3 else ""),
        "verified": "draft",
    }
    score.own = row
    scores.notes.append(
        f"{shown(score)}: no known instrument; declared as {score.instrument}, {spread[0]:g} to {spread[1]:g} as in"
        f" the data, {'a higher value is better' if better else 'a higher value is worse'};"
        f" otherwise --instrument {score.stem}=ID, or correct scales.csv"
    )
