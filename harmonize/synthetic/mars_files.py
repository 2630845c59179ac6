"""The forms of a synthetic MARS as files: a workbook, or delimited text in Windows-1252.

Both hold the same cells. In the workbook most days are Excel dates and most numbers are numbers, but some of both are
text, as in sheets that many hands have filled; in the text files everything is text, with commas and DD.MM.YYYY.
"""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import xlsxwriter

from harmonize.synthetic.mars_forms import form

WORKBOOK = "MARS_SYNTHETISCH.xlsx"
TEXT_FILES = {"patienten": "Patienten.csv", "hamd": "HAMD.csv", "medikation": "Medikation.csv"}
SHEETS = {"patienten": "Patienten", "hamd": "HAMD", "medikation": "Medikation"}
NOTES_SHEET = "Hinweise"
MOST_ROWS = 1_048_575
"""Rows of a sheet below its header."""
DAYS = ("ersteinschluss", "aufnahme", "entlassung", "beobachtungsende", "datum", "beginn", "ende")
NUMBERS = ("aufnahme_nr", "gebjahr", "episoden", "ersterkrankung_alter", "episodendauer_wochen",
           "vortherapien_ohne_erfolg", "ausbildungsjahre", "woche", "dosis_mg", "spiegel_ng_ml", "hamd21_summe",
           *(f"hamd{i:02d}" for i in range(1, 22)))  # fmt: skip
TEXT_EVERY = {"spiegel_ng_ml": 2, "episodendauer_wochen": 3, "dosis_mg": 7, "datum": 11, "beginn": 5, "ende": 4}
"""In these columns of the workbook each so-manieth cell is text, the first of them in row 1."""
ENCODING = "cp1252"

NOTES = """\
SYNTHETIC DATA. Written by a program; nobody was measured.
SYNTHETISCHE DATEN. Von einem Programm geschrieben; niemand wurde untersucht.

Study: MARS. Persons: {n}. Seed: {seed}. World: {world}.
The layout is INVENTED: no file, form or codebook of the study was seen. Names, codes and sheets follow the habits of a
German hospital, so that the import can be tried; real files will look different.
Der Aufbau ist ERFUNDEN: keine Datei und kein Codebuch der Studie lag vor.

Ersteinschluss: first day of admission 1, day 0. Woche: week since the admission of the row, not since a drug's start.
Entlassungsart: E discharged as planned, A left against advice, V moved to another hospital, B still there in week 16.
Ansprechen: A angesprochen (responded), N nicht. Migration, Remission_Arztbrief: J ja, N nein. These are answers.
k.A. (keine Angabe) and blank cells are missing. Art: S in hospital, V failed trial of the episode before admission.
"""


def heading(column: str) -> str:
    """A column's name as a German sheet has it."""
    special = {"patid": "PatID", "gebjahr": "GebJahr", "diagnose_icd10": "Diagnose_ICD10", "dosis_mg": "Dosis_mg",
               "spiegel_ng_ml": "Spiegel_ng_ml", "hamd21_summe": "HAMD21_Summe",
               "vortherapien_ohne_erfolg": "Vortherapien_ohne_Erfolg"}  # fmt: skip
    if column in special:
        return special[column]
    return column.upper() if column.startswith("hamd") else "_".join(p.capitalize() for p in column.split("_"))


def write_workbook(folder: Path, forms: dict[str, pa.Table], notes: str) -> dict[str, Path]:
    """One workbook with a sheet per form and a sheet of notes. Raises ValueError where a form is too long for one."""
    longest = max(data.num_rows for data in forms.values())
    if longest > MOST_ROWS:
        raise ValueError(f"a sheet holds {MOST_ROWS:,} rows, and there are {longest:,}: write the text files instead")
    path = folder / WORKBOOK
    with xlsxwriter.Workbook(path, {"default_date_format": "dd.mm.yyyy"}) as book:
        # Without a fixed day the same data would never give the same bytes.
        book.set_properties({"title": "MARS: SYNTHETIC DATA", "created": datetime(2020, 1, 1)})
        sheet = book.add_worksheet(NOTES_SHEET)
        sheet.write_column(0, 0, notes.splitlines())
        for name, data in forms.items():
            sheet = book.add_worksheet(SHEETS[name])
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(data.column_names):
                sheet.write(0, place, heading(column))
                sheet.write_column(1, place, _cells(column, data.column(column)))
    return {path.name: path}


def start_text(folder: Path) -> dict[str, Path]:
    """The text files with their names only."""
    paths = {file: folder / file for file in TEXT_FILES.values()}
    for name, file in TEXT_FILES.items():
        header = ";".join(heading(c) for c in form(name).column_names) + "\r\n"
        (folder / file).write_bytes(header.encode(ENCODING))
    return paths


def append_text(folder: Path, forms: dict[str, pa.Table]) -> None:
    """Rows at the end of the text files."""
    options = pacsv.WriteOptions(include_header=False, delimiter=";", quoting_style="needed")
    for name, data in forms.items():
        out = io.BytesIO()
        pacsv.write_csv(data, out, options)
        text = out.getvalue().decode().replace("\n", "\r\n")
        with (folder / TEXT_FILES[name]).open("ab") as stream:
            stream.write(text.encode(ENCODING))


def _cells(column: str, text: pa.ChunkedArray) -> list[Any]:
    """Cells of a sheet: typed where the text is a day or a number, but for some; None is an empty cell."""
    words = text.to_numpy(zero_copy_only=False)
    if column not in DAYS and column not in NUMBERS:
        return list(words)
    typed = np.array([word is not None and word != "k.A." for word in words], dtype=bool)
    if column in TEXT_EVERY:
        typed &= np.arange(len(words)) % TEXT_EVERY[column] != 0
    cells = words.astype(object)
    if column in DAYS:
        cells[typed] = [datetime.strptime(word, "%d.%m.%Y") for word in words[typed]]
    else:
        cells[typed] = [float(word.replace(",", ".")) for word in words[typed]]
    return list(cells)
