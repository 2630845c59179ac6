"""The three forms of a synthetic MARS as German text: what the delimited delivery holds, cell by cell.

Quirks that are put in: k.A. beside blanks, items and totals left blank, letters that contradict the ratings, drugs
under brand and generic names, decimal commas.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonize.sources import Form, study
from harmonize.synthetic.draws import Draws, Floats, Ints, permuted
from harmonize.synthetic.mars_course import Cohort, Stay
from harmonize.synthetic.mars_drugs import DRUGS, OPEN, Given
from harmonize.synthetic.parameters import parameters

Flags = NDArray[np.bool_]

FIRST_DAY = np.datetime64("2000-10-02")
YEARS = 6
CLINICS = ("München", "Augsburg", "Ingolstadt")
NOT_SAID = "k.A."


def joined(number: Ints, draws: Draws) -> NDArray[np.datetime64]:
    """First day of admission 1."""
    return FIRST_DAY + draws.below("joined", number, YEARS * 365).astype("timedelta64[D]")


def patient_numbers(number: Ints, seed: int) -> pa.Array:
    """PatID: as many digits as a hospital's, in no order."""
    digits = pc.cast(pa.array(permuted(number, seed, 8, 10)), pa.string())
    return pc.binary_join_element_wise("MP", pc.utf8_lpad(digits, 8, "0"), "")


def forms(cohort: Cohort, drugs: Given, seed: int, draws: Draws) -> dict[str, pa.Table]:
    """Raw forms, every value text, columns as declared, blanks null."""
    number = cohort.persons.number
    names, first = patient_numbers(number, seed), joined(number, draws)
    return {
        "patienten": _patients(cohort, names, first, draws),
        "hamd": _ratings(cohort, names, first, draws),
        "medikation": _drugs(cohort, drugs, names, first, draws),
    }


def _patients(cohort: Cohort, names: pa.Array, first: NDArray[np.datetime64], draws: Draws) -> pa.Table:
    """A row per admission, by person."""
    design, who = parameters("mars")["design"], cohort.persons
    stays = cohort.stays
    at = np.concatenate([s.who for s in stays])
    nr = np.concatenate([np.full(len(s.who), place, np.int64) for place, s in enumerate(stays)])
    order = np.lexsort((nr, at))
    at, nr = at[order], nr[order]

    def joint(of: list[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(of)[order]

    key = who.number[at] * 8 + nr
    start, kind = joint([s.start for s in stays]), joint([s.kind for s in stays])
    letter = {n: joint([getattr(s, n) for s in stays]) for n in ("responded", "remitted")}
    for name in letter:
        letter[name] = letter[name] ^ draws.chance(f"letter {name}", key, design["letter_differs"])
    known = {c: ~draws.chance(f"not said {c}", key, design["not_said"]) for c in ("migration", "onset", "letter")}
    still_there = (kind == 3) & draws.chance("still there", key, 0.1)
    years = who.age_at_onset[at]
    born = (first.astype("datetime64[Y]").astype(np.int64) + 1970 - np.floor(who.age).astype(np.int64))[at]
    # The episode is at least as long as the trials in it took.
    weeks = np.maximum(who.episode_weeks, 12.0 * who.n_failed_trials + 2)[at]
    again = 2 + 8 * draws.uniform("weeks of the next episode", key)
    return _table(
        "patienten",
        patid=names.take(pa.array(at)),
        aufnahme_nr=_whole(nr + 1),
        ersteinschluss=_days(first[at]),
        klinik=_words(cohort.clinic[at], CLINICS),
        geschlecht=_words(who.female[at], ("männlich", "weiblich")),
        gebjahr=_whole(born),
        aufnahme=_days(first[at] + start),
        entlassung=_days(first[at] + start + joint([s.left for s in stays]), ~still_there),
        beobachtungsende=_days(first[at] + start + joint([s.observed for s in stays])),
        entlassungsart=_words(kind, ("E", "A", "V", "B")),
        diagnose_icd10=_diagnoses(cohort, at, nr, draws),
        episoden=_whole(np.minimum(who.n_episodes[at] + nr, 30)),
        ersterkrankung_alter=_or_not_said(_whole(years), known["onset"]),
        episodendauer_wochen=_decimal(np.round(np.where(nr == 0, weeks, again), 1)),
        vortherapien_ohne_erfolg=_whole(np.where(nr == 0, who.n_failed_trials[at], 0)),
        migration=_or_not_said(
            _words(draws.chance("migration", who.number[at], design["migration"]), ("N", "J")), known["migration"]
        ),
        ausbildungsjahre=_whole(who.education_years[at]),
        ansprechen=_or_not_said(_words(letter["responded"], ("N", "A")), known["letter"]),
        remission_arztbrief=_or_not_said(_words(letter["remitted"], ("N", "J")), known["letter"]),
    )


def _diagnoses(cohort: Cohort, at: Ints, nr: Ints, draws: Draws) -> pa.Array:
    """F31 bipolar, F32 single, F33 recurrent episode; the second figure goes with severity and psychosis."""
    index = cohort.stays[0]
    severe = (index.total[:, 0] >= 25)[at]
    recurrent = (cohort.persons.n_episodes[at] > 1) | (nr > 0)
    codes = ("F32.1", "F32.2", "F33.1", "F33.2", "F31.3", "F31.4", "F32.3", "F33.3", "F31.5")
    plain = np.where(cohort.bipolar[at], 4 + severe, 2 * recurrent + severe)
    psychotic = np.where(cohort.bipolar[at], 8, 6 + recurrent)
    return _words(np.where(cohort.psychotic[at], psychotic, plain), codes)


def _ratings(cohort: Cohort, names: pa.Array, first: NDArray[np.datetime64], draws: Draws) -> pa.Table:
    """A row per rating, by person, admission and day."""
    design, who = parameters("mars")["design"], cohort.persons
    parts = []
    for place, stay in enumerate(cohort.stays):
        held = _held(stay, place, who.number, draws, design["missed"])
        row, visit = np.nonzero(held)
        parts.append((stay.who[row], np.full(len(row), place), visit, (stay.start[:, None] + stay.days)[row, visit],
                      stay.items[row, visit], stay.total[row, visit]))  # fmt: skip
    at, nr, visit, day, items, total = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((visit, nr, at))
    at, nr, visit, day, items, total = (column[order] for column in (at, nr, visit, day, items, total))
    key = (who.number[at] * 8 + nr) * 64 + visit
    blank_item = np.where(
        draws.chance("item blank", key, design["items_blank"]), draws.below("which item", key, 21), -1
    )
    # Who leaves an item blank writes the total all the same; never both are missing.
    no_total = draws.chance("total blank", key, design["total_blank"]) & (blank_item < 0)
    columns = {f"hamd{i + 1:02d}": _whole(items[:, i], blank_item != i) for i in range(21)}
    return _table(
        "hamd",
        patid=names.take(pa.array(at)),
        aufnahme_nr=_whole(nr + 1),
        ersteinschluss=_days(first[at]),
        datum=_days(first[at] + day),
        woche=_whole(np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16])[visit]),
        hamd21_summe=_whole(total, ~no_total),
        **columns,
    )


def _held(stay: Stay, place: int, number: Ints, draws: Draws, missed: float) -> Flags:
    """Which ratings stand in the file: the first and the last always."""
    visits = np.arange(stay.total.shape[1])
    key = (number[stay.who] * 8 + place)[:, None] * 64 + visits
    between = (visits > 0) & (visits < stay.last[:, None])
    return (visits <= stay.last[:, None]) & ~(between & draws.chance("rating missed", key, missed))


def _drugs(cohort: Cohort, drugs: Given, names: pa.Array, first: NDArray[np.datetime64], draws: Draws) -> pa.Table:
    """A row per drug, dose and time."""
    widest = max(len(d.names) for d in DRUGS)
    words = tuple(name for d in DRUGS for name in (*d.names, *d.names)[:widest])
    open_end = drugs.end == OPEN
    key = (cohort.persons.number[drugs.who] * 64 + drugs.drug) * 4096 + drugs.begin % 4096
    level = _decimal(drugs.level, ~np.isnan(drugs.level))
    said = draws.chance("level not said", key, 0.1) & np.isnan(drugs.level)
    dose_known = ~np.isnan(drugs.dose)
    return _table(
        "medikation",
        patid=names.take(pa.array(drugs.who)),
        aufnahme_nr=_whole(drugs.stay + 1),
        ersteinschluss=_days(first[drugs.who]),
        art=_words(drugs.past, ("S", "V")),
        wirkstoff=_words(drugs.drug * widest + drugs.name, words),
        dosis_mg=_or_not_said(_decimal(drugs.dose, dose_known), dose_known),
        beginn=_days(first[drugs.who] + drugs.begin),
        ende=_days(first[drugs.who] + np.where(open_end, 0, drugs.end), ~open_end),
        spiegel_ng_ml=_or_not_said(level, ~said),
    )


@cache
def form(name: str) -> Form:
    """The declared form."""
    return study("mars").form(name)


def _table(name: str, **columns: pa.Array) -> pa.Table:
    return pa.table({column: columns[column] for column in form(name).column_names})


def _whole(values: Ints, known: Flags | None = None) -> pa.Array:
    return pc.cast(pa.array(np.asarray(values, dtype=np.int64), mask=None if known is None else ~known), pa.string())


def _decimal(values: Floats, known: Flags | None = None) -> pa.Array:
    """With a comma, and without a fraction that is zero."""
    clean = np.where(np.isnan(values), 0.0, values)
    text = pc.cast(pa.array(clean, mask=None if known is None else ~known), pa.string())
    return pc.replace_substring(pc.replace_substring_regex(text, r"\.0$", ""), ".", ",")


def _days(days: NDArray[np.datetime64], known: Flags | None = None) -> pa.Array:
    days = np.asarray(days).astype("datetime64[D]")
    return pc.strftime(pa.array(days, mask=None if known is None else ~known), format="%d.%m.%Y")


def _words(codes: Ints | Flags, words: tuple[str, ...]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(np.asarray(codes, dtype=np.int64)))


def _or_not_said(text: pa.Array, known: Flags) -> pa.Array:
    return pc.if_else(pa.array(known), text, pa.scalar(NOT_SAID))
