"""What the persons of a synthetic MARS are given: intervals of drugs under German names, with dose and plasma level.

Nothing is randomised: who is more ill, or has failed before, gets other drugs; who does not improve by week 4 is
switched or augmented, and again by week 8. The drugs have no effect in the model: the course was drawn before them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.mars_course import DISCHARGED, WEEKS, Cohort, Stay
from harmonize.synthetic.parameters import parameters

OPEN = np.iinfo(np.int64).max
"""Last day of a drug that went on."""


@dataclass(frozen=True)
class Drug:
    """A drug as the wards write it; `level` is a usual plasma level in ng/ml, 0 where none is measured."""

    names: tuple[str, ...]
    doses: tuple[float, ...]
    level: float = 0.0


DRUGS = (
    Drug(("Cipramil", "Citalopram"), (20.0, 40.0), 60.0),
    Drug(("Cipralex", "Escitalopram"), (10.0, 20.0), 25.0),
    Drug(("Zoloft", "Sertralin"), (50.0, 100.0), 40.0),
    Drug(("Seroxat", "Paroxetin"), (20.0, 40.0), 60.0),
    Drug(("Trevilor retard", "Venlafaxin"), (150.0, 225.0), 200.0),
    Drug(("Cymbalta", "Duloxetin"), (60.0, 90.0), 60.0),
    Drug(("Remergil", "Mirtazapin"), (30.0, 45.0), 45.0),
    Drug(("Saroten", "Amitriptylin"), (100.0, 150.0), 140.0),
    Drug(("Stangyl", "Trimipramin"), (100.0, 200.0), 180.0),
    Drug(("Aponal", "Doxepin"), (100.0, 150.0), 90.0),
    Drug(("Anafranil", "Clomipramin"), (100.0, 150.0), 200.0),
    Drug(("Edronax", "Reboxetin"), (4.0, 8.0), 100.0),
    Drug(("Jatrosom", "Tranylcypromin"), (20.0, 40.0)),
    Drug(("Quilonum retard", "Lithiumcarbonat"), (900.0, 1125.0)),  # its level is in mmol/l and has another column
    Drug(("Seroquel", "Quetiapin"), (150.0, 300.0), 120.0),
    Drug(("Zyprexa", "Olanzapin"), (7.5, 10.0), 35.0),
    Drug(("Risperdal", "Risperidon"), (0.5, 2.0), 20.0),
    Drug(("Ergenyl", "Valproinsäure"), (600.0, 1200.0)),
    Drug(("Lamictal", "Lamotrigin"), (100.0, 200.0)),
    Drug(("Tavor", "Lorazepam"), (1.5, 2.5)),
    Drug(("EKT", "Elektrokonvulsionstherapie"), (np.nan, np.nan)),
)
FIRST, LATER, AUGMENTATION = np.arange(7), np.arange(4, 13), np.array([13, 14, 15])
ANTIPSYCHOTIC, STABILISER, SEDATIVE, ECT = np.array([14, 15, 16]), np.array([13, 17, 18]), 19, 20


@dataclass(frozen=True)
class Given:
    """Rows of the drug form: position of the person, stay, whether before the stay, drug, days from joining."""

    who: Ints
    stay: Ints
    past: NDArray[np.bool_]
    drug: Ints
    name: Ints
    """Position in the drug's names."""
    dose: Floats
    begin: Ints
    end: Ints
    """OPEN for one that went on."""
    level: Floats
    """NaN where it was not measured."""


def given(cohort: Cohort, draws: Draws) -> Given:
    """All rows, by person, stay and first day."""
    number = cohort.persons.number
    rows: list[Given] = []
    index = cohort.stays[0]
    arrived, on_arrival, carried_on = _before(cohort, draws, rows)
    for place, stay in enumerate(cohort.stays):
        own = number[stay.who] * 8 + place
        end = stay.start + stay.left
        open_end = np.where(draws.chance("goes on", own, 0.3) & (stay.kind == DISCHARGED), OPEN, end)
        add = _Adding(rows, stay.who, place, draws, own)
        severe = (stay.total[:, 0] >= 30) | (cohort.persons.n_failed_trials[stay.who] >= 2)
        first = _of(np.where(severe, 1, 0), draws, "ward drug", own)
        begin = stay.start + draws.below("ward drug begins", own, 6)
        none_new = np.zeros(len(own), bool)
        if stay is index:
            none_new = carried_on & draws.chance("no new drug", own, 0.35)
        switched, augmented = _decisions(stay, 4, 25, draws, own)
        week_8 = _decisions(stay, 8, 50, draws, own)
        day_4 = stay.start + stay.days[:, np.searchsorted(WEEKS, 4)] + 1
        day_8 = stay.start + stay.days[:, np.searchsorted(WEEKS, 8)] + 1
        until = np.where(switched, day_4 - 1, open_end)
        titrated = draws.chance("titrated", own, 0.6) & ~none_new
        full = begin + 4 + draws.below("full dose", own, 5)
        low = titrated & (full < np.minimum(until, end))
        add(~none_new & low, first, begin, full - 1, step=0)
        add(~none_new, first, np.where(low, full, begin), until, step=1)
        other = _other(first, LATER, draws, "switch to", own)
        add(switched, other, day_4, np.where(week_8[0], day_8 - 1, open_end))
        add(augmented, AUGMENTATION[draws.below("augment with", own, 3)], day_4, open_end)
        third = _other(other, LATER, draws, "switch again", own)
        add(week_8[0] & switched, third, day_8, open_end)
        add(week_8[1] & draws.chance("ECT", own, 0.25), np.full(len(own), ECT), day_8, end)
        until = np.minimum(stay.start + 7 + draws.below("sedative days", own, 30), end)
        add(draws.chance("sedative", own, 0.4), np.full(len(own), SEDATIVE), stay.start, until)
        bipolar = cohort.bipolar[stay.who] & draws.chance("stabiliser", own, 0.7)
        begin = stay.start + draws.below("stabiliser begins", own, 10)
        add(bipolar & (begin < end), STABILISER[draws.below("which stabiliser", own, 3)], begin, open_end)
        psychotic = cohort.psychotic[stay.who] & draws.chance("antipsychotic", own, 0.85)
        # Whoever has one as augmentation is not given another.
        add(psychotic & ~augmented, ANTIPSYCHOTIC[draws.below("which antipsychotic", own, 3)], stay.start, open_end)
    late = arrived + draws.below("stopped on", number, 10)
    until = np.where(carried_on, index.left, np.minimum(late - arrived, index.left))
    add = _Adding(rows, index.who, 0, draws, number * 8 + 6)
    add(arrived < 0, on_arrival, arrived, until)
    together = Given(*(np.concatenate([getattr(r, f.name) for r in rows]) for f in fields(Given)))
    order = np.lexsort((together.drug, together.begin, ~together.past, together.stay, together.who))
    kept = order[_distinct(together, order)]
    return Given(*(getattr(together, f.name)[kept] for f in fields(Given)))


def _before(cohort: Cohort, draws: Draws, rows: list[Given]) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Adds the failed trials; first day and drug the patients come with (day 0: none), and whether it is kept."""
    who = cohort.persons
    everybody = np.arange(len(who))
    comes_with = draws.chance("comes with a drug", who.number, 0.7)
    arrived = np.where(comes_with, -7 - draws.below("on it since", who.number, 80), 0)
    on_arrival = FIRST[draws.below("drug on arrival", who.number, len(FIRST))]
    carried_on = comes_with & draws.chance("carried on", who.number, 0.35)
    end = arrived - 1
    for trial in range(int(max(len(parameters("mars")["persons"]["failed_trials"]) - 1, 0))):
        own = who.number * 8 + trial
        begin = end - 28 - draws.below("days of a past trial", own, 60)
        drug = np.concatenate([FIRST, LATER])[draws.below("past drug", own, len(FIRST) + len(LATER))]
        add = _Adding(rows, everybody, 0, draws, own, past=True)
        add(who.n_failed_trials > trial, drug, begin, end)
        end = begin - 1 - draws.below("between past trials", own, 10)
    return arrived, on_arrival, carried_on


def _decisions(
    stay: Stay, week: int, least: int, draws: Draws, own: Ints
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who is switched and who augmented, because the rating of the week fell by less than `least` %."""
    place = int(np.searchsorted(WEEKS, week))
    fall = 100 * (stay.total[:, 0] - stay.total[:, place])
    failing = (stay.last > place) & (fall < least * stay.total[:, 0])
    switch = draws.chance(f"switch at week {week}", own, 0.55)
    return failing & switch, failing & ~switch


def _of(severe: Ints, draws: Draws, name: str, own: Ints) -> Ints:
    """A first drug of the stay: the more ill get dual and older drugs more often."""
    mild = FIRST[draws.below(f"{name} mild", own, len(FIRST))]
    hard = LATER[draws.below(f"{name} severe", own, len(LATER))]
    return np.where(severe == 1, hard, mild)


def _other(before: Ints, among: Ints, draws: Draws, name: str, own: Ints) -> Ints:
    """Another drug than the one before."""
    place = draws.below(name, own, len(among))
    drug = among[place]
    return np.where(drug == before, among[(place + 1) % len(among)], drug)


class _Adding:
    """Adds rows for some of the persons of a stay."""

    def __init__(self, rows: list[Given], who: Ints, stay: int, draws: Draws, own: Ints, past: bool = False) -> None:
        self.rows, self.who, self.stay, self.draws, self.own, self.past = rows, who, stay, draws, own, past

    def __call__(
        self,
        chosen: NDArray[np.bool_],
        drug: Ints,
        begin: Ints,
        end: Ints,
        step: int | None = None,
    ) -> None:
        chosen = chosen & (np.broadcast_to(begin, chosen.shape) <= end)
        at = np.flatnonzero(chosen)
        turn = len(self.rows)
        key = self.own[at] * 64 + turn
        which = self.draws.below("dose", key, 2) if step is None else np.full(len(at), step)
        doses = np.array([d.doses for d in DRUGS])
        usual = np.array([d.level for d in DRUGS])[drug[at]]
        level = usual * np.exp(0.5 * self.draws.normal("level", key))
        measured = (usual > 0) & self.draws.chance("level measured", key, 0.0 if self.past else 0.6)
        self.rows.append(
            Given(
                who=self.who[at],
                stay=np.full(len(at), self.stay),
                past=np.full(len(at), self.past),
                drug=drug[at],
                name=self.draws.below("name", key, 2),
                dose=doses[drug[at], which],
                begin=np.broadcast_to(begin, chosen.shape)[at],
                end=np.broadcast_to(end, chosen.shape)[at],
                level=np.where(measured, np.round(level, 1), np.nan),
            )
        )


def _distinct(rows: Given, order: Ints) -> NDArray[np.bool_]:
    """False for a second row of one person, drug and first day: two reasons for one prescription."""
    key = np.stack([rows.who[order], rows.drug[order], rows.begin[order], rows.past[order]])
    place = np.lexsort(key)
    same = np.zeros(len(order), bool)
    same[place[1:]] = (key[:, place[1:]] == key[:, place[:-1]]).all(axis=0)
    return ~same
