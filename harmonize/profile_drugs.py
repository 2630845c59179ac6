"""Columns that name a drug, the columns of their doses, and which of the names are known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harmonize.profile import REASON_OF, Profile
from harmonize.profile_names import plain
from harmonize.profile_words import DOSE, DRUG, DRUG_START, DRUG_STOP, NO_DRUG, YES_NO
from harmonize.reference import seed_rows

if TYPE_CHECKING:
    from harmonize.profile_roles import Roles

_STRENGTH = r"\(?\b\d+([.,]\d+)?(\s*[-–/]\s*\d+([.,]\d+)?)?\s*(mg|µg|ug|mcg|g)?(\s*/\s*(d|day|tag|die))?\b\)?"
_FORM = (
    r"\b(xr|er|sr|cr|xl|la|retard|ret|hcl|hydrochloride|hydrochlorid|hydrobromide|oxalate|tabs?|tabletten?"
    r"|filmtabl)\b\.?"
)


@dataclass
class Drug:
    """A column of drug names with its column of doses. `known` maps names to treatments, `unknown` counts the rest."""

    name: Profile
    dose: Profile | None = None
    known: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    start: Profile | None = None
    stop: Profile | None = None
    """Dates or days of the first and the last day of the drug."""
    unit: Profile | None = None
    """The unit of the doses, where it is the same in all rows."""
    none: list[str] = field(default_factory=list)
    """Words that say that there is no drug."""

    @property
    def words_to_add(self) -> dict[str, str]:
        """Names that are no synonym yet but are plainly a known one with a strength or a form beside it."""
        listed = synonyms()
        return {n: t for n, t in self.known.items() if n not in listed}


def synonyms() -> dict[str, str]:
    """Names of treatments, in lower case, with the treatment each means."""
    return {r["synonym"]: r["treatment_id"] for r in seed_rows("drug_synonyms") if r["treatment_id"]}


def treatment_of(name: str) -> str | None:
    """The treatment a name means, with or without strength and form: 'Escitalopram 10 mg', 'Venlafaxin retard'."""
    listed = synonyms()
    text = re.sub(r"\s+", " ", name.strip().lower())
    bare = re.sub(r"\s+", " ", re.sub(_STRENGTH, " ", text)).strip(" ,;-")
    for candidate in (text, bare, re.sub(r"\s+", " ", re.sub(_FORM, " ", bare)).strip(" ,;-.")):
        if candidate in listed:
            return listed[candidate]
    return None


def find_drugs(columns: list[Profile], roles: Roles) -> None:
    """Add the drugs of a file to its roles; the arm's column only where a dose stands beside it."""
    doses = [c for c in columns if c.kind == "number" and _is(DOSE, c) and c is not roles.arm]
    names = [c for c in columns if c.kind == "text" and _names_drugs(c)]
    only_arm = len(names) == 1 and names[0] is roles.arm
    for column in names:
        if column is roles.arm and (not only_arm or not doses):
            continue
        rest = _rest(DRUG, column)
        dose = next((d for d in doses if _rest(DOSE, d) in (rest, _rest(DRUG, column) or "")), None)
        if dose is None and len(names) == 1 and len(doses) == 1:
            dose = doses[0]
        if dose is not None:
            doses.remove(dose)
        roles.drugs.append(_drug(column, dose))
    for dose in doses:
        roles.questions.append(
            (
                dose.name,
                "a dose, and no column names its drug",
                "Add a block for treatments with the drug as a constant, if it is needed",
            )
        )


def find_intervals(columns: list[Profile], roles: Roles) -> None:
    """First and last day of the drug, where a file names one drug: columns of dates or days called start and stop."""
    if len(roles.drugs) != 1:
        return
    (drug,) = roles.drugs
    clock = roles.clock
    start = clock.args.partition(";")[0] if clock is not None and clock.verb == "days_between" else ""
    timed = [c for c in columns if c.kind == "date" or (c.kind == "number" and c.whole)]
    timed = [c for c in timed if c.name != start.strip()]  # the person's start is not the drug's
    drug.start = next((c for c in timed if _is(DRUG_START, c)), None)
    units = [c for c in columns if c.kind == "text" and len(c.values) == 1 and _is(r"units?|einheit", c)]
    drug.unit = units[0] if units and drug.dose is not None else None
    drug.stop = next((c for c in timed if _is(DRUG_STOP, c) and c is not drug.start), None)


def _drug(column: Profile, dose: Profile | None) -> Drug:
    drug = Drug(column, dose)
    for value, n in column.values.items():
        if value.lower() in REASON_OF or value in column.missing:
            continue
        if plain(value) in NO_DRUG:
            drug.none.append(value)
        elif found := treatment_of(value):
            drug.known[value.lower()] = found
        else:
            drug.unknown[value.lower()] = drug.unknown.get(value.lower(), 0) + n
    return drug


def _words(column: Profile) -> list[str]:
    return re.findall(r"[a-z]+|\d+", plain(column.delivered))


def _is(pattern: str, column: Profile) -> bool:
    return any(re.fullmatch(pattern, w) for w in _words(column))


def _rest(pattern: str, column: Profile) -> str:
    """The name without its word for drug or dose: '2' of drug2, 'aug' of aug_dose."""
    drop = rf"{pattern}|{DOSE}|name|day|tag|d|daily|in"
    return "_".join(w for w in _words(column) if not re.fullmatch(drop, w))


def _names_drugs(column: Profile) -> bool:
    real = [v for v in column.values if v.lower() not in REASON_OF and plain(v) not in NO_DRUG]
    if not real or {plain(v) for v in real} <= YES_NO:
        return False
    known = sum(treatment_of(v) is not None for v in real)
    return known >= (0.34 if _is(DRUG, column) else 0.6) * len(real)
