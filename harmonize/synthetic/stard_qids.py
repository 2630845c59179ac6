"""QIDS16 at clinic visits and by the automated telephone: qids01."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.synthetic.draws import Ints
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.stard_chunk import LEVEL_TWO_WAYS, WEEK_LABELS, Chunk
from harmonize.synthetic.stard_items import UNKNOWN, asked_sides, item
from harmonize.synthetic.stard_population import FU, L2A
from harmonize.synthetic.text_columns import Column, rounded, words

_BY_PHONE = 1 << 50
"""Keeps the keys of calls apart from those of visits."""
QIDS_ITEMS = tuple(
    "vsoin vmnin vemin vhysm vmdsd vapdc vapin vwtdc vwtin vcntr vvwsf vsuic vintr vengy vslow vagit".split()
)


@dataclass(frozen=True)
class PhoneTotals:
    """QIDS totals given to the automated telephone."""

    person: Ints
    level: Ints
    visit: Ints
    day: Ints
    total: Ints
    key: Ints


@dataclass(frozen=True)
class QidsVisit:
    """What was rated at each clinic visit: rows of visits × (clinician, self)."""

    items: NDArray[np.int8]
    total: Ints
    recorded: Ints
    """Total as written; −1 is blank."""


def rate_qids(chunk: Chunk) -> QidsVisit:
    """Both ratings of every clinic visit; a copied visit repeats its source."""
    v, draws, p = chunk.visits, chunk.draws, chunk.p
    held = np.flatnonzero(~v.copied)
    key = (v.key[held, None] * 2 + np.arange(2)).ravel()
    items = np.empty((len(key), len(QIDS_ITEMS)), dtype=np.int8)
    total = np.empty(len(key), dtype=np.int64)
    for rater, instrument in enumerate(("QIDS_C16", "QIDS_SR16")):
        rated = administer(instrument, v.severity[held], v.key[held], draws, world=chunk.world)
        items[rater::2], total[rater::2] = rated, totals(instrument, rated)
    for less, name in ((5, "appetite"), (7, "weight")):
        items[:, less : less + 2] = asked_sides(items[:, less : less + 2], draws, f"qids {name}", key, p)

    unknown = draws.chance("qids unknown item", key, p.qids_unknown_item)
    singles = np.array([QIDS_ITEMS.index(name) for name in ("vmdsd", "vcntr", "vvwsf", "vsuic", "vintr", "vengy")])
    which = singles[draws.below("qids which item", key, len(singles))]
    items[unknown, which[unknown]] = UNKNOWN

    entry = np.repeat((v.visit == 0)[held], 2)
    recorded = total.copy()
    off = draws.chance("qids off by one", key, p.qids_off_by_one)
    recorded[off] += np.where(total[off] < 27, 1, -1)
    recorded[entry & draws.chance("qids no entry total", key, p.qids_blank_entry_total)] = -1

    # A copied visit shows what its source shows.
    place = np.zeros(len(v.person), dtype=np.int64)
    place[held] = np.arange(len(held))
    rows = (place[v.source][:, None] * 2 + np.arange(2)).ravel()
    return QidsVisit(items=items[rows], total=total[rows], recorded=recorded[rows])


def phone_totals(chunk: Chunk) -> PhoneTotals:
    """Calls beside clinic visits of treatment levels, and monthly calls in follow-up."""
    c, v, draws, p = chunk.course, chunk.visits, chunk.draws, chunk.p
    beside = np.flatnonzero(~v.copied & (v.level != FU) & draws.chance("phone beside visit", v.key, p.qids_ivr_call))
    day_before = (v.visit[beside] > 0) & ~draws.chance("phone same day", v.key[beside], p.qids_ivr_same_day)
    months = np.arange(1, 13)
    monthly_key = chunk.number[:, None] * 64 + 48 + months
    answered = c.entered[:, FU, None] & (months <= c.follow_up_months[:, None])
    answered &= draws.chance("phone monthly", monthly_key, p.follow_up_answered)
    person, month = np.nonzero(answered)
    monthly_key = monthly_key[person, month]
    start, last = c.exit_severity[:, FU], c.entry_severity[:, FU]
    gone = months[month] / 12
    latent = np.concatenate([v.severity[beside], last[person] * (1 - gone) + start[person] * gone])
    jitter = draws.below("phone jitter", monthly_key, 7) - 3
    key = np.concatenate([v.key[beside], monthly_key])
    return PhoneTotals(
        person=np.concatenate([v.person[beside], person]),
        level=np.concatenate([v.level[beside], np.full(len(person), FU)]),
        visit=np.concatenate([v.visit[beside], np.full(len(person), -1)]),
        day=np.concatenate([v.day[beside] - day_before, c.start[person, FU] + 30 * months[month] + jitter]),
        total=totals("QIDS_SR16", administer("QIDS_SR16", latent, key + _BY_PHONE, draws, world=chunk.world)),
        key=key,
    )


def qids01(chunk: Chunk, first_id: int) -> pa.Table:
    """QIDS-C and QIDS-SR of each clinic visit, and the totals of the automated telephone."""
    v, q, phone, draws, p = chunk.visits, chunk.once(rate_qids), chunk.once(phone_totals), chunk.draws, chunk.p
    clinic, calls = 2 * len(v.person), len(phone.person)
    person = np.concatenate([np.repeat(v.person, 2), phone.person])
    level = np.concatenate([np.repeat(v.level, 2), phone.level])
    day = np.concatenate([np.repeat(v.day, 2), phone.day])
    kind = np.concatenate([np.tile([0, 1], len(v.person)), np.full(calls, 2)])
    order = np.argsort(((person * 8 + level) * 2048 + day + 64) * 4 + kind, kind="stable")

    def rows(of_clinic: Ints, of_calls: int | Ints = -1) -> Ints:
        """A column's codes in file order."""
        calls_part = np.full(calls, of_calls) if np.ndim(of_calls) == 0 else of_calls
        return np.concatenate([of_clinic, calls_part])[order]

    form_key = (v.key[:, None] * 2 + np.arange(2)).ravel()
    week = np.repeat(chunk.week_label, 2)
    # Only ccv01 calls the first visit week 0.1.
    week = np.where(week == 0, WEEK_LABELS.index("0"), week)
    week[draws.chance("qids blank week", form_key, p.qids_blank_week)] = -1
    # Of one of the two forms only, and not at a level's boundary.
    anonymous = ~v.boundary & draws.chance("qids blank version", v.key, 2 * p.qids_blank_version)
    which = draws.below("qids which version", v.key, 2)
    version = np.tile([0, 1], len(v.person))
    version[(2 * np.arange(len(v.person)) + which)[anonymous]] = -1
    # The spelling of level 2A changes from visit to visit.
    two_ways = np.where((v.level == L2A) & draws.chance("qids level spelling", v.key, 0.5), 6, v.level)
    calls_two_ways = np.where((phone.level == L2A) & draws.chance("phone spelling", phone.key, 0.5), 6, phone.level)

    entry = np.searchsorted(v.person, np.arange(len(chunk.number)))[v.person]
    by_clinician = q.total[::2]
    baseline = by_clinician[entry]
    improved = rounded(100 * (baseline - by_clinician) / np.maximum(baseline, 1), -300, 100)
    improvement = np.full(clinic, -1, dtype=np.int64)
    improvement[::2] = np.where((np.arange(len(v.person)) == entry) | (baseline == 0), -1, improved + 300)
    columns: dict[str, Column] = {name: item(rows(q.items[:, i]), 3, "999") for i, name in enumerate(QIDS_ITEMS)}
    columns["qstot"] = words(rows(q.recorded), tuple(map(str, range(28))))
    columns["qvtot"] = words(rows(np.full(clinic, -1), phone.total), tuple(map(str, range(28))))
    columns["version_form"] = words(rows(version), ("Clinician", "Self Rating"))
    columns["level"] = words(rows(np.repeat(two_ways, 2), calls_two_ways), LEVEL_TWO_WAYS)
    columns["week"] = words(rows(week), WEEK_LABELS)
    columns["qcimp_r"] = words(rows(improvement), tuple(map(str, range(-300, 101))))
    return chunk.table("qids01", person[order], day[order], columns, first_id)
