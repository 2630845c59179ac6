"""What is asked once at entry about drugs taken before and about other disorders (mhx01, pdsq01), and what the blinded
rater hears about drugs at his calls (roa01).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from harmonize.mapping import read_mapping
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.persons import COMORBIDITIES
from harmonize.synthetic.stard_chunk import LEVEL_CALLS, Chunk
from harmonize.synthetic.stard_population import ARM_NAMES, ARMS, L1, LEVELS
from harmonize.synthetic.stard_rater import rater_calls
from harmonize.synthetic.text_columns import Column, words

# By block of the questionnaire: the disorder of the person that raises it, logit of a yes without and with it, and how
# much a point of severity above the usual adds. Assumption.
_BLOCKS: dict[str, tuple[str, float, float, float]] = {
    "PDSQ_DEPRESSION": ("", 0.9, 0.9, 0.10),
    "PDSQ_DYSTHYMIA": ("chronic", -0.8, 0.9, 0.05),
    "PDSQ_PTSD": ("ptsd", -1.8, 1.6, 0.04),
    "PDSQ_BULIMIA": ("", -2.2, -2.2, 0.02),
    "PDSQ_OCD": ("ocd", -2.4, 1.5, 0.03),
    "PDSQ_PANIC": ("panic", -2.0, 1.7, 0.04),
    "PDSQ_MANIA": ("", -2.6, -2.6, 0.01),
    "PDSQ_PSYCHOSIS": ("", -3.6, -3.6, 0.02),
    "PDSQ_AGORAPHOBIA": ("panic", -2.4, 0.4, 0.04),
    "PDSQ_SOCIAL": ("social_phobia", -1.3, 1.7, 0.03),
    "PDSQ_ALCOHOL": ("substance", -3.0, 1.0, 0.0),
    "PDSQ_DRUGS": ("substance", -3.4, 0.2, 0.0),
    "PDSQ_GAD": ("gad", 0.1, 2.2, 0.06),
    "PDSQ_SOMATISATION": ("", -1.0, -1.0, 0.05),
    "PDSQ_ILLNESS": ("", -2.0, -2.0, 0.04),
}
_HEARD = {
    # Drug of the study: how people name it on the telephone, first the usual brand.
    "citalopram": ("CELEXA", "CITALOPRAM"),
    "bupropion": ("WELLBUTRIN SR", "WELLBUTRIN"),
    "sertraline": ("ZOLOFT",),
    "venlafaxine": ("EFFEXOR XR", "EFFEXOR"),
    "buspirone": ("BUSPAR",),
    "mirtazapine": ("REMERON",),
    "nortriptyline": ("PAMELOR", "NORTRIPTYLINE"),
    "lithium": ("LITHIUM",),
    "liothyronine": ("CYTOMEL",),
    "tranylcypromine": ("PARNATE",),
}
_BESIDE = (
    # Spellings of dossier section 4, read.
    "LEXAPRO", "LEXIPRO", "LEXAPRO 10MG QD", "CYMBOLTA", "CYNBALTA", "LAMITAL", "LAWICTAL", "NEUROTIN", "TEGRATOL",
    "STRATERA",
)  # fmt: skip
_NAMES = (*(name for names in _HEARD.values() for name in names), *_BESIDE)


def _figures() -> Mapping[str, Any]:
    found: Mapping[str, Any] = parameters("stard")["screening"]
    return found


def mhx01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row per person, of few two that agree: the more episodes, the more often drugs were taken before."""
    draws, p, number = chunk.draws, _figures(), chunk.number
    persons = chunk.course.persons.persons
    share = np.where(
        persons.n_failed_trials > 0, 1.0, np.minimum(p["drugs_first_episode"] + 0.06 * persons.n_episodes, 0.9)
    )
    had = draws.chance("psmed", number, np.where(persons.treatment_naive, 0.0, share))
    code = np.where(draws.chance("psmed blank", number, p["drugs_blank"]), -1, had)
    person = np.repeat(np.arange(len(number)), 1 + draws.chance("mhx second row", number, p["second_row"]))
    day = -draws.below("mhx day", number, 4)[person]
    return chunk.table("mhx01", person, day, {"psmed": words(code[person], ("0", "1"))}, first_id)


def pdsq01(chunk: Chunk, first_id: int) -> pa.Table:
    """The questionnaire of nearly everybody; an item now and then is left out."""
    draws, p, number = chunk.draws, _figures(), chunk.number
    person = np.flatnonzero(~draws.chance("pdsq left out", number, p["pdsq_left_out"]))
    persons, key = chunk.course.persons.persons.at(person), number[person]
    own = 0.8 * draws.normal("pdsq person", key)
    columns: dict[str, Column] = {}
    for slot in next(b for b in read_mapping(chunk.study) if b.name == "pdsq").slots:
        raised_by, without, with_it, per_point = _BLOCKS[slot.name]
        has = np.zeros(len(person), dtype=bool)
        if raised_by == "chronic":
            has = persons.chronic
        elif raised_by:
            has = persons.comorbid[:, COMORBIDITIES.index(raised_by)]
        logit = np.where(has, with_it, without) + own + per_point * (persons.severity0 - 20.0)
        u = draws.matrix(slot.name, key, len(slot.columns))
        # Items of a block are not equally hard.
        hard = np.linspace(-0.8, 0.8, len(slot.columns))
        yes = u < 1 / (1 + np.exp(-(logit[:, None] - hard[None, :])))
        blank = draws.matrix(f"{slot.name} blank", key, len(slot.columns)) < p["pdsq_item_blank"]
        for place, name in enumerate(slot.columns):
            columns[name] = words(np.where(blank[:, place], -1, yes[:, place]), ("0", "1"))
    return chunk.table("pdsq01", person, -1 - draws.below("pdsq day", key, 7), columns, first_id)


def roa01(chunk: Chunk, first_id: int) -> pa.Table:
    """Drugs named at the calls of the blinded rater: those of the level, and now and then one the protocol forbids."""
    calls, c, draws, p = chunk.once(rater_calls), chunk.course, chunk.draws, _figures()
    level = calls.label - 1
    names = np.full((len(level), 3), -1)
    arm = np.where(level == L1, ARM_NAMES.index("CIT"), np.where(level > L1, c.arm[calls.person, level], -1))
    second_spelling = draws.chance("roa second spelling", calls.key, 0.3)
    for place_of_arm, label in enumerate(ARM_NAMES):
        at = (arm == place_of_arm) & (level >= 0) & (level < len(LEVELS))
        for place, drug in enumerate(ARMS[label]):
            said = _HEARD[drug]
            names[at, place] = np.where(second_spelling[at], _NAMES.index(said[-1]), _NAMES.index(said[0]))
    beside = draws.chance("roa beside", calls.key, np.where(calls.label == 0, p["beside_at_entry"], p["beside"]))
    which = len(_NAMES) - len(_BESIDE) + draws.below("roa which", calls.key, len(_BESIDE))
    free = (names >= 0).sum(axis=1)
    names[np.flatnonzero(beside), free[beside]] = which[beside]
    columns: dict[str, Column] = {f"medication{i + 1}_name": words(names[:, i], _NAMES) for i in range(3)}
    columns["level"] = words(calls.label, LEVEL_CALLS)
    return chunk.table("roa01", calls.person, calls.day, columns, first_id)
