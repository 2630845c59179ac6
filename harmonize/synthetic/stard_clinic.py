"""Clinic visits, calls to the automated telephone and level exits: ccv01, ivra01, le01."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from harmonize.synthetic.draws import Ints
from harmonize.synthetic.stard_chunk import LEVEL_DASH, LEVEL_TWO_WAYS, WEEK_LABELS, Chunk
from harmonize.synthetic.stard_doses import doses
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
    DRUGS,
    FU,
    INTOLERANCE,
    L1,
    L2,
    L2A,
    L3,
    L4,
    LOST,
    NO_RETURN,
    WEEKS,
    WELL,
)
from harmonize.synthetic.stard_qids import phone_totals, rate_qids
from harmonize.synthetic.stard_visits import Visits
from harmonize.synthetic.text_columns import Column, numbers, words

_DOSES = (0, *sorted({10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 100, 150, 200, 225, 300, 375, 400, 450, 900, 999}))
_SPELLINGS: tuple[Callable[[str], str], ...] = (str.capitalize, str.upper, str.lower)


def ccv01(chunk: Chunk, first_id: int) -> pa.Table:
    """Drugs, doses and the decision at each clinic visit; a level opens on the day the one before ends."""
    c, v, draws, p = chunk.course, chunk.visits, chunk.draws, chunk.p
    drug, dose = doses(c, chunk.seed)
    ends = (v.visit == c.exit_visit[v.person, v.level]) & (v.level != FU)
    kind = np.where(ends, c.exit[v.person, v.level], -1)
    columns: dict[str, Column] = {"clinicid": numbers(c.persons.clinic[v.person], 1, 99)}
    names = tuple(spell(name) for spell in _SPELLINGS for name in DRUGS)
    # Not at a boundary, where the two rows of one day must agree on a drug that is kept.
    u = np.where(v.boundary, 1.0, draws.uniform("dose code", v.key))
    limits = np.cumsum([p.ccv_zero_dose, p.ccv_unknown_dose, p.ccv_no_dose])
    for place in (0, 1):
        which = drug[v.person, v.level, place].astype(np.int64)
        taken = dose[v.person, v.level, v.visit, place].astype(np.int64)
        columns[f"stsd{place + 1}"] = words(np.where(which < 0, -1, np.searchsorted(_DOSES, taken)), _dose_texts())
        if place == 0:
            taken = np.where(u < limits[0], 0, np.where(u < limits[1], 999, taken))
        codes = np.searchsorted(_DOSES, taken)
        no_dose = (which < 0) | ((place == 0) & (limits[1] <= u) & (u < limits[2]))
        spelling = draws.choice(f"spelling {place}", v.key, (0.6, 0.2, 0.2))
        columns[f"medication{place + 1}_name"] = words(np.where(which < 0, -1, spelling * len(DRUGS) + which), names)
        columns[f"medication{place + 1}_dosage"] = words(np.where(no_dose, -1, codes), _dose_texts())
    now = dose[v.person, v.level, v.visit, 0]
    later = dose[v.person, v.level, np.minimum(v.visit + 1, len(WEEKS) - 1), 0]
    by_clinician, by_self = chunk.once(rate_qids).total[::2], chunk.once(rate_qids).total[1::2]
    # What was found at the visit is the same in both rows of a boundary.
    found = v.key[v.source]
    code = draws.chance("total code", found, p.ccv_code_for_total)
    by_self = np.where(code, 28 + draws.below("which total code", found, 3), by_self)
    flags = {
        "suicd": draws.chance("suicd", found, 0.03),
        "remsn": (by_clinician <= 5) & draws.chance("remsn", found, 0.9),
        "raise": (later > now) & (kind < 0) & (v.level != FU),
        "effct": (kind == INTOLERANCE) | draws.chance("effct", v.key, 0.06),
        "cncn": draws.chance("cncn", found, 0.02),
        "prtcl": draws.chance("prtcl", v.key, 0.05),
        "stmed": draws.chance("stmed", v.key, 0.8),
    }
    columns |= {name: words(flag.astype(np.int8), ("0", "1")) for name, flag in flags.items()}
    columns["trtmt"] = words(_decision(c, v, kind), tuple("1234"))
    columns["qccur_r"] = words(by_clinician, tuple(map(str, range(28))))
    columns["qscur_r"] = words(by_self, (*map(str, range(28)), "-3", "-4", "-5"))
    columns["level"] = words(v.level, LEVEL_DASH)
    columns["week"] = words(chunk.week_label, WEEK_LABELS)
    return chunk.table("ccv01", v.person, v.day, columns, first_id)


def _dose_texts() -> tuple[str, ...]:
    return tuple(map(str, _DOSES))


def _decision(c: Course, v: Visits, kind: Ints) -> Ints:
    """Position in (continue, next level, follow-up, exit study); nobody knows of those who will be lost."""
    to_follow_up = c.entered[v.person, FU] & (c.start[v.person, FU] == v.day)
    going = np.where(v.level == L4, 3, 1)
    decision = np.where(kind == WELL, np.where(to_follow_up, 2, 3), going)
    return np.where((kind < 0) | (kind == LOST) | (kind == NO_RETURN), 0, decision)


def ivra01(chunk: Chunk, first_id: int) -> pa.Table:
    """The arm at entry to each level, the move to follow-up, and calls without an assignment."""
    c, draws, phone = chunk.course, chunk.draws, chunk.once(phone_totals)
    person, level = np.nonzero(c.entered)
    other = np.flatnonzero((phone.visit > 0) & draws.chance("ivra call", phone.key, chunk.p.ivra_call))
    arm = np.where(level == FU, ARM_NAMES.index("FU"), np.where(level == L1, -1, c.arm[person, level]))
    asked = level == L2
    accepts = np.where(asked[:, None], np.where(c.accepts[person], 0, 1), -1)

    person = np.concatenate([person, phone.person[other]])
    day = np.concatenate([c.start[np.nonzero(c.entered)], phone.day[other]])
    week = np.concatenate([np.zeros(len(level), dtype=np.int64), phone.visit[other]])
    level = np.concatenate([level, phone.level[other]])
    arm = np.concatenate([arm, np.full(len(other), -1)])
    accepts = np.concatenate([accepts, np.full((len(other), 4), -1)])
    entry = np.arange(len(person)) < len(person) - len(other)
    order = np.argsort((person * 8 + level) * 2048 + day + 64, kind="stable")
    spelling = np.where(
        (level == L2A) & draws.chance("ivra spelling", chunk.number[person] * 2048 + day, 0.5), 6, level
    )
    columns: dict[str, Column] = {
        "txassign": words(arm[order], ARM_NAMES),
        "level": words(spelling[order], LEVEL_TWO_WAYS),
        "week": words(week[order], tuple(map(str, WEEKS))),
        "action_call": words(np.where(entry, 0, 1)[order], ("Entry", "Assessment")),
    }
    for place, name in enumerate(("medswl2", "medaugl2", "cogswl2", "cogaugl2")):
        columns[name] = words(accepts[order, place], ("1", "2"))
    return chunk.table("ivra01", person[order], day[order], columns, first_id)


def le01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row for each level that was left; nobody filled a form for those who never came back."""
    c = chunk.course
    left = c.entered & (c.exit != NO_RETURN)
    left[:, FU] = False
    person, level = np.nonzero(left)
    kind = c.exit[person, level]
    intolerant = kind == INTOLERANCE
    draws, key = chunk.draws, chunk.number[person] * 8 + level
    therapy = np.isin(c.arm[person, level], [ARM_NAMES.index("CT"), ARM_NAMES.index("CIT+CT")])
    left_study = (kind == LOST) | (level == L4)
    columns: dict[str, Column] = {
        "lestatus": words(left_study.astype(np.int8), ("1", "2")),
        "level": words(level, LEVEL_DASH),
    }
    asked = {
        "l1se": level == L1,
        "l2se": (level == L2) & ~therapy,
        "l2ase": level == L2A,
        "l2ctse": (level == L2) & therapy,
        "l3se": level == L3,
    }
    for name, here in asked.items():
        no = np.where(draws.chance(f"{name} blank", key, 0.5), -1, 0)
        columns[name] = words(np.where(here, np.where(intolerant, 1, no), -1), ("0", "1"))
    return chunk.table("le01", person, c.end[person, level], columns, first_id)
