"""How dates may be written in raw text: a closed list, each with what its text must look like.

The pattern stands before the engine's own reading, which is generous: it takes 12.03.99 for the year 99.
A year of two digits is read only where the contract names the century, as DD.MM.20YY: that of a birth date cannot be
told, that of a visit mostly can. It holds for the years 2000 to 2069, which every engine reads alike.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DateFormat:
    """A way to write a day: the whole text must match `pattern` (any case); then `read` says how it becomes a date.

    `read` is a strptime format, or the day from which a whole number of days is counted.
    """

    pattern: str
    read: str
    example: str

    @property
    def is_serial(self) -> bool:
        """Whether the text is a number of days."""
        return "%" not in self.read


_TIME = "([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?"
DATE_FORMATS = {
    # A time of day is passed over: days are counted, and typed files deliver date and time in this form.
    "YYYY-MM-DD": DateFormat(f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_TIME}", "%Y-%m-%d", "2001-03-12"),
    "DD.MM.YYYY": DateFormat("[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}", "%d.%m.%Y", "12.03.2001"),
    "DD/MM/YYYY": DateFormat("[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%d/%m/%Y", "12/03/2001"),
    "MM/DD/YYYY": DateFormat("[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%m/%d/%Y", "03/12/2001"),
    "DD-MM-YYYY": DateFormat("[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}", "%d-%m-%Y", "12-03-2001"),
    "YYYY/MM/DD": DateFormat("[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d", "2001/03/12"),
    "DD.MM.20YY": DateFormat("[0-9]{1,2}[.][0-9]{1,2}[.][0-6][0-9]", "%d.%m.%y", "12.03.01"),
    "DD/MM/20YY": DateFormat("[0-9]{1,2}/[0-9]{1,2}/[0-6][0-9]", "%d/%m/%y", "12/03/01"),
    "MM/DD/20YY": DateFormat("[0-9]{1,2}/[0-9]{1,2}/[0-6][0-9]", "%m/%d/%y", "03/12/01"),
    "YYYYMMDD": DateFormat("[0-9]{8}", "%Y%m%d", "20010312"),
    "DDMONYYYY": DateFormat("[0-9]{1,2}[A-Z]{3}[0-9]{4}", "%d%b%Y", "12MAR2001"),
    # Serial 60 is a day that never was, 29 February 1900, and those before it are one off: from 100 on only.
    "excel": DateFormat("[1-9][0-9]{2,6}", "1899-12-30", "36962"),
    "sas": DateFormat("-?[0-9]{1,6}", "1960-01-01", "15046"),
}
"""`DDMONYYYY` is DATE9. of SAS; `excel` and `sas` are days as numbers, where a cell or column lost its date format."""
