"""The SPSS file of a synthetic iSPOT-D: its variables, value labels and missing codes. The layout is invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
from numpy.typing import NDArray

from harmonize.readers.values import number_texts, text_column
from harmonize.sources import Form, study
from harmonize.synthetic.draws import Draws, Floats, Ints, permuted
from harmonize.synthetic.ispotd_genes import FAILED, VARIANTS, genotypes
from harmonize.synthetic.ispotd_patients import ARMS, WEEKS, Patients, control_totals, draw_patients
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.persons import COMORBIDITIES, Flags, Persons, draw_persons
from harmonize.synthetic.worlds import World

FILE = "ispotd_clinical.sav"
LABEL = "SYNTHETIC DATA, nobody was measured. The layout is invented."
"""An SPSS file label holds 64 characters."""
NOTES = [
    "SYNTHETIC DATA. Written by a program; nobody was measured.",
    "THE LAYOUT IS INVENTED: names, codes and missing codes of the real iSPOT-D file",
    "are not public. They are to be replaced in the mapping document.",
]
MISSING = -99.0
PATIENTS_PER_CONTROL = 3
"""672 controls were planned beside 2,016 patients."""
CONTROL_NUMBERS = 2**40
"""Where the numbers of controls begin."""
SPELLING = [
    "SubjectID", "Site", "Country", "Diagnosis", "Arm", "Sex", "Age", "YrsEducation", "Ethnicity", "AgeOnset",
    "NumEpisodes", "EpisodeWeeks", "AnxiousFeat", "MiniGAD", "MiniSocPh", "MiniPTSD", "TreatedBefore", "Washout7d",
    "HDRS17_BL", "HDRS17_W8", "QIDSSR_BL", "QIDSmode_BL", "QIDSSR_W2", "QIDSmode_W2", "QIDSSR_W4", "QIDSmode_W4",
    "QIDSSR_W6", "QIDSmode_W6", "QIDSSR_W8", "QIDSmode_W8", "DoseW2_mg", "DoseW4_mg", "DoseW6_mg", "DoseW8_mg",
    "CompletedW8", "ReasonLeft", "WeeksTreated", *VARIANTS,
]  # fmt: skip
"""Variables of the file in order, as it spells them."""
YES_NO = {0: "no", 1: "yes"}
PRESENT = {0: "absent", 1: "present", MISSING: "not done"}
LABELS: dict[str, Any] = {
    "Country": {1: "USA", 2: "Australia", 3: "New Zealand", 4: "Netherlands", 5: "South Africa"},
    "Diagnosis": {0: "Healthy control", 1: "Major depressive disorder"},
    "Arm": {"ESC": "Escitalopram", "SER": "Sertraline", "VEN": "Venlafaxine XR"},
    "Sex": {1: "Male", 2: "Female"},
    "Ethnicity": {
        1: "White", 2: "Black", 3: "Asian", 4: "Hispanic or Latino", 5: "Pacific or Maori", 6: "Other",
        MISSING: "not answered",
    },
    "AnxiousFeat": YES_NO,
    "MiniGAD": PRESENT,
    "MiniSocPh": PRESENT,
    "MiniPTSD": PRESENT,
    "TreatedBefore": {0: "never treated", 1: "treated before"},
    "Washout7d": YES_NO,
    **{f"QIDSmode_{w}": {1: "Web", 2: "Telephone"} for w in ("BL", "W2", "W4", "W6", "W8")},
    "CompletedW8": YES_NO,
    "ReasonLeft": {1: "Lack of effect", 2: "Side effects", 3: "Lost to follow-up", 4: "Withdrew consent"},
}  # fmt: skip
DECLARED_MISSING = (
    "Ethnicity", "AgeOnset", "NumEpisodes", "MiniGAD", "MiniSocPh", "MiniPTSD", "HDRS17_W8",
    "QIDSSR_W2", "QIDSSR_W4", "QIDSSR_W6", "QIDSSR_W8",
)  # fmt: skip
"""Variables for which the file declares −99 as user-missing; in others it stands undeclared."""
UNDECLARED_MISSING = ("YrsEducation", "EpisodeWeeks", "ReasonLeft", "DoseW2_mg", "DoseW4_mg", "DoseW6_mg", "DoseW8_mg")
ASKED = ("Ethnicity", "AgeOnset", "NumEpisodes", "YrsEducation", "EpisodeWeeks", "MiniGAD", "MiniSocPh", "MiniPTSD")
"""Questions that some patients did not answer."""
DECLARED_FAILED = ("rs10245483", "rs2032583")
"""Variants for which the file declares a failed call as user-missing."""


def form() -> Form:
    """The declared form."""
    return study("ispotd").form("clinical")


def table(n: int, seed: int, there: World, first: int = 0) -> pd.DataFrame:
    """The rows of `n` patients and n // 3 controls, a control after every third patient; columns as in SPELLING.

    Numbers are floats with NaN for system-missing, text has '' there. A smaller `n` gives the first of the same rows,
    and `first`, a multiple of three, leaves so many patients and their controls out.
    """
    if first % PATIENTS_PER_CONTROL:
        raise ValueError(f"first {first} must be a multiple of {PATIENTS_PER_CONTROL}")
    draws = Draws(seed)
    patients = draw_patients(np.arange(first, first + n), seed, there)
    control = np.arange(first // PATIENTS_PER_CONTROL, (first + n) // PATIENTS_PER_CONTROL)
    rows = pd.concat([_patient_rows(patients, draws), _control_rows(control, draws, there)], ignore_index=True)
    place = np.concatenate([patient_row(patients.number), (control + 1) * (PATIENTS_PER_CONTROL + 1) - 1])
    rows["SubjectID"] = subject_ids(place, seed)
    return rows.iloc[np.argsort(place)][SPELLING].reset_index(drop=True)


def texts(rows: pd.DataFrame) -> pa.Table:
    """The cells of `table` as text, as landing reads them from the SPSS file; columns as declared."""

    def text(cells: pd.Series) -> pa.Array:
        return number_texts(cells.to_numpy()) if cells.dtype.kind == "f" else text_column(cells)

    return pa.table({name.lower(): text(rows[name]) for name in rows.columns})


def patient_row(number: Ints) -> Ints:
    """The row of the file (from 0) in which a patient stands."""
    return number + number // PATIENTS_PER_CONTROL


def subject_ids(row: Ints, seed: int) -> NDArray[np.object_]:
    """The study's numbers of the persons in these rows: they tell neither order nor group."""
    return np.array([f"S{number:08d}" for number in permuted(row, seed, 8, 10)], dtype=object)


def write_sav(path: Path, rows: pd.DataFrame) -> None:
    """Write the SPSS file; equal rows give equal bytes."""
    described = form()
    pyreadstat.write_sav(
        rows,
        path,
        file_label=LABEL,
        note=NOTES,
        column_labels={name: _label(described.column(name.lower()).description) for name in SPELLING},
        variable_value_labels=LABELS,
        missing_ranges={
            **{name: [MISSING] for name in DECLARED_MISSING},
            **{name: [FAILED] for name in DECLARED_FAILED},
        },
        variable_measure=dict.fromkeys(LABELS, "nominal"),
    )
    _without_clock(path)


def _label(description: str) -> str:
    """A variable label, which says that the variable is made up."""
    return f"SYNTHETIC (invented layout): {description}"[:255]


def _without_clock(path: Path) -> None:
    """Overwrite date and time of writing, the 17 bytes at 92 of the header record (SPSS system file format)."""
    with path.open("r+b") as file:
        file.seek(92)
        file.write(b"01 Jan 0000:00:00")


def _patient_rows(found: Patients, draws: Draws) -> pd.DataFrame:
    p, who, number = parameters("ispotd"), found.persons, found.number
    rows = _person_columns(who, number, draws)
    rows["Diagnosis"] = 1.0
    rows["Arm"] = np.array(ARMS, dtype=object)[found.arm]
    rows["AgeOnset"] = who.age_at_onset.astype(float)
    rows["NumEpisodes"] = who.n_episodes.astype(float)
    rows["EpisodeWeeks"] = np.rint(who.episode_weeks)
    rows["AnxiousFeat"] = found.anxious.astype(float)
    for column, name in (("MiniGAD", "gad"), ("MiniSocPh", "social_phobia"), ("MiniPTSD", "ptsd")):
        rows[column] = who.comorbid[:, COMORBIDITIES.index(name)].astype(float)
    rows["TreatedBefore"] = (~who.treatment_naive).astype(float)
    rows["Washout7d"] = np.where(who.treatment_naive, np.nan, 1.0)
    rows["HDRS17_BL"], rows["HDRS17_W8"] = _scores(found.hrsd17, found.rated).T
    phone = _by_phone(found, draws)
    for v, week in enumerate(("BL", "W2", "W4", "W6", "W8")):
        rows[f"QIDSSR_{week}"] = _scores(found.qids[:, v], found.held[:, v])
        rows[f"QIDSmode_{week}"] = np.where(found.held[:, v], 1.0 + phone[:, v], np.nan)
    doses = np.array([p["dosing"]["mg"][arm] for arm in ARMS])
    for v, week in enumerate(WEEKS[1:].astype(int), start=1):
        rows[f"DoseW{week}_mg"] = np.where(found.held[:, v], doses[found.arm, found.dose[:, v - 1]], np.nan)
    rows["CompletedW8"] = found.completed.astype(float)
    rows["ReasonLeft"] = np.where(found.completed, np.nan, found.left.astype(float))
    rows["WeeksTreated"] = found.weeks
    for variant in VARIANTS:
        rows[variant] = genotypes(variant, who, number, found.genotyped, draws)
    _code_missing(rows, found, draws)
    return rows


def _code_missing(rows: pd.DataFrame, found: Patients, draws: Draws) -> None:
    """Missing values: −99 where the person did not say, and where a site writes it for what was not done."""
    p, number = parameters("ispotd")["missing"], found.number
    for column in ASKED:
        rows.loc[draws.chance(f"ispotd unknown {column}", number, p["unknown"]), column] = MISSING
    left = ~found.completed
    rows.loc[left & draws.chance("ispotd unknown reason", number, p["unknown_reason"]), "ReasonLeft"] = MISSING
    writes_code = np.isin(found.persons.site, p["sites_with_code"])
    for column in (c for c in SPELLING if c.startswith(("HDRS17_W", "QIDSSR_W", "Dose"))):
        rows.loc[writes_code & rows[column].isna().to_numpy(), column] = MISSING


def _control_rows(control: Ints, draws: Draws, there: World) -> pd.DataFrame:
    """Healthy controls have a baseline visit, and nothing of what concerns depression or treatment."""
    number = CONTROL_NUMBERS + control
    rows = _person_columns(draw_persons("ispotd", number, draws, there), number, draws)
    rows["Diagnosis"] = 0.0
    hrsd17, qids = control_totals(number, draws, there)
    rows["HDRS17_BL"], rows["QIDSSR_BL"], rows["QIDSmode_BL"] = hrsd17.astype(float), qids.astype(float), 1.0
    for name in SPELLING:
        if name not in rows and name != "SubjectID":
            rows[name] = "" if name == "Arm" or name in VARIANTS else np.nan
    return rows


def _person_columns(who: Persons, number: Ints, draws: Draws) -> pd.DataFrame:
    p = parameters("ispotd")["persons"]
    country = np.array(p["site_country"])[who.site - 1]
    pacific = (country == 3) & draws.chance("ispotd pacific", number, p["pacific_in_new_zealand"])
    group = np.where(who.hispanic, 4, np.array([1, 2, 3, 6])[who.race])
    return pd.DataFrame(
        {
            "Site": who.site.astype(float),
            "Country": country.astype(float),
            "Sex": 1.0 + who.female,
            "Age": np.floor(who.age * 10) / 10,
            "YrsEducation": who.education_years.astype(float),
            "Ethnicity": np.where(pacific, 5, group).astype(float),
        }
    )


def _by_phone(found: Patients, draws: Draws) -> Flags:
    """(n, 5) contacts by telephone: a person's habit, more often of older ones; never at baseline, in the clinic."""
    p = parameters("ispotd")["visits"]
    share = np.clip(p["by_phone"] * (found.persons.age / p["by_phone_age"]), 0, 1)
    habit = draws.chance("ispotd by phone", found.number, share)
    cells = found.number[:, None] * 64 + np.arange(len(WEEKS))
    phone = habit[:, None] ^ draws.chance("ispotd other way", cells, p["other_way"])
    phone[:, 0] = False
    return phone


def _scores(score: Ints, known: Flags) -> Floats:
    return np.where(known, score.astype(float), np.nan)
